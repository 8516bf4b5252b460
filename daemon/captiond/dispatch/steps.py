"""What the loop is to do next, once the commit that it follows from stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from captiond.dispatch.record import Plan
    from captiond.dispatch.tasks import Task
    from captiond.dispatch.work import HasFormer
    from captiond.errors import Failure


@dataclass(frozen=True, slots=True)
class Encode:
    """Next: make the media ready."""

    task: Task


@dataclass(frozen=True, slots=True)
class Publish:
    """Next: write a sidecar."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class TakeAway:
    """Next: take a sidecar away from where its file was."""

    written: HasFormer


@dataclass(frozen=True, slots=True)
class End:
    """Next: tell the log, and free the slot."""

    task: Task
    ending: str
    via: str | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class SidecarsDue:
    """There may be sidecars that are due by now."""


Step = Encode | Publish | TakeAway | End | SidecarsDue
