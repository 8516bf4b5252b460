"""A watched folder whose every change goes through here, so that a test knows what must be true of it in the end."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from drops import picture

SUFFIX = ".caption.json"


class Archive:
    """The pictures under `root`, and what they were: names are relative to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, bytes] = {}
        """What is there now."""
        self.ever: set[str] = set()
        """SHA-256 of every content that was ever there."""
        self.left: set[str] = set()
        """Sidecars that may stay where they are: of files that were deleted, or have moved with other bytes than before."""
        self._changed: set[str] = set()
        self._former: dict[str, set[str]] = {}
        self.foreign: dict[str, bytes] = {}
        """Files of other people with a sidecar's name."""

    def path(self, name: str) -> Path:
        return self.root / name

    def digest(self, name: str) -> str:
        """SHA-256 of what the file has now."""
        return hashlib.sha256(self.files[name]).hexdigest()

    def write(self, name: str, label: str) -> None:
        """A new picture, or other bytes in the place of the old ones, renamed into place; another label, other bytes."""
        path = self.path(name)
        if name in self.files:
            self._changed.add(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(path.name + ".part")
        staged.write_bytes(picture(label))
        staged.rename(path)
        self._has(name, picture(label))

    def overwrite(self, name: str, label: str) -> None:
        """Other bytes, written into the file as it is."""
        data = picture(label)
        self.path(name).write_bytes(data)
        self._have(self._links(name), data)

    def append(self, name: str, more: bytes) -> None:
        """Further bytes at its end, which no decoder minds."""
        with self.path(name).open("ab") as opened:
            opened.write(more)
        self._have(self._links(name), self.path(name).read_bytes())

    def copy(self, name: str, to: str) -> None:
        self.path(to).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.path(name), self.path(to))
        self._has(to, self.files[name])

    def link(self, name: str, to: str) -> None:
        """A second name for the same file."""
        self.path(to).parent.mkdir(parents=True, exist_ok=True)
        os.link(self.path(name), self.path(to))
        self._has(to, self.files[name])

    def rename(self, name: str, to: str) -> None:
        self.path(to).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).rename(self.path(to))
        self.path(name).unlink(missing_ok=True)  # between two names of one file, rename does nothing
        self._former[to] = self._former.pop(name, set()) | {name}
        if name in self._changed:
            self._changed.add(to)
            self.left.add(name + SUFFIX)
        self._has(to, self.files.pop(name))

    def rename_folder(self, folder: str, to: str) -> None:
        """All in it moves along, sidecars too."""
        self.path(folder).rename(self.path(to))
        for held in (self.files, self.foreign):
            for name in [name for name in held if name.startswith(folder + "/")]:
                held[to + name.removeprefix(folder)] = held.pop(name)

    def delete(self, name: str) -> None:
        self.path(name).unlink()
        del self.files[name]
        # One that was about to follow its file stays where it was before.
        self.left |= {former + SUFFIX for former in self._former.pop(name, set()) | {name}}

    def put_foreign(self, name: str) -> None:
        """Somebody's own file where the sidecar of `name` would be."""
        self.foreign[name + SUFFIX] = b"These are my notes, and not captiond's.\n"
        self.path(name + SUFFIX).write_bytes(self.foreign[name + SUFFIX])

    def _links(self, name: str) -> list[str]:
        return [other for other in self.files if self.path(other).samefile(self.path(name))]

    def _have(self, names: list[str], data: bytes) -> None:
        self._changed.update(names)
        for name in names:
            self._has(name, data)

    def _has(self, name: str, data: bytes) -> None:
        self.files[name] = data
        self.ever.add(hashlib.sha256(data).hexdigest())
