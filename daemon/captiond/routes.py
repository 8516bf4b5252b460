"""What each recipe means today: who is asked, for what, and how the media are made for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from captiond import recipes
from captiond.config.models import Endpoint as EndpointSettings
from captiond.config.models import Recipe, Settings, VideoMode
from captiond.media.spec import EncodeSpec
from captiond.values import Encoded, FilePart, ImagePart

if TYPE_CHECKING:
    from captiond.endpoints.base import Endpoint

SHRINK = 0.6
"""Each time an endpoint says "too large" the long edge and the byte limits become this part of what they were."""
SMALLEST_EDGE = 256
"""Pixels; below this a picture is no longer worth asking about."""


@dataclass(frozen=True, slots=True)
class Route:
    """A recipe with its endpoint: all that the stages need to know. `spec.video` may still be `auto`."""

    name: str
    recipe: Recipe
    endpoint: Endpoint
    model: str
    digest: str
    spec: EncodeSpec

    def spec_for(self, kind: str) -> EncodeSpec:
        """The encode settings for one file, with `video = "auto"` decided; may ask the endpoint once what it takes."""
        if kind != "video" or self.spec.video is not VideoMode.AUTO:
            return self.spec
        takes = self.endpoint.takes_video()
        return replace(self.spec, video=VideoMode.VIDEO_URL if takes else VideoMode.FRAMES)


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
        spec = _spec(settings, asked[name], wants_measures=endpoint.wants_measures)
        shape = f"{spec.max_edge}/{spec.video}/{spec.max_frames}/{spec.frame_edge}"
        digest = recipes.digest(recipe, model=model, identity=endpoint.identity, shape=shape)
        routes[name] = Route(name, recipe, endpoint, model, digest, spec)
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
        frame_edge=min(spec.frame_edge, edge),
        max_bytes=max(int(min(spec.max_bytes, largest) * SHRINK), 10_000),
    )


def _spec(settings: Settings, endpoint: str, *, wants_measures: bool) -> EncodeSpec:
    limits = settings.endpoints.get(endpoint) or EndpointSettings(base_url="http://in-process", model=endpoint)
    return EncodeSpec(
        max_edge=limits.max_edge,
        max_bytes=limits.max_bytes,
        max_video_bytes=limits.max_video_bytes,
        video=limits.video,
        max_frames=limits.max_frames,
        frame_edge=limits.frame_edge,
        max_pixels=settings.media.max_pixels,
        measure=wants_measures,
    )
