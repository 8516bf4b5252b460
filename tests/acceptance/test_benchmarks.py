"""Each benchmark runs to its end. Its figures are for a machine that does nothing else, not for a test."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = sorted((Path(__file__).parents[2] / "benchmarks").glob("[a-z]*.py"))


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("script", BENCHMARKS, ids=lambda path: path.stem)
def test_a_quick_run_ends_with_a_line_of_json(script: Path) -> None:
    if script.stem == "reencode" and shutil.which("ffmpeg") is None:
        pytest.skip("needs the ffmpeg program")
    done = subprocess.run([sys.executable, script, "--quick"], capture_output=True, text=True, timeout=380, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["benchmark"] == script.stem
    assert found["quick"] is True
