"""What a command, or the service as a whole, ends or waits with: one clear message, and an exit code."""

from __future__ import annotations

from typing import ClassVar


class CaptiondError(Exception):
    """What the command line shows as one clear message, without a traceback. `exit_code` as in the manual."""

    exit_code: ClassVar[int] = 1


class UsageError(CaptiondError):
    """The command was called wrongly."""

    exit_code = 2


class ConfigError(CaptiondError):
    """The configuration is wrong; the message lists everything that is."""

    exit_code = 78


class DatabaseError(CaptiondError):
    """The database can't be used; the message says why and what to do."""


class DatabaseUnavailable(DatabaseError):
    """The database can't be used for now (full disk, locked, input/output error): it may pass, the same call can be repeated."""


class InstallError(CaptiondError):
    """captiond can't be installed or removed as a service; the message says what stands in the way and what to do."""


class InstanceError(CaptiondError):
    """Another captiond holds this database."""
