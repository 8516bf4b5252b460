"""Where an installed service has its files. Pure: names are put together, nothing is looked up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from captiond.errors import UsageError

USER = "captiond"
"""The system user, and its group; the unit names both."""
DROP_IN = "10-captiond-roots.conf"
"""Among the drop-ins of a unit the one that is captiond's; `systemctl edit` writes override.conf, which comes after it."""
_INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""What stands for itself in a unit's name, a file's and a folder's."""
SYSTEM_FOLDER = Path("/etc/captiond")
_TAKEN = "config"
"""/etc/captiond/config.toml is the configuration of the service without a name."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the files of one service lie on the running system; `at` puts them under another root folder.

    Args:
        unit: the name that systemctl takes.
        unit_file: the unit, which the instances of a template share.
        drop_in: what differs from machine to machine, written from the configuration. None for a person's own service,
            which sees all that the person sees.
        config: the configuration.
        state: the database and its backups.
        key: where the endpoint's key is looked for.
        root: the folder that takes the place of /, as in DESTDIR.
        personal: whether it is the service of one person, under their own systemd.
    """

    unit: str
    unit_file: Path
    drop_in: Path | None
    config: Path
    state: Path
    key: Path
    root: Path = Path("/")
    personal: bool = False

    @property
    def template(self) -> bool:
        """Whether it is one of several instances."""
        return "@" in self.unit

    def at(self, path: Path) -> Path:
        """Where the path of the running system is now: under `root`."""
        return self.root / path.relative_to("/")


def of_system(instance: str | None, root: Path) -> Layout:
    """The service of the machine, or one of its instances. Raises UsageError."""
    name, suffix, config = USER, "", "config"
    if instance is not None:
        if instance == _TAKEN or not _INSTANCE.fullmatch(instance):
            raise UsageError(
                f"{instance!r} can't be an instance's name: take letters, digits, `_`, `.` and `-`, and not {_TAKEN!r}"
            )
        name, suffix, config = f"{USER}@{instance}", f"-{instance}", instance
    units = Path("/etc/systemd/system")
    return Layout(
        unit=f"{name}.service",
        unit_file=units / (f"{USER}@.service" if instance else f"{USER}.service"),
        drop_in=units / f"{name}.service.d" / DROP_IN,
        config=SYSTEM_FOLDER / f"{config}.toml",
        state=Path("/var/lib") / f"{USER}{suffix}",
        key=Path("/etc/credstore") / f"{USER}{suffix}.api-key",
        root=root,
    )


def of_config(config: Path | None, environ: Mapping[str, str]) -> Layout | None:
    """The service whose configuration this is, installed or not; None for a configuration of no service."""
    if config is None:
        return None
    if config.parent == SYSTEM_FOLDER and _INSTANCE.fullmatch(config.stem):
        return of_system(None if config.stem == _TAKEN else config.stem, Path("/"))
    personal = of_person(environ) if environ.get("HOME", "").startswith("/") else None
    return personal if personal is not None and personal.config == config else None


def of_person(environ: Mapping[str, str]) -> Layout:
    """The service of the person whose environment this is. Raises UsageError if they have no home."""
    home = environ.get("HOME", "")
    if not home.startswith("/"):
        raise UsageError("$HOME is not set: a person's service lies there")
    own = Path(environ.get("XDG_CONFIG_HOME") or f"{home}/.config")
    return Layout(
        unit=f"{USER}.service",
        unit_file=own / "systemd" / "user" / f"{USER}.service",
        drop_in=None,
        config=own / "captiond" / "config.toml",
        state=Path(environ.get("XDG_STATE_HOME") or f"{home}/.local/state") / "captiond",
        key=own / "captiond" / "environment",
        personal=True,
    )
