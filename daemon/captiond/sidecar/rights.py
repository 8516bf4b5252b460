"""Whose a sidecar is, and who may read it: as configured, as far as the system lets captiond's user give it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from dataclasses import dataclass
from typing import Final, Literal

What = Literal["group", "owner"]

_REFUSED = (errno.EPERM, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)
"""EPERM: no right to, or a file system without owners. EINVAL: a number that this user name space does not know, as in a
container, or under a unit's PrivateUsers=."""

REMEDIES: Final[dict[What, str]] = {
    "group": "captiond's user has to be in the group: `captiond install --now` lets the service in, `usermod -aG` a user, who "
    "then starts captiond anew",
    "owner": "only root can give files away: leave `sidecar.owner` out, and set `sidecar.group` and `sidecar.mode` for those "
    "who are to change sidecars",
}
"""What to do where it can't be given."""


@dataclass(frozen=True, slots=True)
class Rights:
    """A sidecar's mode, and the numbers of its owner and group; None: as the system makes it."""

    mode: int | None = None
    owner: int | None = None
    group: int | None = None


def have(status: os.stat_result, rights: Rights) -> bool:
    """Whether a file with this status has these rights already."""
    pairs = (
        (rights.mode, stat.S_IMODE(status.st_mode)),
        (rights.owner, status.st_uid),
        (rights.group, status.st_gid),
    )
    return all(wanted in (None, found) for wanted, found in pairs)


def give(fd: int, rights: Rights) -> tuple[What, ...]:
    """Give an open file these rights: by its descriptor, so that no link is followed.

    Returns: what it could not be given, and has as the system made it.

    Raises:
        OSError: the disk failed, or the new owner's quota is used up.
    """
    if rights.mode is not None:
        try:
            os.fchmod(fd, rights.mode)
        except OSError as error:  # a file system without such rights has its own
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP):
                raise
    if rights.owner is None and rights.group is None:
        return ()
    withheld: list[What] = []
    status = os.fstat(fd)
    # The group first: whoever has given the file away may not change it any more.
    if rights.group not in (None, status.st_gid) and not _given(fd, -1, rights.group):
        withheld.append("group")
    if rights.owner not in (None, status.st_uid) and not _given(fd, rights.owner, -1):
        withheld.append("owner")
    return tuple(withheld)


def _given(fd: int, owner: int, group: int) -> bool:
    try:
        os.fchown(fd, owner, group)
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        return False
    return True


def withheld(rights: Rights) -> tuple[What, ...]:
    """What this process can give to no file, as a try on one in memory shows. Raises OSError."""
    with contextlib.closing(open(os.memfd_create("captiond"), "wb")) as file:
        return give(file.fileno(), rights)
