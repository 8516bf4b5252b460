"""What can be measured on a picture without recognising anything: colours, brightness, sharpness."""

from __future__ import annotations

import math
from functools import lru_cache

from PIL import Image, ImageFilter, ImageStat

from captiond.values import Measures

_SHARES = (0.05, 5)
"""The least share of a colour that is named, and how many are."""

_ANCHORS = {
    "black": "000000 101014 1c1c1c 0a0f1e 14110f",
    "grey": "404040 606060 808080 a0a0a0 c0c0c0 5a6068 8a8078",
    "white": "ffffff f2f2f2 e8ecf0 f4f0e8",
    "red": "ff0000 c00000 8b0000 e03030 b22222",
    "orange": "ff8c00 ff6a00 e07820 ffa040 f09030",
    "brown": "8b4513 5c3317 7a5230 a0703c 402818 9c7850",
    "beige": "e8d8b8 d2b48c c8b898 f0e0c8 e0c0a0",
    "yellow": "ffff00 ffd700 e0c020 c8b400 fff080",
    "green": "00a000 00ff00 006400 228b22 6b8e23 80c060 3c5030 a0d890",
    "turquoise": "40e0d0 00ced1 20b2aa 008080 80d8d8",
    "blue": "0000ff 1e5ac8 00008b 4682b4 87ceeb 3070e0 203060 a0c8f0",
    "purple": "800080 8a2be2 4b0082 9370db 5c3080 b060d0",
    "pink": "ff69b4 ffc0cb ff00ff f08098 d03090 e8a0b0",
}
_LAPLACE = (0, 1, 0, 1, -4, 1, 0, 1, 0)


def measure(picture: Image.Image) -> Measures:
    """Measure an RGB or L picture."""
    grey = picture.convert("L")
    return Measures(
        colours=colours(picture),
        brightness=round(ImageStat.Stat(grey).mean[0] / 255, 4),
        sharpness=round(_sharpness(grey), 2),
    )


def colours(picture: Image.Image) -> tuple[tuple[str, float], ...]:
    """The picture's main colours by plain names, with their shares, largest first."""
    small = picture.convert("RGB")
    small.thumbnail((96, 96), Image.Resampling.BOX)
    few = small.quantize(64, Image.Quantize.MEDIANCUT)
    palette = few.getpalette() or []
    shares: dict[str, float] = {}
    for count, index in few.getcolors(256) or []:
        if isinstance(index, int):
            name = name_of(palette[index * 3], palette[index * 3 + 1], palette[index * 3 + 2])
            shares[name] = shares.get(name, 0.0) + count / (few.width * few.height)
    least, most = _SHARES
    ordered = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return tuple((name, round(share, 3)) for name, share in ordered[:most] if share >= least)


def name_of(red: int, green: int, blue: int) -> str:
    """The plain name of an sRGB colour: the nearest of a few examples, as the eye sees distance (OKLab)."""
    lightness, a, b = _oklab(red, green, blue)
    nearest = min(_anchors(), key=lambda k: (k[1] - lightness) ** 2 + 4 * ((k[2] - a) ** 2 + (k[3] - b) ** 2))
    return nearest[0]


@lru_cache(maxsize=1)
def _anchors() -> tuple[tuple[str, float, float, float], ...]:
    return tuple(
        (name, *_oklab(*bytes.fromhex(example))) for name, examples in _ANCHORS.items() for example in examples.split()
    )


def _oklab(red: int, green: int, blue: int) -> tuple[float, float, float]:
    """sRGB to OKLab (Björn Ottosson, "A perceptual color space for image processing", 2020)."""
    r, g, b = (_linear(value / 255) for value in (red, green, blue))
    l_ = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    m_ = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    s_ = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return (
        0.2104542553 * l_ + 0.7936177850 * m_ - 0.0040720468 * s_,
        1.9779984951 * l_ - 2.4285922050 * m_ + 0.4505937099 * s_,
        0.0259040371 * l_ + 0.7827717662 * m_ - 0.8086757660 * s_,
    )


def _linear(value: float) -> float:
    return float(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)


def _sharpness(grey: Image.Image) -> float:
    if min(grey.size) < 3:
        return 0.0
    # A filter's result is cut at 0, so the positive and the negative half are taken apart.
    halves = (_LAPLACE, tuple(-weight for weight in _LAPLACE))
    inner = (1, 1, grey.width - 1, grey.height - 1)  # the border is copied, not filtered
    return sum(
        ImageStat.Stat(grey.filter(ImageFilter.Kernel((3, 3), half, scale=1)).crop(inner)).mean[0] for half in halves
    )
