"""What lies below the roots: how many folders, and which of them can't be read, or written."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from captiond.checks.finding import ANSWER_SECONDS, answers
from captiond.config.models import Watch
from captiond.mounts import fstype_of, must_be_polled
from captiond.watch.patterns import Patterns

COUNT_SECONDS = 10.0
"""For the roots on local disks, and once more for the others: what was not looked at by then is unknown."""


@dataclass(slots=True)
class Tree:
    """A root with the folders that its patterns let in.

    Attributes:
        network: the type of its file system, if inotify is not told of all that changes there.
        folders: how many there are, the root among them.
        unread: those below it that can't be listed or entered.
        unwritten: those below it that can be, and can't be written by this user.
        whole: whether there was time for all.
    """

    network: str | None
    folders: int = 0
    unread: list[str] = field(default_factory=list)
    unwritten: list[str] = field(default_factory=list)
    whole: bool = False


def look(watches: Sequence[Watch], suffix: str) -> dict[Path, Tree]:
    """The trees of these roots, which answer."""
    trees = {watch.path: Tree(_network(watch)) for watch in watches}
    for network in (False, True):
        deadline = time.monotonic() + COUNT_SECONDS
        for watch in watches:
            tree = trees[watch.path]
            if (tree.network is not None) is network:
                patterns = Patterns(watch.include, watch.exclude, suffix)
                # Whatever hangs in there: the others are looked at.
                answers(partial(_walk, watch.path, patterns, tree, deadline), COUNT_SECONDS + ANSWER_SECONDS)
    return trees


def _network(watch: Watch) -> str | None:
    fstype = fstype_of(watch.path)
    return fstype if fstype is not None and must_be_polled(fstype) else None


def _walk(root: Path, patterns: Patterns, tree: Tree, deadline: float) -> None:
    left = [""]
    while left:
        if time.monotonic() > deadline:
            tree.folders += len(left)
            return
        folder = left.pop()
        here = os.path.join(root, folder)
        tree.folders += 1
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    inner = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False) and patterns.enters(inner):
                        left.append(inner)
        except FileNotFoundError:
            continue
        except OSError:
            if folder:
                tree.unread.append(here)
            continue
        if folder and not os.access(here, os.X_OK):
            tree.unread.append(here)
        elif folder and not os.access(here, os.W_OK):
            tree.unwritten.append(here)
    tree.whole = True
