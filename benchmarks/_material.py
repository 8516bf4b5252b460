"""Photos and videos for the benchmarks: like a camera's in size and texture, each with bytes of its own.

Encoding a thousand photos of 12 megapixels would take longer than the benchmarks, so a few are drawn, and every file is
one of them with a JPEG comment (or an MP4 `free` box) of its own: different bytes to hash and to caption, the same work
to decode.
"""

from __future__ import annotations

import io
import itertools
import os
import struct
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

PHOTO = (4032, 3024)
"""12 megapixels, as phones take them."""
SMALL = (2000, 1500)
"""For a quick run."""
DRAWN = 20
QUALITY = 90
VIDEO_BYTES = 100_000_000
GRAIN = 48


def photos(place: Path, count: int, size: tuple[int, int] = PHOTO) -> list[Path]:
    """`count` photos with different bytes; those that a kept folder has are taken as they are."""
    folder = place / f"photos-{size[0]}x{size[1]}"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"IMG_{number:04}.jpg" for number in range(count)]
    if not all(path.exists() for path in paths):
        with ProcessPoolExecutor() as pool:
            drawn = list(pool.map(photo, range(min(DRAWN, count)), itertools.repeat(size)))
        for number in (number for number, path in enumerate(paths) if not path.exists()):
            paths[number].write_bytes(with_comment(drawn[number % len(drawn)], f"photo {number} of a benchmark"))
    return paths


def photo(seed: int, size: tuple[int, int] = PHOTO) -> bytes:
    """A landscape of gradients, clouds of several sizes and a sensor's noise, as a JPEG of quality 90."""
    chance = np.random.default_rng(seed)
    width, height = size
    down = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
    across = np.linspace(0.0, 1.0, width, dtype=np.float32)[None, :]
    texture = np.zeros((height, width), np.float32)
    for cells, strength in ((6, 0.5), (24, 0.25), (96, 0.12), (384, 0.07)):
        texture += strength * _smooth(chance, cells, size)
    horizon = 0.4 + 0.1 * chance.random() + 0.05 * np.sin(across * 6 + seed)
    ground = np.clip((down - horizon) * 40, 0, 1)
    tops, grounds = chance.uniform(0.3, 0.9, 3), chance.uniform(0.1, 0.6, 3)
    # The finest texture, grass and leaves, is on the ground alone, and differs from photo to photo.
    fine = _smooth(chance, 1400, size) * ground * chance.uniform(0.15, 0.5)
    channels = [
        (tops[c] - 0.3 * down) * (1 - ground) + grounds[c] * ground + 0.35 * texture * (0.4 + 0.6 * ground) + fine
        for c in range(3)
    ]
    picture = np.stack(channels, axis=-1)
    picture += chance.standard_normal((height, width), dtype=np.float32)[..., None] * 0.012
    pixels = (np.clip(picture, 0, 1) * 255).astype(np.uint8)
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "JPEG", quality=QUALITY)
    return target.getvalue()


def _smooth(chance: np.random.Generator, cells: int, size: tuple[int, int]) -> np.ndarray:
    """Noise of one grain, between -0.5 and 0.5."""
    width, height = size
    small = chance.random((max(2, cells * height // width), cells), dtype=np.float32) - 0.5
    return np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BICUBIC))


def with_comment(jpeg: bytes, comment: str) -> bytes:
    """The same picture with other bytes: a comment segment after the first segment."""
    (length,) = struct.unpack(">H", jpeg[4:6])
    at = 4 + length
    text = comment.encode()
    return jpeg[:at] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + jpeg[at:]


def tiny() -> bytes:
    """A JPEG of a few hundred bytes."""
    target = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 30, 30)).save(target, "JPEG")
    return target.getvalue()


def videos(folder: Path, count: int, size: int = VIDEO_BYTES, seconds: int = 10) -> list[Path]:
    """MP4 videos of `size` bytes: one real 1080p clip, filled up with a `free` box that is different in each."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"clip-{number}.mp4" for number in range(count)]
    if not all(path.exists() and path.stat().st_size == size for path in paths):
        clip = _clip(seconds)
        for path in paths:
            fill = size - len(clip) - 8
            with path.open("wb") as file:
                file.write(clip + struct.pack(">I", fill + 8) + b"free")
                block = os.urandom(1 << 20)
                for at in range(0, fill, len(block)):
                    file.write(block[: min(len(block), fill - at)])
    return paths


def _clip(seconds: int, size: tuple[int, int] = (1920, 1080), rate: int = 25) -> bytes:
    width, height = size
    target = io.BytesIO()
    chance = np.random.default_rng(0)
    back = np.asarray(Image.open(io.BytesIO(photo(0, (2400, height)))).convert("RGB"))
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "26"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, rate)
        grain = chance.integers(0, 6, (height, width, 3), np.uint8)
        for number in range(seconds * rate):
            at = number % (back.shape[1] - width)
            frame = np.ascontiguousarray(
                np.minimum(back[:, at : at + width], 249) + np.roll(grain, chance.integers(0, height), axis=0)
            )
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return target.getvalue()


def heavy(path: Path, size: int) -> Path:
    """An MP4 of 1080p of some `size` bytes, all of them film, at some 40 Mbit/s as good cameras record."""
    if not path.exists():
        part = film(path.with_suffix(".part.mp4"), 1, 2, (1920, 1080), grain=GRAIN)
        groups = size // part.stat().st_size
        part.unlink()
        film(path, 1, 2 * groups, (1920, 1080), grain=GRAIN)
    return path


def film(path: Path, scenes: int, seconds: int, size: tuple[int, int], *, grain: int = 0, hevc: bool = False) -> Path:
    """An MP4 of H.264 or HEVC with a key frame every two seconds. Each scene is a pan of two seconds, coded once and repeated.

    `grain` is the strength of a sensor's noise, of 255, which takes most of the bytes where there is any.
    """
    if path.exists():
        return path
    (width, height), rate = size, 25
    group = 2 * rate
    chance = np.random.default_rng(0)
    with av.open(str(path), "w", format="mp4") as container:
        options = {"preset": "veryfast", "crf": "23", "g": str(group), "sc_threshold": "0"}
        if hevc:
            parameters = f"keyint={group}:min-keyint={group}:scenecut=0:open-gop=0:log-level=error"
            options = {"preset": "ultrafast", "crf": "23", "x265-params": parameters}
        stream = container.add_stream("libx265" if hevc else "libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        coded = []
        for scene in range(scenes):
            back = np.asarray(Image.open(io.BytesIO(photo(scene, (width + group, height)))).convert("RGB"))
            for at in range(group):
                frame = np.ascontiguousarray(back[:, at : at + width])
                if grain:
                    frame = np.minimum(frame, 255 - grain) + chance.integers(0, grain, frame.shape, np.uint8)
                coded += stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24"))
        coded += stream.encode()
        groups = seconds * rate // group
        for number in range(groups):
            scene = number * scenes // groups
            for one in coded[scene * group : (scene + 1) * group]:
                packet = av.Packet(bytes(one))
                assert one.pts is not None
                assert one.dts is not None
                later = (number - scene) * group
                packet.pts, packet.dts, packet.time_base = one.pts + later, one.dts + later, Fraction(1, rate)
                packet.stream, packet.is_keyframe = stream, one.is_keyframe
                container.mux(packet)
    return path


def mean_megabytes(paths: Sequence[Path]) -> float:
    """Of the files on disk, 1 MB being a million bytes."""
    return sum(path.stat().st_size for path in paths) / len(paths) / 1e6
