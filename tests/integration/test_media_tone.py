"""HDR and wide colours as sRGB: against what was meant, and against libav's own conversion."""

from __future__ import annotations

import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorTrc
from PIL import Image

import media_samples as samples
from captiond.media import tone

GREYS = (0, 16, 64, 128, 192, 224)
COLOURS = ((200, 40, 40), (40, 160, 60), (40, 60, 200), (220, 200, 60), (120, 90, 70), (224, 172, 150))


def chart(*colours: tuple[int, int, int]) -> Image.Image:
    """Stripes of these colours, 32 pixels each."""
    return Image.fromarray(np.repeat(np.array([colours] * 16, np.uint8), 32, axis=1))


def stripes(image: Image.Image) -> list[tuple[int, ...]]:
    return [image.getpixel((at, 8)) for at in range(16, image.width, 32)]  # type: ignore[misc]  # RGB


def shown(transfer: str, image: Image.Image, white: float = 203) -> list[tuple[int, ...]]:
    frame = samples.hdr_frame(transfer, image, white)
    small = frame.reformat(format="rgb24")
    plain = Image.fromarray(small.to_ndarray())
    return stripes(tone.to_srgb(plain, frame.color_trc, frame.color_primaries))


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_greys_and_colours_keep_their_tones(transfer: str) -> None:
    colours = [(grey, grey, grey) for grey in GREYS] + list(COLOURS)
    for seen, meant in zip(shown(transfer, chart(*colours)), colours, strict=True):
        assert samples.near(seen, meant, 12), (seen, meant)


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_what_is_brighter_than_white_is_told_from_it(transfer: str) -> None:
    # A white page at 203 nits, a lamp at 406, the sun at 1000.
    grey = chart(*[(255, 255, 255)])
    page, lamp, sun = (shown(transfer, grey, white)[0][1] for white in (203, 406, 1000))
    assert 225 < page < lamp < sun
    assert sun >= 253


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_below_white_it_comes_to_what_libav_makes_of_it(transfer: str) -> None:
    picture = chart(*COLOURS)
    frame = samples.hdr_frame(transfer, picture)
    theirs = frame.reformat(
        format="rgb24", dst_color_trc=ColorTrc.IEC61966_2_1, dst_color_primaries=ColorPrimaries.BT709
    )
    for ours, other in zip(shown(transfer, picture), stripes(Image.fromarray(theirs.to_ndarray())), strict=True):
        assert samples.near(ours, other, 20), (ours, other)


def test_wide_colours_are_brought_into_srgb() -> None:
    # sRGB's red, in linear light of Display P3: 0.8225, 0.0332, 0.0171.
    wide = chart((234, 51, 35), (128, 128, 128))
    red, grey = stripes(tone.to_srgb(wide, ColorTrc.IEC61966_2_1, ColorPrimaries.SMPTE432))
    assert samples.near(red, (255, 0, 0), 8)
    assert samples.near(grey, (128, 128, 128), 2)


def test_colours_that_are_srgb_already_are_left_alone() -> None:
    picture = chart(*COLOURS)
    assert tone.to_srgb(picture, ColorTrc.BT709, ColorPrimaries.BT709) is picture
    assert tone.to_srgb(picture, ColorTrc.UNSPECIFIED, ColorPrimaries.UNSPECIFIED) is picture
