"""A decoded frame of a video as a picture: upright, with square pixels, in sRGB, and small."""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.sidedata.sidedata import SideData
from av.sidedata.sidedata import Type as SideDataType
from PIL import Image

from captiond.media import tone
from captiond.media.image import check_size, fitted

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_SIDEWAYS = (
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.TRANSVERSE,
)


class Pictures:
    """Makes pictures of one stream's frames.

    Args:
        edge: pixels of a picture's long edge.
        max_pixels: of a frame; larger ones are refused.
    """

    def __init__(self, stream: VideoStream, edge: int, max_pixels: int) -> None:
        aspect = float(stream.sample_aspect_ratio or 1)
        self.size = (0, 0)
        """Of the first frame, upright, in the stream's own pixels."""
        self._turn: Image.Transpose | None = None
        self._aspect = aspect if 0.2 < aspect < 5 else 1.0
        self._edge = edge
        self._max_pixels = max_pixels

    def of(self, frame: VideoFrame) -> Image.Image:
        """One frame's picture, scaled by libav: Pillow would convert and copy all of it first.

        Raises:
            NoPixels, TooManyPixels: a stream may change its size on the way.
        """
        width, height = frame.width, frame.height
        check_size(width, height, self._max_pixels)
        if self.size == (0, 0):
            # Asked once: a frame whose side data were looked at is not freed before the next garbage collection.
            self._turn = _turn(frame)
            self.size = (height, width) if self._turn in _SIDEWAYS else (width, height)
        # Square pixels by making the longer way shorter: nothing is made larger.
        aspect = self._aspect
        shown = (width, max(1, round(height / aspect))) if aspect > 1 else (max(1, round(width * aspect)), height)
        target = fitted(shown, self._edge)
        frame.colorspace = tone.matrix_of(frame)
        scaled = frame.reformat(width=target[0], height=target[1], format="rgb24", interpolation="AREA", threads=1)
        plane = scaled.planes[0]
        image = Image.frombytes("RGB", target, bytes(plane), "raw", "RGB", plane.line_size, 1)
        image = tone.to_srgb(image, frame.color_trc, frame.color_primaries)
        return image.transpose(self._turn) if self._turn is not None else image


def _turn(frame: VideoFrame) -> Image.Transpose | None:
    """The turn that the display matrix asks for, in quarters."""
    sides = [side for side in frame.side_data if isinstance(side, SideData) and side.type == SideDataType.DISPLAYMATRIX]
    matrix = bytes(sides[0]) if sides else b""
    if len(matrix) < 36:
        return None
    # Nine 32-bit numbers; the first two rows map x and y. Only their signs matter for quarter turns and mirrors.
    a, b, _, c, d = (int.from_bytes(matrix[i : i + 4], "little", signed=True) for i in range(0, 20, 4))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        kind = (a >= 0, d >= 0)
        return {
            (True, True): None,
            (False, False): Image.Transpose.ROTATE_180,
            (False, True): Image.Transpose.FLIP_LEFT_RIGHT,
            (True, False): Image.Transpose.FLIP_TOP_BOTTOM,
        }[kind]
    return {
        (True, True): Image.Transpose.TRANSPOSE,
        (False, False): Image.Transpose.TRANSVERSE,
        (True, False): Image.Transpose.ROTATE_270,
        (False, True): Image.Transpose.ROTATE_90,
    }[(b >= 0, c >= 0)]
