"""A video's colours as sRGB: which matrix its values are in, and what is brighter or wider than a screen.

libav's own conversion of HDR takes 1.4 to 2.2 s for each video, mostly for its tables, and cuts off what is brighter than
white. Here it is a curve for each channel and a small table, made in 10 ms once for each kind of signal; they take 9 ms
for a picture of 768 x 432. Within white both come to the same.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from operator import mul
from typing import TYPE_CHECKING

from av.video.reformatter import ColorPrimaries, ColorTrc
from PIL import Image, ImageFilter

from captiond.media.asfile import HDR_TRANSFERS

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_BT709, _BT2020, _BT601 = 1, 9, 6
_MATRICES = frozenset({0, _BT709, 4, 5, _BT601, 7, _BT2020})
"""Those that libswscale converts, as ITU-T H.273 numbers them: it refuses all others, «unspecified» being BT.601 to it."""
_HD = 1280, 576
"""Wider than this or higher, a video that does not say its matrix has BT.709's, as players take it."""

_NODES = 17
_WHITE = 203.0
"""Nits of a white page in HDR (ITU-R BT.2408)."""
_PEAK = 1000.0
"""Nits of HLG's brightest signal on the screen that BT.2100 takes for it; what PQ has above is shown as white."""
_GAMMA = 1.2
"""BT.2100's step from the camera's light to that screen's."""
_KNEE = 0.8
"""The share of white up to which tones stay as they are; what is brighter is pressed together above it."""
_BRIGHTNESS = (0.2627, 0.6780, 0.0593)
"""How much of BT.2020's red, green and blue there is in brightness."""

_Matrix = tuple[tuple[float, float, float], ...]
_SAME: _Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_GAMUTS: dict[int, _Matrix] = {
    # From linear light of these primaries to that of sRGB's, worked out of their chromaticities in H.273.
    ColorPrimaries.BT2020: ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)),
    ColorPrimaries.SMPTE432: ((1.2249, -0.2249, 0.0), (-0.0420, 1.0420, 0.0), (-0.0196, -0.0786, 1.0983)),
}


def matrix_of(frame: VideoFrame) -> int:
    """The matrix between its values and red, green and blue, in H.273's numbers: as it says, or as its size has it."""
    if frame.colorspace in _MATRICES:
        return frame.colorspace
    if frame.color_trc in HDR_TRANSFERS:
        return _BT2020
    return _BT709 if frame.width >= _HD[0] or frame.height > _HD[1] else _BT601


def to_srgb(picture: Image.Image, transfer: int, primaries: int) -> Image.Image:
    """A small picture in a video's red, green and blue as one in sRGB's.

    Args:
        transfer, primaries: of the video, in H.273's numbers. BT.709's, BT.601's and unknown ones are near enough to
            sRGB's: they are shown as that everywhere.
    """
    if transfer in HDR_TRANSFERS:
        picture = picture.point(_curve(transfer) * 3)
    elif primaries not in _GAMUTS:
        return picture
    return picture.filter(_table(primaries, hlg=transfer == ColorTrc.ARIB_STD_B67))


@lru_cache(maxsize=2)
def _curve(transfer: int) -> list[int]:
    """From an HDR signal to sRGB's of the same tone, channel by channel, pressed together above white."""
    signals = [level / 255 for level in range(256)]
    if transfer == ColorTrc.SMPTE2084:
        light = [_pq(signal) / _WHITE for signal in signals]
    else:
        light = [_hlg(signal) ** _GAMMA * _PEAK / _WHITE for signal in signals]
    return [round(255 * _signal(_pressed(value))) for value in light]


@lru_cache(maxsize=8)
def _table(primaries: int, *, hlg: bool) -> ImageFilter.Color3DLUT:
    """From wider primaries to sRGB's. HLG's gamma belongs to brightness, and not to each channel: that is set right here."""
    gamut = _GAMUTS.get(primaries, _SAME)
    light = [_light(node / (_NODES - 1)) for node in range(_NODES)]
    values: list[float] = []
    for blue, green, red in itertools.product(light, repeat=3):  # red changes fastest
        colour = [red, green, blue]
        if hlg:
            camera = [value ** (1 / _GAMMA) for value in colour]
            gain = sum(map(mul, _BRIGHTNESS, camera)) ** (_GAMMA - 1)
            colour = [value * gain for value in camera]
        values += [_signal(sum(map(mul, row, colour))) for row in gamut]
    return ImageFilter.Color3DLUT(_NODES, values)


def _pq(signal: float) -> float:
    """SMPTE ST 2084: a signal's light in nits."""
    power = signal ** (1 / 78.84375)
    share = max(power - 0.8359375, 0.0) / (18.8515625 - 18.6875 * power)
    return float(10_000 * share ** (1 / 0.1593017578125))


def _hlg(signal: float) -> float:
    """ITU-R BT.2100: a signal's light at the camera, 1 being the brightest."""
    return signal * signal / 3 if signal <= 0.5 else (math.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12


def _light(signal: float) -> float:
    """sRGB's signal as light."""
    return float(signal / 12.92 if signal <= 0.04045 else ((signal + 0.055) / 1.055) ** 2.4)


def _signal(light: float) -> float:
    """Light as sRGB's signal; beyond black and white it is cut off."""
    light = min(max(light, 0.0), 1.0)
    return float(12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)


def _pressed(light: float) -> float:
    """Reinhard's curve above the knee: it goes on as steep as it came, and ends at white for the peak."""
    if light <= _KNEE:
        return light
    room = 1 - _KNEE
    above, most = (light - _KNEE) / room, (_PEAK / _WHITE - _KNEE) / room
    return min(1.0, _KNEE + room * above * (1 + above / most**2) / (1 + above))
