"""Whether a root is there. An empty mount point looks like a folder whose files were all deleted: it must not be taken so.

A root is offline when its folder is missing or can't be listed, when the file system on which it was last seen is not
mounted any more, or when /etc/fstab names it, or a folder above it, as a mount point on which nothing is mounted.
"""

from __future__ import annotations

import errno
import os
import stat as stat_module
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from captiond.mounts import AWAY, FSTAB, MOUNTINFO, Mount, fstab_points, mount_of, must_be_polled, read_mounts
from captiond.paths import is_under, to_text

LOOKS: Final = 5
"""How often a root is looked at again because mounts came or went meanwhile."""


class State(StrEnum):
    """The two states of a root."""

    ONLINE = "online"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Health:
    """What was found of a root.

    `reason` says in a few words why it is offline and `remedy` what to do; `mount_point` and `fstype` are None when it is
    offline. Two healths with the same `identity` mean the same folder on the same mount, with the same mounts below it.
    (It may have been unmounted and mounted again in between, for the kernel uses a mount's number again; inotify tells of
    that.)
    """

    state: State
    reason: str | None = None
    remedy: str | None = None
    mount_point: str | None = None
    fstype: str | None = None
    identity: tuple[int, ...] = ()

    @property
    def online(self) -> bool:
        return self.state is State.ONLINE

    @property
    def network(self) -> bool:
        """Whether the root must be polled."""
        return self.fstype is not None and must_be_polled(self.fstype)


def classify(
    root: str,
    stored_mount_point: str | None = None,
    *,
    probe: bool = False,
    mountinfo: Path = MOUNTINFO,
    fstab: Path = FSTAB,
) -> Health:
    """Look at a root. It may hang where a network file system does.

    Args:
        root: its folder, absolute.
        stored_mount_point: where its file system was mounted when it was last online; None for not known.
        probe: list the folder as well, which asks the server where a cached answer may do otherwise.
        mountinfo: another file than the kernel's.
        fstab: another file than /etc/fstab.
    """
    for _ in range(LOOKS):
        try:
            mounts = read_mounts(mountinfo)
            real = os.path.realpath(root)
            found = _look(root, real, stored_mount_point, probe, mounts, fstab)
            if _around(real, read_mounts(mountinfo)) == _around(real, mounts):
                return found
        except OSError as error:
            return from_error(error)
        # What was seen of the folder may belong to one mount and the mount to another.
    return offline("is being mounted or unmounted", "wait a moment")


def _look(
    root: str, real: str, stored_mount_point: str | None, probe: bool, mounts: Sequence[Mount], fstab: Path
) -> Health:
    mount = mount_of(real, mounts)
    if mount is not None and mount.fstype == "autofs":
        os.stat(root + "/.")  # to look into it mounts it: the mounts are others after it, and it is looked at again
    found = _unmounted(real, root, stored_mount_point, mounts, fstab)
    if found is not None:
        return found
    status = os.stat(root)
    if not stat_module.S_ISDIR(status.st_mode):
        return offline("not a folder", "put the folder back")
    if probe:
        with os.scandir(root) as entries:
            next(entries, None)
    if mount is None:
        return Health(State.ONLINE, identity=(status.st_dev, status.st_ino))
    below = [one.id for one in mounts if one.id != mount.id and one.point != real and is_under(one.point, real)]
    return Health(
        State.ONLINE,
        mount_point=mount.point,
        fstype=mount.fstype,
        identity=(mount.id, status.st_dev, status.st_ino, *below),
    )


def from_error(error: OSError) -> Health:
    """The health of a root whose folder can't be listed because of this error."""
    what = error.strerror or str(error)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return offline("no such folder", "mount it or make it")
    if error.errno in (errno.EACCES, errno.EPERM):
        return offline(f"can't be read: {what.lower()}", "give captiond's user the right to list and enter it")
    if error.errno in AWAY:
        return offline(f"does not answer: {what.lower()}", "check the server and the network, or mount it again")
    return offline(f"can't be listed: {what.lower()}", "see what `ls` says of it")


def offline(reason: str, remedy: str) -> Health:
    """An offline root."""
    return Health(State.OFFLINE, reason, remedy)


def degraded(health: Health, reason: str) -> Health:
    """An online root of which something must be told."""
    return replace(health, reason=reason)


def message(root: str, health: Health, waiting: int) -> str:
    """One line for a person. `root` is printable text, `waiting` how many of its files are known."""
    if health.online:
        return f"root {root} is online" + (f": {health.reason}" if health.reason else "")
    files = (
        "its 1 file waits; {0} and it goes on" if waiting == 1 else f"its {waiting:,} files wait; {{0}} and they go on"
    )
    return f"root {root} is offline ({health.reason}): " + files.format(health.remedy)


def _around(real: str, mounts: Sequence[Mount]) -> list[Mount]:
    """The mounts that a folder depends on, and those in it."""
    return [mount for mount in mounts if is_under(real, mount.point) or is_under(mount.point, real)]


def _unmounted(real: str, root: str, stored: str | None, mounts: Sequence[Mount], fstab: Path) -> Health | None:
    """Offline, if a file system that belongs here is not mounted."""
    points = {mount.point for mount in mounts}
    here = mount_of(real, mounts)
    for path in {real, root}:
        for point in fstab_points(fstab):
            if is_under(path, point) and point not in points and os.path.realpath(point) not in points:
                return _not_mounted(point, real, root)
    # Something mounted further down, since then, is as good: a share in place of a folder on it.
    covered = here is not None and stored is not None and is_under(here.point, stored)
    if stored and stored != "/" and stored not in points and not covered:
        # A root that was moved to another file system for good is taken out of the configuration and put back.
        return _not_mounted(stored, real, root)
    if here is not None and here.fstype == "autofs":
        return offline("not mounted", "mount it by hand to see why the automounter can't")
    return None


def _not_mounted(point: str, real: str, root: str) -> Health:
    return offline("not mounted", "mount it" if point in (real, root) else f"mount {to_text(point)}")
