"""Which files and folders under a root are looked at: include, exclude, and the junk that never is.

Paths are relative to the root, as the OS names them, with `/` between their parts and none at the ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pathspec import GitIgnoreSpec

_JUNK_FOLDERS = re.compile(
    r"""
      @eadir | \#recycle | \#snapshot | @tmp                        # Synology: thumbnails, bin, snapshots
    | @recycle | @recently-snapshot | \.@.*                         # QNAP
    | \.trash.* | \$recycle\.bin | system\ volume\ information      # bins of Linux, macOS and Windows
    | lost\+found | \.git | \.svn | \.hg
    | \.snapshots? | \.zfs | \.stversions | \.stfolder
    | \.appledouble | \.spotlight-v100 | \.fseventsd | \.temporaryitems | \.documentrevisions-v100 | __macosx
    | \._.* | .*\.(?:part|crdownload|download|partial|tmp)          # Safari downloads into a folder
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_JUNK_FILES = re.compile(
    r"""
      \.ds_store | \._.* | thumbs\.db | ehthumbs\.db | desktop\.ini | \.directory | icon\r
    | .*\.(?:part|crdownload|tmp|temp|partial|download|opdownload|filepart|aria2|!ut|!qb|swp)
    | ~\$.* | \.~.* | .*~                                           # open office documents, backups of editors
    | \.nfs.* | \.fuse_hidden.* | \.smbdelete.*                     # deleted, but still open somewhere
    | \.goutputstream-.* | \.syncthing\..* | ~syncthing~.*
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_RSYNC = re.compile(r"\..+\.[A-Za-z0-9]{6}", re.DOTALL)
"""rsync writes photo.jpg as .photo.jpg.Xk3d9Q until it is whole."""


class Patterns:
    """The patterns of one root, compiled.

    Args:
        include: patterns as in .gitignore: what is looked at.
        exclude: patterns as in .gitignore: what is left alone; `!` takes up again what an earlier one left alone.
        suffix: of our own sidecars.

    Raises:
        ValueError: a pattern is none.
    """

    def __init__(self, include: Sequence[str], exclude: Sequence[str], suffix: str) -> None:
        self._suffix = suffix
        self._include = None if "**" in include or "*" in include else _spec(include)
        self._exclude = _spec(exclude)
        self._takes_again = any(pattern.startswith("!") for pattern in exclude)

    def enters(self, folder: str) -> bool:
        """Whether this folder is watched and listed. "" is the root itself. Its parents are to be asked before it."""
        if not folder:
            return True
        if _JUNK_FOLDERS.fullmatch(folder.rpartition("/")[2]):
            return False
        found = self._exclude.check_file(_line(folder) + "/")
        if not found.include:
            return True
        if not self._takes_again:
            return False
        # `x/**` excludes what is in x and not x itself, so that `!x/keep.jpg` can take one up again.
        pattern = self._exclude.patterns[found.index] if found.index is not None else None
        return str(getattr(pattern, "pattern", "")).rstrip().endswith("/**")

    def takes(self, path: str) -> bool:
        """Whether this file is looked at; that its folders are entered is the caller's to know."""
        name = path.rpartition("/")[2]
        if name.endswith(self._suffix) or is_junk(name):
            return False
        line = _line(path)
        if self._include is not None and not self._include.match_file(line):
            return False
        return not self._exclude.match_file(line)


def is_junk(name: str) -> bool:
    """Whether a file of this name is never looked at, on no root: partial, temporary and system files."""
    if _JUNK_FILES.fullmatch(name):
        return True
    return name[0] == "." and _RSYNC.fullmatch(name) is not None


def _spec(patterns: Sequence[str]) -> GitIgnoreSpec:
    # In a file a line that begins with # is a comment; in a list it is Synology's #recycle.
    escaped = ["\\" + pattern if pattern.startswith("#") else pattern for pattern in patterns]
    # The other backends are not installed with pathspec, and don't take names that are not UTF-8.
    return GitIgnoreSpec.from_lines(escaped, backend="simple")


def _line(path: str) -> str:
    """The pattern language has no line breaks: `*` is to match one in a name all the same."""
    return path.replace("\n", "\ufffd") if "\n" in path else path
