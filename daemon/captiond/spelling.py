"""How names are spelled on file systems that take two for one if they differ in case alone, as SMB, NTFS and exFAT do.

A file whose name has changed its case there is still found at its old path: what its folder lists says how it is called.
"""

from __future__ import annotations

import os


def is_as_listed(path: str) -> bool:
    """Whether a path that leads to something has its names as the folders on it list them; True where it can't be told.

    Where cases are told apart this is a stat or two for each name.
    """
    parent = "/"
    for name in path.strip("/").split("/"):
        if _is_same_in_another_case(parent, name) and not _is_listed(parent, name):
            return False
        parent = os.path.join(parent, name)
    return True


def _is_same_in_another_case(parent: str, name: str) -> bool:
    other = name.swapcase()
    if other == name:
        return False
    try:
        return os.path.samestat(os.lstat(os.path.join(parent, name)), os.lstat(os.path.join(parent, other)))
    except OSError:
        return False


def _is_listed(parent: str, name: str) -> bool:
    try:
        return name in os.listdir(parent)
    except OSError:
        return True
