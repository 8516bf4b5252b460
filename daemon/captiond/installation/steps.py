"""The steps of an installation: each says what it does, and does it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from captiond.errors import InstallError

COMMAND_SECONDS = 120.0
"""A service that is stopped has 15 s for it, and systemd some more for itself."""


class Step(Protocol):
    """One thing to do."""

    def told(self) -> tuple[str, str]:
        """What it does now, as a verb and its object, for a person."""

    def do(self) -> None:
        """Do it. Raises OSError, InstallError."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is to be there, with those around it."""

    path: Path
    mode: int

    def told(self) -> tuple[str, str]:
        return ("keep" if self.path.is_dir() else "make"), str(self.path)

    def do(self) -> None:
        if not self.path.is_dir():
            self.path.mkdir(parents=True)
            self.path.chmod(self.mode)


@dataclass(frozen=True, slots=True)
class File:
    """A file that is to have this text; one that is there is left alone with `keep`."""

    path: Path
    text: str
    mode: int = 0o644
    keep: bool = False

    def told(self) -> tuple[str, str]:
        return ("keep" if self._as_it_should_be() else "write"), str(self.path)

    def do(self) -> None:
        if self._as_it_should_be():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # systemd must never read half a unit.
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with open(handle, "w", encoding="utf-8") as file:
                os.fchmod(handle, self.mode)
                file.write(self.text)
            os.replace(name, self.path)
        except BaseException:
            os.unlink(name)
            raise

    def _as_it_should_be(self) -> bool:
        if self.keep and os.path.lexists(self.path):
            return True
        try:
            return self.path.read_text(encoding="utf-8") == self.text
        except (OSError, UnicodeDecodeError):
            return False


@dataclass(frozen=True, slots=True)
class Remove:
    """A file, or with `tree` a folder with all in it, that is to be gone."""

    path: Path
    tree: bool = False

    def told(self) -> tuple[str, str]:
        return "remove", f"{self.path}/" if self.tree else str(self.path)

    def do(self) -> None:
        if self.tree:
            shutil.rmtree(self.path)
        else:
            self.path.unlink(missing_ok=True)  # SQLite's files beside a database go with the service that has it open


@dataclass(frozen=True, slots=True)
class RemoveIfEmpty:
    """A folder that is to be gone if nothing of anybody's is left in it."""

    path: Path

    def told(self) -> tuple[str, str]:
        return "remove", f"{self.path}/ if nothing else is in it"

    def do(self) -> None:
        try:
            self.path.rmdir()
        except OSError:
            return  # something is, or it is gone already


@dataclass(frozen=True, slots=True)
class Run:
    """A program to run, with `text` on its stdin; with `may_fail` its failure is none of the installation."""

    command: tuple[str, ...]
    text: str = ""
    may_fail: bool = False

    def told(self) -> tuple[str, str]:
        line = shlex.join(self.command)
        return "run", f"{line}  <<< {shlex.quote(self.text.strip())}" if self.text else line

    def do(self) -> None:
        try:
            done = subprocess.run(  # noqa: S603  # systemd's own tools, and userdel
                self.command, input=self.text, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
            )
        except FileNotFoundError:
            raise InstallError(f"{self.command[0]} is not on this machine: it comes with systemd") from None
        except subprocess.TimeoutExpired:
            raise InstallError(f"{shlex.join(self.command)} did not end within {COMMAND_SECONDS:g} s") from None
        if done.returncode and not self.may_fail:
            said = done.stderr.strip() or done.stdout.strip() or f"it ended with {done.returncode}"
            raise InstallError(f"{shlex.join(self.command)} failed: {said}")
