"""Which software reads media here: what it can't read today, a newer one may."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from captiond import __version__

DECODERS = ("av", "imagecodecs", "pillow", "pillow-heif", "rawpy")
"""The packages that decode, as far as they are installed."""


def software() -> str:
    """captiond's version and its decoders', in one line: another line means other abilities."""
    found = [f"captiond {__version__}"]
    for package in DECODERS:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
