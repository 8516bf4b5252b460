"""What each recipe means today: who is asked, for what, and how the media are made for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from captiond import recipes
from captiond.config.models import Endpoint as EndpointSettings
from captiond.config.models import Recipe, Settings, VideoMode
from captiond.media.spec import EncodeSpec
from captiond.values import Encoded, FilePart, ImagePart, Kind

if TYPE_CHECKING:
    from captiond.endpoints.base import Endpoint

SHRINK = 0.6
"""Each time an endpoint says "too large" the long edge and the byte limits become this part of what they were."""
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
        """The encode settings for one file, with `video = "auto"` decided; may ask the endpoint once what it takes."""
        if kind is Kind.VIDEO and self.auto_video and self.endpoint.takes_video():
            return replace(self.spec, video=VideoMode.VIDEO_URL)
        return self.spec


def build(settings: Settings, asked: Mapping[str, str], endpoints: Mapping[str, Endpoint]) -> dict[str, Route]:
    """The routes by recipe name.

    Args:
        asked: recipe name -> endpoint name, as `config.resolve` decided.
        endpoints: the endpoints by name.
    """
    routes = {}
    for name, recipe in settings.recipes.items():
        endpoint = endpoints[asked[name]]
        model = recipe.model or endpoint.model
        configured = settings.endpoints.get(asked[name])
        limits = configured or EndpointSettings(base_url="http://in-process", model=model)
        spec = EncodeSpec(
            max_edge=limits.max_edge,
            max_bytes=limits.max_bytes,
            max_video_bytes=limits.max_video_bytes,
            video=VideoMode.FRAMES if limits.video is VideoMode.AUTO else limits.video,
            max_frames=limits.max_frames,
            frame_edge=limits.frame_edge,
            max_pixels=settings.media.max_pixels,
            measure=endpoint.wants_measures,
        )
        shape = f"{limits.max_edge}/{limits.video}/{limits.max_frames}/{limits.frame_edge}"
        digest = recipes.digest(recipe, model=model, identity=endpoint.identity, shape=shape)
        base_url = configured.base_url if configured else None
        routes[name] = Route(name, recipe, endpoint, model, digest, spec, limits.video is VideoMode.AUTO, base_url)
    return routes


def smaller(spec: EncodeSpec, encoded: Encoded, *, auto_video: bool) -> EncodeSpec | None:
    """What to try next when an endpoint found `encoded` too large, or None when there is nothing left to try.

    A video file becomes frames; pictures get a shorter edge and fewer bytes than those that were refused.
    """
    if any(isinstance(part, FilePart) for part in encoded.parts):
        return replace(spec, video=VideoMode.FRAMES) if auto_video else None
    pictures = [part for part in encoded.parts if isinstance(part, ImagePart)]
    edge = int(max(max(part.width, part.height) for part in pictures) * SHRINK)
    if edge < SMALLEST_EDGE:
        return None
    largest = max(len(part.data) for part in pictures)
    return replace(
        spec,
        max_edge=min(spec.max_edge, edge),
        short_edge=min(spec.short_edge, int(max(min(part.width, part.height) for part in pictures) * SHRINK)),
        frame_edge=min(spec.frame_edge, edge),
        max_bytes=max(int(min(spec.max_bytes, largest) * SHRINK), 10_000),
    )
