"""What is to be done to install a service, and to take it away again."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from captiond.config.models import Settings
from captiond.errors import InstallError
from captiond.installation import units
from captiond.installation.layout import DROP_IN, USER, Layout
from captiond.installation.steps import File, Folder, Remove, RemoveIfEmpty, Run, Step
from captiond.mounts import read_mounts
from captiond.paths import is_under
from captiond.store.engine import path_of

_DESCRIPTION = "captions images and videos"
_HOME = "/var/lib/captiond"
_DATABASE = "captions.db"


@dataclass(frozen=True, slots=True)
class Known:
    """What the configuration says that the service's sandbox has to open.

    Args:
        roots: the watched folders.
        database: its file, None without a configuration.
        sidecars: whether they are written beside the files.
        group: the one that they are given to.
    """

    roots: tuple[Path, ...] = ()
    database: Path | None = None
    sidecars: bool = True
    group: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """What these settings say. Raises DatabaseError for an address that is none."""
        url = settings.database.url
        return cls(
            roots=tuple(watch.path for watch in settings.watch),
            database=path_of(url) if url else None,
            sidecars=settings.sidecar.enabled,
            group=settings.sidecar.group if settings.sidecar.enabled else None,
        )

    def drop_in(self, layout: Layout) -> str:
        """The text of the service's own drop-in. Raises InstallError."""
        return units.drop_in(layout, self.roots, self.database, sidecars=self.sidecars, group=self.group)


def install(layout: Layout, program: Path, known: Known, *, now: bool) -> Iterator[Step]:
    """The steps, in order; done again they change what has changed.

    Args:
        layout: where everything goes.
        program: the captiond that the unit starts.
        known: what the configuration that is there says.
        now: whether the service is (re)started, too.

    Raises:
        InstallError: a path can't be written in a unit.
    """
    if not layout.personal:
        user = f'u {USER} - "{_DESCRIPTION}" {_HOME}\n'
        yield Run(("systemd-sysusers", *_root(layout), "-"), user)
        state = f"d {layout.state} 0750 {USER} {USER}\n"
        yield Run(("systemd-tmpfiles", *_root(layout), "--create", "-"), state)
        yield Folder(layout.at(layout.key.parent), 0o700)
    yield Folder(layout.at(layout.config.parent), 0o755)
    yield File(layout.at(layout.config), units.config(layout), keep=True)
    yield File(layout.at(layout.unit_file), units.unit(layout, program))
    if layout.drop_in is not None:
        yield File(layout.at(layout.drop_in), known.drop_in(layout))
    yield from _reload(layout)
    yield _systemctl(layout, "enable", layout.unit)
    if now:
        yield _systemctl(layout, "restart", layout.unit)


def uninstall(layout: Layout, known: Known, *, state: bool, user: bool) -> Iterator[Step]:
    """The steps that take the service away. The watched folders and their sidecars are in none of them.

    Args:
        layout: where everything is.
        known: what the configuration says.
        state: whether database, configuration and key go, too.
        user: whether the system user goes, too.

    Raises:
        InstallError: a watched folder or a mount lies in the state folder, which would go; or another service needs the
            user.
    """
    unit_file = layout.at(layout.unit_file)
    others = _others(layout)
    if user and (others or layout.personal):
        raise InstallError(f"the user {USER} is needed by {', '.join(others)}" if others else "there is no system user")
    if unit_file.exists():
        yield _systemctl(layout, "disable", *_at_once(layout), layout.unit)
        if not _root(layout):
            yield _systemctl(layout, "reset-failed", layout.unit, may_fail=True)
        if layout.drop_in is not None and layout.at(layout.drop_in).exists():
            yield Remove(layout.at(layout.drop_in))
            yield RemoveIfEmpty(layout.at(layout.drop_in.parent))
        if not (layout.template and any("@" in other for other in others)):
            yield Remove(unit_file)
        yield from _reload(layout)
    if state:
        yield from _purge(layout, known)
    if user:
        yield Run(("userdel", *(("--root", str(layout.root)) if _root(layout) else ()), USER))


def _purge(layout: Layout, known: Known) -> Iterator[Step]:
    if layout.at(layout.state).is_symlink():
        raise InstallError(f"{layout.state} is a link: remove it, and what it leads to, yourself")
    state = os.path.realpath(layout.at(layout.state))
    for root in known.roots:
        if is_under(os.path.realpath(layout.at(root)), state):
            raise InstallError(f"{root} is watched, and lies in {layout.state}, which would be removed: move it first")
    for mount in read_mounts():
        if mount.point != state and is_under(mount.point, state):
            raise InstallError(f"{mount.point} is mounted in {layout.state}, which would be removed: unmount it first")
    yield from _purge_state(layout, known)
    for path in (layout.config, layout.key):
        if layout.at(path).exists():
            yield Remove(layout.at(path))
    yield RemoveIfEmpty(layout.at(layout.config.parent))


def _purge_state(layout: Layout, known: Known) -> Iterator[Step]:
    """What is captiond's in its state folder: what somebody else put there is not, and stays."""
    database = known.database or layout.state / _DATABASE
    own = [layout.at(layout.state) / "models"]
    if is_under(str(database), str(layout.state)):
        beside = layout.at(database.parent)
        own += [*sorted(beside.glob(f"{glob.escape(database.name)}*")), beside / "backups", beside / "downloads"]
    for path in own:
        if os.path.lexists(path):
            yield Remove(path, tree=path.is_dir() and not path.is_symlink())
    if layout.at(layout.state).is_dir():
        yield RemoveIfEmpty(layout.at(layout.state))


def _others(layout: Layout) -> list[str]:
    """The other captionds of this machine that are enabled, or have a drop-in."""
    if layout.personal:
        return []
    units_folder = layout.at(layout.unit_file.parent)
    found = {path.name for path in units_folder.glob(f"*.wants/{USER}*.service")}
    found |= {path.parent.name.removesuffix(".d") for path in units_folder.glob(f"{USER}*.service.d/{DROP_IN}")}
    return sorted(found - {layout.unit})


def _root(layout: Layout) -> tuple[str, ...]:
    return () if layout.root == Path("/") else (f"--root={layout.root}",)


def _at_once(layout: Layout) -> tuple[str, ...]:
    return () if _root(layout) else ("--now",)


def _systemctl(layout: Layout, *words: str, may_fail: bool = False) -> Run:
    whose = ("--user",) if layout.personal else ()
    return Run(("systemctl", *whose, *_root(layout), *words), may_fail=may_fail)


def _reload(layout: Layout) -> Iterator[Step]:
    """systemd is told; one that does not run under this root has nothing to be told."""
    if not _root(layout):
        yield _systemctl(layout, "daemon-reload")
