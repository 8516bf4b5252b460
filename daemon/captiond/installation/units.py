"""What the installed files say: the shipped unit and example configuration, fitted to this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from captiond.config import accounts
from captiond.errors import InstallError
from captiond.installation.layout import Layout
from captiond.paths import is_under

_PROGRAM = re.compile(r"^(ExecStart=)\S+", re.MULTILINE)
_DATABASE = '#url = "sqlite:////var/lib/captiond/captions.db"'
"""The line of config.example.toml that the service's configuration has to set: without it the commands that a person
types look for the database under $XDG_STATE_HOME."""

HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108  # compared with, not written to
"""What the sandbox hides from the service (ProtectHome=tmpfs, PrivateTmp=yes): it is opened folder by folder."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""A group's name that systemd takes as it is, systemd.syntax(7); others it takes by their number."""
_GROUP = """\
# Sidecars are given to this group, so it belongs to it. For that the numbers of groups have to be known inside the sandbox,
# and the call that gives a file has to be allowed: it gives one's own files, and to one's own groups.
SupplementaryGroups={group}
PrivateUsers=no
SystemCallFilter=fchown fchown32
"""

_DROP_IN = """\
# Written by `captiond install` from {config}, and written anew each time it is called.
# What you change yourself belongs into another file: systemctl edit {unit}
[Service]
"""


def shipped(name: str) -> str:
    """A file that comes with captiond: beside the package when installed, else at the checkout's top.

    Raises:
        InstallError: the installation lacks it.
    """
    here = Path(__file__).resolve()
    for folder in (here.parents[1], here.parents[3]):
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8")
    raise InstallError(f"captiond's {name} is missing from its installation: install it again")


def unit(layout: Layout, program: Path) -> str:
    """The unit that starts this program. Raises InstallError."""
    name = f"systemd/user/{layout.unit_file.name}" if layout.personal else f"systemd/{layout.unit_file.name}"
    command = _quoted(program, "the program")
    return _PROGRAM.sub(lambda match: match[1] + command.replace("$", "$$"), shipped(name), count=1)


def without_program(text: str) -> str:
    """A unit's text without the program that it starts, for a comparison."""
    return re.sub(r'^(ExecStart=)("[^"]*"|\S+)', r"\1", text, count=1, flags=re.MULTILINE)


def program_of(text: str) -> Path | None:
    """The program that a unit starts, with what systemd puts before its path taken off; None if that is no path."""
    found = re.search(r'^ExecStart=[-@:+!|]*(?:"([^"]*)"|(\S+))', text, re.MULTILINE)
    name = (found[1] or found[2]) if found else ""
    home = os.path.expanduser("~")
    path = Path(re.sub(r"^%h(?=/)", lambda _: home, name).replace("%%", "%").replace("$$", "$"))
    return path if path.is_absolute() else None


def config(layout: Layout) -> str:
    """A first configuration: the example, with the service's database named. Raises InstallError."""
    text = shipped("config.example.toml")
    if layout.personal:
        return text  # the service and the commands look for it in the same place
    return text.replace(_DATABASE, f'url = "sqlite:///{layout.state / "captions.db"}"', 1)


def drop_in(
    layout: Layout, roots: Iterable[Path], database: Path | None, *, sidecars: bool, group: str | None = None
) -> str:
    """What opens the sandbox for these roots, and for a database that is elsewhere than in the state folder.

    Args:
        layout: where the service has its files.
        roots: the watched folders.
        database: its file, None if it is not known yet.
        sidecars: whether they are written; else the roots stay read-only.
        group: the one that they are given to.

    Raises:
        InstallError: a path can't be written in a unit.
    """
    shown, written, bound = set[Path](), set[Path](), set[Path]()
    for root in roots:
        # Of a root that is a link both ends: a path that is not there is passed over.
        for path in {Path(os.path.abspath(root)), Path(os.path.realpath(root))}:
            if hidden(path):
                shown.add(path)
            elif sidecars:
                written.add(path)
    if database is not None and not is_under(str(database), str(layout.state)):
        (bound if hidden(database) else written).add(database.parent)
    lines = [_DROP_IN.format(config=layout.config, unit=layout.unit.removesuffix(".service"))]
    if written:
        lines.append(
            "# All else is read-only. The minus: a folder that is away does not keep the service from starting.\n"
        )
        lines += [f"ReadWritePaths={_quoted(path, 'the folder', before='-')}\n" for path in sorted(written)]
    if shown or bound:
        lines.append("# The sandbox hides what is around these.\n")
        keys = dict.fromkeys(shown, "BindPaths" if sidecars else "BindReadOnlyPaths")
        keys |= dict.fromkeys(bound, "BindPaths")  # the database is written in any case
        lines += [f"{key}=-{_escaped(path, 'the folder')}\n" for path, key in sorted(keys.items())]
    if group is not None:
        lines.append(_GROUP.format(group=group if _PLAIN_NAME.fullmatch(group) else accounts.group_id(group)))
    return "".join(lines)


def hidden(path: Path) -> bool:
    """Whether the sandbox hides it."""
    return any(is_under(str(path), folder) for folder in HIDDEN)


def _writable(path: Path, what: str) -> str:
    """The path with systemd's specifiers escaped. Raises InstallError for what a unit's line can't hold."""
    text = str(path)
    if not text.isprintable() or set(text) & set("\"'\\"):
        raise InstallError(f"{what} {path} has a character in its name that no systemd unit can hold: rename it")
    return text.replace("%", "%%")


def _quoted(path: Path, what: str, *, before: str = "") -> str:
    text = before + _writable(path, what)
    return f'"{text}"' if " " in text else text


def _escaped(path: Path, what: str) -> str:
    """BindPaths= splits its value once more after the quotes are gone (at a colon, too): a backslash lasts till then."""
    return re.sub(r"([ :])", r"\\\1", _writable(path, what))
