"""What intake is told, what it decides, and what it tells."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from captiond.config.models import Watch
    from captiond.store.files import FileRow
    from captiond.values import Quiet


@dataclass(frozen=True, slots=True)
class Root:
    """The root that files are taken in for. `real` is its path without links in it; both as the OS names them.

    `confirm`: a backlog of more calls waits for a person's word (see `backlog`); 0 or None: none does. `suffix` is of
    sidecars: a file that has one with its answer is no call, and does not wait; "": none is looked at.
    """

    id: int
    path: str
    real: str
    recipe: str
    live_photos: bool
    settle_seconds: float
    confirm: int | None = None
    suffix: str = ""

    @classmethod
    def of(cls, watch: Watch, root_id: int, confirm: int | None = None, suffix: str = "") -> Self:
        """The root of these settings, as it is on the disk now."""
        path = os.path.abspath(watch.path)
        real = os.path.realpath(path)
        return cls(root_id, path, real, watch.recipe, watch.live_photos, watch.settle_seconds, confirm, suffix)

    def relative(self, path: str) -> str:
        """A path under the root without the root."""
        return path[len(self.path) + (self.path != "/") :]


@dataclass(slots=True)
class IntakeReport:
    """What became of quiet files. `undecided` could not be told for a reason that may pass."""

    new: int = 0
    changed: int = 0
    moved: int = 0
    back: int = 0
    same: int = 0
    not_media: int = 0
    vanished: int = 0
    jobs: int = 0
    undecided: list[Quiet] = field(default_factory=list)

    @property
    def passed(self) -> int:
        """How many files there were in all."""
        return self.new + self.changed + self.moved + self.back + self.same + self.not_media + self.vanished

    def add(self, other: IntakeReport) -> None:
        """Count what `other` counts too."""
        for name in ("new", "changed", "moved", "back", "same", "not_media", "vanished", "jobs"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done for one file.

    `row` is what is known of it, `moved` the row of where it was before, which is `unproven` where the file system can't
    tell it from another file; `answered`: its sidecar likely tells its answer.

    Of live photos: `waits`, the seconds that a clip waits for its still, None for what is no clip; `clip`, the known clip
    of a still; `left`, the clips that a still leaves behind where it was.
    """

    quiet: Quiet
    text: str
    media: bool
    row: FileRow | None = None
    moved: FileRow | None = None
    unproven: bool = False
    answered: bool = False
    waits: float | None = None
    clip: tuple[int, str] | None = None
    left: tuple[tuple[int, str], ...] = ()
