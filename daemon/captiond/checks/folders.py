"""Checks of the watched folders: that they are there, can be read and written beside, and how they can be watched."""

from __future__ import annotations

import grp
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from captiond import sidecar
from captiond.checks import unit
from captiond.checks.finding import Finding, Situation, fail, ok, warn
from captiond.config.models import WatchMode
from captiond.watch.tree import limit_of

MANY_WATCHES = 524288
MANY_INSTANCES = 1024
"""What is proposed where there are too few; a watch takes about 1 kB of the kernel's memory when it is used."""
MANY_EVENTS = 16384
"""Linux's own limit of the event queue; below it bursts are found by scans alone."""
_QUEUE = "fs.inotify.max_queued_events"
SHARE = 0.8
"""Of the watches: beyond it there is a warning, because other programs need some too."""


def folders(situation: Situation) -> Iterator[Finding]:
    """Each root is there and can be listed."""
    if not situation.settings.watch:
        yield warn(
            "no folder is configured to be watched", "add a [[watch]] table, or name folders with `captiond run DIR`"
        )
    for watch in situation.settings.watch:
        path = watch.path
        if path in situation.silent:
            yield fail(f"{path} does not answer", "check the server and the network, or mount it again")
        elif not path.exists():
            yield fail(f"{path} is not there", "mount or make it; its files wait until then")
        elif not path.is_dir():
            yield fail(f"{path} is no folder", "name the folder that holds the files")
        else:
            yield _listed(path)
            if unread := situation.trees[path].unread:
                yield warn(
                    f"{_such(unread, path)} can't be read: what is in there is not seen",
                    "give captiond's user the right to list and enter them, or exclude them",
                )


def _such(folders: Sequence[str], root: Path) -> str:
    number = f"{len(folders):,} {'folder' if len(folders) == 1 else 'folders'} below {root}"
    return f"{number}, such as {min(folders)},"


def _listed(path: Path) -> Finding:
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                entry.stat(follow_symlinks=False)
                break
    except OSError as error:
        return fail(f"{path} can't be read ({error.strerror})", "give captiond's user the right to list and read it")
    return ok(f"{path} can be read")


def sidecars(situation: Situation) -> Iterator[Finding]:
    """Sidecars can be written beside the files."""
    settings = situation.settings.sidecar
    if not settings.enabled:
        yield ok("sidecars are off")
        return
    yield from _given(situation)
    off = "or set `sidecar.enabled = false`"
    for path in (watch.path for watch in situation.there):
        if os.statvfs(path).f_flag & os.ST_RDONLY:
            yield warn(
                f"{path} is on a read-only file system: its captions are in the database alone",
                f"mount it for writing, {off}",
            )
        elif not os.access(path, os.W_OK | os.X_OK):
            yield warn(
                f"{path} can't be written by this user: its captions are in the database alone",
                f"{_right(path)}, {off}",
            )
        else:
            yield ok(f"{path} takes sidecars (*{settings.suffix})")
            if unwritten := situation.trees[path].unwritten:
                yield warn(
                    f"{_such(unwritten, path)} can't be written by this user: their captions are in the database alone",
                    f"{_right(Path(min(unwritten)))}, {off}",
                )


def _given(situation: Situation) -> Iterator[Finding]:
    """They can be given to the configured owner and group, as far as that is not the file system's to say."""
    settings = situation.settings.sidecar
    withheld = set(sidecar.withheld(sidecar.Rights(owner=settings.owner_id, group=settings.group_id)))
    if "group" in withheld and unit.gives_group(situation):
        withheld.remove("group")
    whose: list[tuple[sidecar.What, str, str | None]] = [
        ("owner", "user", settings.owner),
        ("group", "group", settings.group),
    ]
    for what, kind, name in whose:
        if what in withheld:
            yield warn(
                f"sidecars can't be given to the {kind} {name} by this user: they are written all the same",
                sidecar.REMEDIES[what],
            )
        elif name is not None:
            yield ok(f"sidecars are given to the {kind} {name}")


def _right(path: Path) -> str:
    """How captiond's user gets the right to write a folder: by its group, if that may."""
    status = path.stat()
    if status.st_mode & stat.S_IWGRP and status.st_mode & stat.S_IXGRP:
        try:
            group = grp.getgrgid(status.st_gid).gr_name
        except KeyError:
            group = str(status.st_gid)
        return f"let captiond's user into its group (under systemd SupplementaryGroups={group} in a drop-in)"
    return "give captiond's user the right to write it"


def watching(situation: Situation) -> Iterator[Finding]:
    """The mode of each root fits its file system, which tells inotify about this machine's own writes alone."""
    for watch in situation.there:
        network = situation.trees[watch.path].network
        if network and watch.mode is WatchMode.INOTIFY:
            yield warn(
                f"{watch.path} is on {network}, where inotify does not see what other machines write: "
                f"it is found by the scan every {watch.scan_seconds:g} s",
                'set its `mode` to "auto" or "poll"',
            )
        elif network:
            yield ok(f"{watch.path} is on {network}: compared every {watch.poll_seconds:g} s")
        elif watch.mode is WatchMode.POLL:
            yield ok(f"{watch.path} is compared every {watch.poll_seconds:g} s")
        else:
            yield ok(f"{watch.path} is watched with inotify")


def inotify(situation: Situation) -> Iterator[Finding]:
    """There are watches enough for every folder, and room for bursts of events."""
    watches, instances, queue = _limit("watches"), _limit("instances"), limit_of(_QUEUE)
    if watches is None or instances is None or queue is None:
        yield warn("this kernel has no inotify", 'every root is polled; set `mode = "poll"` to silence this')
        return
    needed, watched, counted = 0, 0, True
    for watch in situation.there:
        tree = situation.trees[watch.path]
        if watch.mode is not WatchMode.POLL and tree.network is None:
            needed, watched, counted = needed + tree.folders, watched + 1, counted and tree.whole
    text = f"{'' if counted else 'at least '}{needed:,} {'folder' if needed == 1 else 'folders'} to watch"
    yield _enough(needed, watches, f"{text}, {watches.value:,} watches allowed", MANY_WATCHES)
    if watched > instances.value * SHARE:
        text = f"{watched:,} roots to watch, {instances.value:,} inotify instances allowed"
        yield _enough(watched, instances, text, MANY_INSTANCES)
    if queue < MANY_EVENTS:
        yield warn(
            f"the kernel keeps {queue:,} events: what a larger burst writes is found by a scan",
            _sysctl(_QUEUE, MANY_EVENTS),
        )


class _Limit(NamedTuple):
    value: int
    setting: str


def _limit(what: str) -> _Limit | None:
    """The lower one of the machine's and of the user namespace's, in which a container or a service may be."""
    settings = (f"fs.inotify.max_user_{what}", f"user.max_inotify_{what}")
    limits = [_Limit(value, setting) for setting in settings if (value := limit_of(setting)) is not None]
    return min(limits, default=None)


def _enough(needed: int, limit: _Limit, text: str, many: int) -> Finding:
    remedy = _sysctl(limit.setting, max(many, needed * 2))
    if needed > limit.value:
        return fail(text + ": the roots that get none are polled", remedy)
    return warn(text, remedy) if needed > limit.value * SHARE else ok(text)


def _sysctl(setting: str, value: int) -> str:
    return f"sysctl {setting}={value} (in /etc/sysctl.d to keep it)"
