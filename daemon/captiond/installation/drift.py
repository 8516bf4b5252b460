"""How an installed service differs from what `captiond install` would write now."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from captiond.installation import units
from captiond.installation.layout import Layout
from captiond.installation.plan import Known

SYSTEM_FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
)
"""Where systemd looks for units and their drop-ins, the first before the others (systemd.unit(5))."""


@dataclass(frozen=True, slots=True)
class Installed:
    """An installed service.

    Args:
        unit_file: the unit in force.
        program: what it starts, None if that can't be read.
        changed: whether it is another unit than the one that comes with this captiond.
        closed: whether its sandbox opens other folders than the configuration names.
        drop_ins: what changes the unit beside captiond's own drop-in.
    """

    unit_file: Path
    program: Path | None
    changed: bool
    closed: bool
    drop_ins: tuple[Path, ...]


def look(layout: Layout, known: Known) -> Installed | None:
    """The installed service; None if there is none. Raises OSError, InstallError."""
    unit_file = next((path for path in _places(layout, layout.unit_file.name) if path.is_file()), None)
    if unit_file is None:
        return None
    text = unit_file.read_text(encoding="utf-8", errors="replace")
    program = units.program_of(text)
    shipped = units.unit(layout, program or Path("/"))
    own = layout.at(layout.drop_in) if layout.drop_in is not None else None
    return Installed(
        unit_file=unit_file,
        program=program,
        changed=units.without_program(text) != units.without_program(shipped),
        closed=own is not None and _text(own) != known.drop_in(layout),
        drop_ins=tuple(path for path in _drop_ins(layout) if path != own),
    )


def _places(layout: Layout, name: str) -> Iterator[Path]:
    folders = [layout.unit_file.parent] if layout.personal else map(Path, SYSTEM_FOLDERS)
    return (layout.at(folder / name) for folder in folders)


def _drop_ins(layout: Layout) -> Iterator[Path]:
    for name in dict.fromkeys([f"{layout.unit_file.name}.d", f"{layout.unit}.d"]):
        for folder in _places(layout, name):
            yield from sorted(folder.glob("*.conf"))


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def runs(program: Path) -> bool:
    """Whether a program is there to be started."""
    return os.access(program, os.X_OK)
