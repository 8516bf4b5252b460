"""How much of the faults is made: what continuous integration has time for, or all of them."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from faults_made import Amount


@pytest.fixture(scope="session")
def amount() -> Amount:
    """By $CAPTIOND_FAULTS: `all`, as `./dev faults --all` sets it, or unset."""
    if os.environ.get("CAPTIOND_FAULTS") == "all":
        return Amount(points=None, examples=1000, folders=500, soak_seconds=3600)
    return Amount(points=260, examples=100, folders=100, soak_seconds=600)


@pytest.fixture(scope="session")
def _traceable() -> None:
    """Skips where strace is missing or may not trace."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    tried = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"tracing is not allowed here: {tried.stderr.strip()}")
