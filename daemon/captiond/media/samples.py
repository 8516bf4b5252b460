"""Made media that ask a question: a number on a coloured ground, as a picture and as a short video of it."""

from __future__ import annotations

import io
from pathlib import Path

import av
from PIL import Image, ImageDraw, ImageFont

from captiond.values import FilePart, ImagePart, Stat

EDGE = 336
"""Pixels: a vision model spends at least 64 tokens on it, and a video of it is a few kilobytes."""
COLOURS = {
    "red": ((220, 20, 20), "white"),
    "green": ((0, 150, 40), "white"),
    "yellow": ((255, 240, 0), "black"),
    "orange": ((255, 140, 0), "black"),
}
"""Grounds and the colour of the number on them. None is what a model without eyes says first: blue, white or black."""
SECONDS, RATE = 2, 4


def picture(number: int, colour: str) -> ImagePart:
    """The number, large, on a ground of one of COLOURS."""
    data = io.BytesIO()
    _drawn(number, colour).save(data, "JPEG", quality=90)
    return ImagePart("image/jpeg", data.getvalue(), EDGE, EDGE)


def video(number: int, colour: str, path: Path) -> FilePart:
    """The same as a still video of two seconds, MP4, written to `path`. Raises OSError."""
    frame = av.VideoFrame.from_image(_drawn(number, colour))  # type: ignore[no-untyped-call] # PyAV is typed in part
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("h264", rate=RATE)
        stream.width = stream.height = EDGE
        stream.pix_fmt = "yuv420p"
        for at in range(SECONDS * RATE):
            frame.pts = at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return FilePart("video/mp4", str(path), Stat.of(path.stat()))


def _drawn(number: int, colour: str) -> Image.Image:
    ground, ink = COLOURS[colour]
    image = Image.new("RGB", (EDGE, EDGE), ground)
    font = ImageFont.load_default(size=EDGE * 0.6)
    ImageDraw.Draw(image).text((EDGE / 2, EDGE / 2), str(number), fill=ink, font=font, anchor="mm")
    return image
