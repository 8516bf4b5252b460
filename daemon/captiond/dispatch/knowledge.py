"""What is learnt of endpoints while they are used: kept in the database, and at hand in each endpoint's `known`.

Called on the dispatcher's thread alone, in the caller's transaction. A transaction that fails is tried again, so
everything here may run twice.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from captiond import log
from captiond.dispatch.routes import SMALLER_VIDEO, beyond
from captiond.endpoints import sizes
from captiond.endpoints.abilities import Abilities, Dialect, JsonForm, Told
from captiond.endpoints.body import is_frames
from captiond.endpoints.sizes import SizeLimits
from captiond.errors import BadRequest, Failure
from captiond.store import abilities as store
from captiond.values import FilePart, ImagePart, VideoPart

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from captiond.dispatch.routes import Route
    from captiond.dispatch.tasks import Task
    from captiond.endpoints.base import Endpoint

GUESS_SECONDS: Final = 86_400.0
"""How long a limit holds that was found by trying: a refusal by mistake is not to make pictures small for long."""

_NO_FORMAT: Final = re.compile(r"response_format|json_schema|json_object|structured|schema|grammar", re.IGNORECASE)

_NO_VIDEO: Final = re.compile(
    r"video.*(not support|unsupported|not allowed|not accepted)|(support|unsupported|unknown|unrecogni[sz]ed|invalid|"
    r"at most 0|allowed|accept).{0,80}video|unsupported content\[\]\.type",
    re.IGNORECASE | re.DOTALL,
)
"""Words for a kind of part that a server does not know, or a model that takes none."""
_THIS_VIDEO: Final = re.compile(
    r"codec|container|mime|decod|corrupt|fetch|download|large|long|size|length|fps|frame", re.IGNORECASE
)
"""Words for what is wrong with one video."""


def load(conn: Connection, routes: Iterable[Route]) -> None:
    """Everything that is known of the routes' endpoints, from the database into their `known`."""
    now = time.time()
    for route in routes:
        endpoint = route.endpoint
        endpoint.known.learn(route.model, of_rows(store.learnt(conn, endpoint.identity, route.model, now)))
        kept = store.limits(conn, endpoint.identity, route.model, route.sizes, now)
        if kept is not None:
            limits = SizeLimits(kept.picture_bytes, kept.request_bytes, kept.edge, kept.video_bytes)
            endpoint.known.limit(route.model, limits, kept.until)


def learn(conn: Connection, endpoint: Endpoint, model: str, found: Abilities) -> None:
    """Keep what a probe or an answer told; what else was learnt of the model stays."""
    store.learn(conn, endpoint.identity, model, rows_of(found), time.time())
    endpoint.known.learn(model, found.over(endpoint.known.abilities(model)))


def too_large(conn: Connection, task: Task, failure: Failure) -> SizeLimits:
    """The endpoint found what was sent for a task too large: what it said of its limits is kept, where it said any.

    Returns: the limits that it told and that what was sent is beyond.
    """
    assert task.encoded is not None
    told = sizes.told(failure.detail)
    video = next((_size(part) for part in task.encoded.parts if isinstance(part, FilePart | VideoPart)), None)
    if video is not None:
        limit = told.picture_bytes or told.request_bytes
        if limit is None or limit >= video:
            guess = SizeLimits(video_bytes=max(int(video * SMALLER_VIDEO), sizes.LEAST_BYTES))
            _keep(conn, task.route, guess, GUESS_SECONDS)
            return sizes.NO_LIMITS
        told = SizeLimits(video_bytes=max(limit, sizes.LEAST_BYTES))
        _keep(conn, task.route, told)
        return told
    if not beyond(told, task.encoded):
        return sizes.NO_LIMITS
    _keep(conn, task.route, told)
    return told


def taken(conn: Connection, task: Task, refused_as: str) -> None:
    """The endpoint took pictures in a size that was found by trying: the next ones are sent so at once.

    What the refusal was about is told by its words, or else that fewer bytes alone were no help before.
    """
    assert task.encoded is not None
    pictures = [part for part in task.encoded.parts if isinstance(part, ImagePart)]
    if not pictures:
        return
    largest = max(*(len(part.data) for part in pictures), sizes.LEAST_BYTES)
    edge = max(max(part.width, part.height) for part in pictures)
    known = task.route.endpoint.known.limits(task.route.model)
    bytes_alone = sizes.about_bytes(refused_as) and known.picture_bytes is None
    found = SizeLimits(
        picture_bytes=None if sizes.about_edges(refused_as) else largest,
        edge=None if bytes_alone else edge,
    )
    _keep(conn, task.route, found, GUESS_SECONDS)


def takes_no_video(conn: Connection, task: Task, failure: Failure) -> bool:
    """Whether a video was refused in words that say that none is taken in any form: it is kept, and frames are sent."""
    assert task.encoded is not None
    route, encoded, words = task.route, task.encoded, failure.detail
    if not isinstance(failure, BadRequest) or not _NO_VIDEO.search(words) or _THIS_VIDEO.search(words):
        return False
    if not any(isinstance(part, FilePart | VideoPart) for part in encoded.parts):
        known = route.endpoint.abilities(route.model)
        if not (known.takes_frame_lists and known.takes_videos and is_frames(encoded)):
            return False
    learn(conn, route.endpoint, route.model, Abilities.of(Told.ANSWER, video=False))
    return True


def takes_no_format(conn: Connection, task: Task, failure: Failure) -> bool:
    """Whether a call was refused for the `response_format` in it, which was thought to be taken: it is kept that it is not."""
    route = task.route
    if not isinstance(failure, BadRequest) or not _NO_FORMAT.search(failure.detail):
        return False
    if route.endpoint.abilities(route.model).told.get("json") is Told.CONFIG:
        return False
    learn(conn, route.endpoint, route.model, Abilities.of(Told.ANSWER, json=JsonForm.OFF))
    return True


def rows_of(found: Abilities) -> list[store.Ability]:
    """Abilities as the database has them."""
    values = {"image": found.image, "video": found.video, "dialect": found.dialect, "json": found.json}
    return [
        store.Ability(name, value.value if isinstance(value, Dialect | JsonForm) else "yes" if value else "no", source)
        for name, source in found.told.items()
        if (value := values[name]) is not None
    ]


def of_rows(rows: Iterable[store.Ability]) -> Abilities:
    """Abilities from the database; a word that this version does not know is as good as none."""
    found = Abilities()
    for row in rows:
        try:
            value = (
                Dialect(row.value) if row.name == "dialect"
                else JsonForm(row.value) if row.name == "json"
                else {"yes": True, "no": False}[row.value]
            )  # fmt: skip
            found = Abilities.of(Told(row.source), **{row.name: value}).over(found)
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _size(part: FilePart | VideoPart) -> int:
    return part.stat.size if isinstance(part, FilePart) else len(part.data)


def _keep(conn: Connection, route: Route, limits: SizeLimits, seconds: float = store.LIMIT_SECONDS) -> None:
    """Limits, with those that are known already, in the database and in the endpoint."""
    endpoint = route.endpoint
    limits = limits.tighter(endpoint.known.limits(route.model))
    until = time.time() + seconds
    kept = store.Limit(limits.picture_bytes, limits.request_bytes, limits.edge, limits.video_bytes, until)
    store.limit(conn, endpoint.identity, route.model, route.sizes, kept)
    endpoint.known.limit(route.model, limits, until)
    log.get("endpoint").info(
        "endpoint_limit",
        endpoint=endpoint.name,
        model=route.model,
        picture_bytes=limits.picture_bytes,
        request_bytes=limits.request_bytes,
        edge=limits.edge,
        video_bytes=limits.video_bytes,
        pictures=limits.pictures,
    )
