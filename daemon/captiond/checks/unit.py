"""Checks of the installed service: that its unit is the present one, and opens the folders of the configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator

from captiond.checks.finding import Finding, Situation, fail, ok, warn
from captiond.installation import drift, layout
from captiond.installation.layout import Layout
from captiond.installation.plan import Known


def unit(situation: Situation) -> Iterator[Finding]:
    """The service that has this configuration, if it is installed."""
    found = layout.of_config(situation.loaded.path, situation.environ)
    if found is not None:
        yield from judged(found, Known.of(situation.settings))


def gives_group(situation: Situation) -> bool:
    """Whether the installed service may give sidecars their group, whoever asks: its drop-in lets it."""
    service = layout.of_config(situation.loaded.path, situation.environ)
    if service is None or service.drop_in is None:
        return False
    found = drift.look(service, Known.of(situation.settings))
    return found is not None and not found.closed


def judged(service: Layout, known: Known) -> Iterator[Finding]:
    """What there is to say of a service; nothing if it is not installed."""
    found = drift.look(service, known)
    if found is None:
        return
    runs = found.program is not None and drift.runs(service.at(found.program))
    again = _install(service, str(found.program) if runs else "captiond")
    well = True
    if not runs:
        well = False
        yield fail(f"{found.unit_file} starts {found.program or 'nothing'}, which is no program here", again)
    if found.changed:
        well = False
        yield warn(
            f"{found.unit_file} is not the unit that comes with this captiond",
            f"{again}; changes of your own belong into a drop-in (systemctl edit)",
        )
    if found.closed:
        well = False
        group = f", and none may get the group {known.group}" if known.group else ""
        yield warn(
            f"{found.unit_file.name} does not open the folders that the configuration names: in those that are missing no "
            f"sidecar can be written{group}, and below /home nothing is seen",
            f"{again} --now",
        )
    if known.database is None and not service.personal:
        well = False
        yield warn(
            f"`database.url` is not set: the service has its database in {service.state}, and the commands that you type "
            "look for it elsewhere",
            f'set it to "sqlite:///{service.state}/captions.db" in {service.config}',
        )
    if well:
        yield ok(f"{found.unit_file} is the unit of this captiond, and opens the configured folders")
    if found.drop_ins:
        yield ok("beside it there is " + ", ".join(map(str, found.drop_ins)))


def as_root(situation: Situation) -> Iterator[Finding]:
    """A warning for root beside a service with a user of its own: root may do what the service may not."""
    service = layout.of_config(situation.loaded.path, situation.environ)
    if os.geteuid() == 0 and service is not None and not service.personal and service.unit_file.exists():
        yield warn(
            "this is root, who may read and write what the service may not",
            f"run it as the service's user: sudo -u {layout.USER} captiond --config {service.config} check",
        )


def _install(service: Layout, program: str) -> str:
    options = " --user" if service.personal else ""
    if service.template:
        options = f" --instance {service.unit.removesuffix('.service').partition('@')[2]}"
    return f"{'' if service.personal else 'sudo '}{program} install{options}"
