"""What each recipe means today: who is asked, for what, and how the media are made for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from captiond import recipes
from captiond.config.models import Endpoint as EndpointSettings
from captiond.config.models import Recipe, Settings, Strategy, VideoMode
from captiond.endpoints import servers
from captiond.endpoints.sizes import NO_LIMITS, SizeLimits, about_number
from captiond.errors import BadRequest, Failure, TooLarge
from captiond.media.spec import PLAIN_VIDEOS, EncodeSpec
from captiond.policy.sidecars import Asked
from captiond.values import Encoded, FilePart, ImagePart, Kind, Source, VideoPart

if TYPE_CHECKING:
    from captiond.endpoints.base import Endpoint

SHRINK = 0.6
"""Each time an endpoint says "too large" the long edge and the byte limits become this part of what they were."""
SMALLER_VIDEO = 0.6
"""A video that was refused as too large says where the limit is not: the next one has this part of its bytes at most."""
SMALLEST_BYTES = 10_000
"""Of a picture, as the setting `max_bytes` has it."""
SMALLEST_EDGE = 256
"""Pixels; below this a picture is no longer worth asking about."""


@dataclass(frozen=True, slots=True)
class Route:
    """A recipe with its endpoint: all that the stages need to know.

    `auto_video`: whether a video is sent as it is depends on what the endpoint takes; `spec` says frames then.
    `base_url` is the endpoint's address; None for one in this process, which fetches nothing.
    """

    name: str
    recipe: Recipe
    endpoint: Endpoint
    model: str
    digest: str
    spec: EncodeSpec
    auto_video: bool
    base_url: str | None = None

    def spec_for(self, kind: Kind) -> EncodeSpec:
        """The encode settings for one file: `video = "auto"` is decided, and the sizes are what the endpoint is known to take.

        May ask the endpoint once what it takes.
        """
        spec = self.spec
        if kind is Kind.VIDEO and self.auto_video and self.endpoint.abilities(self.model).takes_videos:
            spec = replace(spec, video=VideoMode.VIDEO_URL)
        return within(spec, self.endpoint.known.limits(self.model), spec.max_frames if kind is Kind.VIDEO else 1)

    @property
    def asked(self) -> Asked:
        """What a sidecar that captiond did not write has to fit."""
        by_model = self.endpoint.source is not Source.BUILTIN
        return Asked(self.name, self.digest, frozenset(self.recipe.categories or ()), by_model)

    @property
    def sizes(self) -> str:
        """The settings that rule how large media are, as text: what an endpoint said of its limits holds with these."""
        spec = self.spec
        return f"{spec.max_edge}/{spec.frame_edge}/{spec.max_bytes}/{spec.max_video_bytes}/{spec.max_frames}"


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom a recipe may ask: one route an endpoint, in the order of the configuration, all with one digest."""

    routes: tuple[Route, ...]
    strategy: Strategy = Strategy.FAILOVER

    @property
    def first(self) -> Route:
        """The one that is asked if all are well and idle."""
        return self.routes[0]

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The endpoints' names."""
        return tuple(route.endpoint.name for route in self.routes)

    def route(self, endpoint: str) -> Route:
        """The route to this endpoint."""
        return next(route for route in self.routes if route.endpoint.name == endpoint)


def build(
    settings: Settings, asked: Mapping[str, Sequence[str]], endpoints: Mapping[str, Endpoint]
) -> dict[str, Choice]:
    """The choices by recipe name.

    Args:
        asked: recipe name -> names of endpoints, as `config.resolve` decided.
        endpoints: the endpoints by name.
    """
    choices = {}
    for name, recipe in settings.recipes.items():
        routes = [_route(settings, name, endpoints[endpoint]) for endpoint in asked[name]]
        # The first one's digest for all of them: an endpoint that is added to a recipe asks nothing again.
        same = tuple(replace(route, digest=routes[0].digest) for route in routes)
        choices[name] = Choice(same, recipe.strategy)
    return choices


def _route(settings: Settings, name: str, endpoint: Endpoint) -> Route:
    recipe = settings.recipes[name]
    model = recipe.model or endpoint.model
    configured = settings.endpoints.get(endpoint.name)
    limits = configured or EndpointSettings(base_url="http://in-process", model=model)
    spec = EncodeSpec(
        max_edge=limits.max_edge,
        max_bytes=limits.max_bytes,
        max_video_bytes=limits.max_video_bytes,
        max_seconds=limits.max_seconds,
        video_files=servers.video_files(model) or PLAIN_VIDEOS,
        video=VideoMode.FRAMES if limits.video is VideoMode.AUTO else limits.video,
        max_frames=limits.max_frames,
        frame_edge=limits.frame_edge,
        max_pixels=settings.media.max_pixels,
        measure=endpoint.wants_measures,
    )
    shape = f"{limits.max_edge}/{limits.video}/{limits.max_frames}/{limits.frame_edge}"
    digest = recipes.digest(recipe, model=model, identity=endpoint.identity, shape=shape)
    base_url = configured.base_url if configured else None
    return Route(name, recipe, endpoint, model, digest, spec, limits.video is VideoMode.AUTO, base_url)


def within(spec: EncodeSpec, limits: SizeLimits, pictures: int) -> EncodeSpec:
    """The spec with nothing in it beyond the endpoint's limits; a request has so many pictures at most."""
    if not limits:
        return spec
    share = limits.request_bytes // max(pictures, 1) if limits.request_bytes is not None else None
    picture = min([spec.max_bytes, *(limit for limit in (limits.picture_bytes, share) if limit is not None)])
    edge = spec.max_edge if limits.edge is None else limits.edge
    video = spec.max_video_bytes if limits.video_bytes is None else limits.video_bytes
    return replace(
        spec,
        max_edge=min(spec.max_edge, edge),
        frame_edge=min(spec.frame_edge, edge),
        max_bytes=max(picture, SMALLEST_BYTES),
        max_video_bytes=min(spec.max_video_bytes, video),
        max_frames=spec.max_frames if limits.pictures is None else min(spec.max_frames, limits.pictures),
    )


def other_form(
    spec: EncodeSpec, encoded: Encoded, failure: Failure, *, auto_video: bool, told: SizeLimits = NO_LIMITS
) -> EncodeSpec | None:
    """What to try next when an endpoint refused `encoded`, or None when there is nothing left to try.

    A video file becomes a small video, and that becomes frames, where the endpoint found it too large or may choose the
    form (`auto_video`). Pictures that are too large become smaller, and of too many frames fewer are sent.

    Args:
        told: what the endpoint said of its limits.
    """
    too_large = isinstance(failure, TooLarge)
    part = encoded.parts[0] if encoded.parts else None
    if isinstance(part, FilePart | VideoPart):
        if not too_large and not isinstance(failure, BadRequest):
            return None
        size = part.stat.size if isinstance(part, FilePart) else len(part.data)
        limit = told.video_bytes or (int(size * SMALLER_VIDEO) if too_large else spec.max_video_bytes)
        if isinstance(part, FilePart) or (told.video_bytes or size) < size:
            return replace(spec, video="small", max_video_bytes=min(limit, spec.max_video_bytes))
        return replace(spec, video=VideoMode.FRAMES) if auto_video or too_large else None
    if too_large and about_number(failure.detail) and not told:
        return replace(spec, max_frames=len(encoded.parts) // 2) if len(encoded.parts) > 1 else None
    return smaller(spec, encoded, told) if too_large else None


def smaller(spec: EncodeSpec, encoded: Encoded, told: SizeLimits) -> EncodeSpec | None:
    """Pictures within the limits that the endpoint told; where they are within these, a shorter edge and fewer bytes.

    None when they are as small as is worth asking about.
    """
    pictures = [part for part in encoded.parts if isinstance(part, ImagePart)]
    fitting = within(spec, told, len(pictures))
    if beyond(told, encoded) and fitting != spec:
        return fitting
    edge = int(max(max(part.width, part.height) for part in pictures) * SHRINK)
    if edge < SMALLEST_EDGE:
        return None
    largest = max(len(part.data) for part in pictures)
    return replace(
        spec,
        max_edge=min(spec.max_edge, edge),
        short_edge=min(spec.short_edge, int(max(min(part.width, part.height) for part in pictures) * SHRINK)),
        frame_edge=min(spec.frame_edge, edge),
        max_bytes=max(int(min(spec.max_bytes, largest) * SHRINK), SMALLEST_BYTES),
    )


def beyond(limits: SizeLimits, encoded: Encoded) -> bool:
    """Whether pictures are larger than these limits, or more."""
    pictures = [part for part in encoded.parts if isinstance(part, ImagePart)]
    sizes = [len(part.data) for part in pictures]
    edges = [max(part.width, part.height) for part in pictures]
    pairs = (
        (max(sizes), limits.picture_bytes),
        (sum(sizes), limits.request_bytes),
        (max(edges), limits.edge),
        (len(pictures), limits.pictures),
    )
    return any(limit is not None and value > limit for value, limit in pairs)
