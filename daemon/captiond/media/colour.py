"""Any picture that Pillow opens becomes 8-bit sRGB, or 8-bit grey: modes, depths, alpha and ICC profiles.

All of it runs after the resize, on few pixels; only what can't be resized is converted before.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

from PIL import Image

_ALPHA = {"RGBA", "LA", "PA", "RGBa", "La"}
_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}


def resizable(image: Image.Image) -> Image.Image:
    """The picture in a mode that can be resized with a filter, as small in memory as that allows."""
    mode = image.mode
    if mode == "1":
        return image.convert("L")
    if "transparency" in image.info and mode in ("P", "L", "RGB", "1"):
        return image.convert("LA" if mode == "L" else "RGBA")
    if mode == "P":
        # A palette's own mode tells whether it has alpha.
        return image.convert("RGBA" if image.palette and image.palette.mode == "RGBA" else "RGB")
    if mode == "PA":
        return image.convert("RGBA")
    if mode in ("I;16B", "I;16N", "I;16L"):
        return image.convert("I")
    return image


def plain(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture as RGB or L: the profile applied, alpha laid on white. `profile` is an ICC profile or None."""
    alpha = None
    if image.mode in _ALPHA:
        if image.mode in ("RGBa", "La", "PA"):
            image = image.convert("LA" if image.mode == "La" else "RGBA")
        alpha = image.getchannel("A")
        image = image.convert("L" if image.mode == "LA" else "RGB")
    elif image.mode.startswith("I") or image.mode == "F":
        image = _eight_bit(image)
    elif image.mode in ("RGBX", "HSV", "YCbCr"):
        image = image.convert("RGB")
    if profile or image.mode == "LAB":
        image = _to_srgb(image, profile)
    if image.mode not in ("RGB", "L"):
        image = image.convert("RGB")
    if alpha is not None:
        white = Image.new(image.mode, image.size, "white")
        white.paste(image, mask=alpha)
        image = white
    return image


def is_srgb(profile: bytes | None) -> bool:
    """Whether a picture with this profile shows the same colours without it; a broken profile says nothing."""
    opened = _opened(profile) if profile else None
    return opened is None or _is_srgb(opened)


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float grey as L: scaled, never clipped."""
    if image.mode.startswith("I;16"):
        # The sensors of microscopes and scanners give 12 bits, and Pillow does not scale those of a 12-bit TIFF either.
        highest = _extrema(image)[1]
        return _scaled(image.convert("I"), 0, 4095 if highest <= 4095 else 65535)
    lowest, highest = (float(v) for v in _extrema(image))
    if image.mode == "F" and lowest >= 0 and highest <= 1:
        return _scaled(image, 0, 1)
    if lowest >= 0 and highest <= 255:
        return _scaled(image, 0, 255)
    if lowest >= 0 and highest <= 65535:
        return _scaled(image, 0, 65535)
    return _scaled(image, lowest, highest)


def _extrema(image: Image.Image) -> tuple[Any, Any]:
    lowest, highest = image.getextrema()
    return lowest, highest


def _scaled(image: Image.Image, black: float, white: float) -> Image.Image:
    # `point` on these modes takes only a line: scale and offset. The half rounds.
    scale = 255 / (white - black) if white > black else 1
    half = 0.5 if image.mode == "I" else 0
    return image.point(lambda value: value * scale + (half - black * scale)).convert("L")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    transform = _transform(profile, image.mode)
    if transform is None:
        return image
    try:
        converted: Image.Image | None = transform.apply(image)
    except (ValueError, OSError):
        return image
    return image if converted is None else converted


# Building a transform takes longer than using it on a small picture, and most pictures share a few profiles.
@lru_cache(maxsize=16)
def _transform(profile: bytes | None, mode: str) -> Any:
    from PIL import ImageCms

    source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")) if mode == "LAB" else _opened(profile or b"")
    # A profile of another colour space than the picture's: such files exist, and are shown without it.
    if source is None or _is_srgb(source) or source.profile.xcolor_space.strip() != _SPACES.get(mode):
        return None
    try:
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, ValueError, TypeError):
        return None


@lru_cache(maxsize=16)
def _opened(profile: bytes) -> Any:
    from PIL import ImageCms

    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except (OSError, ImageCms.PyCMSError, ValueError, TypeError):
        return None


def _is_srgb(opened: Any) -> bool:
    try:
        return "srgb" in (opened.profile.profile_description or "").lower()
    except (ValueError, OSError):
        return False
