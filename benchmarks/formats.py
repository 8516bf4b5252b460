"""What a photo of 12 megapixels costs in formats other than JPEG, against the barest decode and resize of the same file.

Both run in one process in turns, and the best of each counts: `captiond` is the decoder process's own `encode`, bare is the
library's decode, one resize and nothing else. For a raw photo without a preview, bare is LibRaw's half-size picture.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import _common
import _material
import imagecodecs
import numpy as np
import pillow_heif
import rawpy
from PIL import Image

import media_samples
import raw_samples
from captiond.media import identify, image, raw
from captiond.media.spec import EncodeSpec

SPEC = EncodeSpec()
JUDGED = ("heic", "raw with a preview", "raw without a preview")
LIMIT = 1.3
TURNS = 7


def bare_pillow(path: Path) -> None:
    with Image.open(path) as opened:
        small(opened)


def bare_jxl(path: Path) -> None:
    small(Image.fromarray(imagecodecs.jpegxl_decode(path.read_bytes(), numthreads=1)))


def bare_preview(path: Path) -> None:
    with rawpy.imread(io.BytesIO(path.read_bytes())) as opened:
        found = opened.extract_thumb()
    assert isinstance(found.data, bytes)
    with Image.open(io.BytesIO(found.data)) as preview:
        preview.draft(None, target(preview))
        small(preview)


def bare_half(path: Path) -> None:
    with rawpy.imread(io.BytesIO(path.read_bytes())) as opened:
        small(Image.fromarray(opened.postprocess(half_size=True, use_camera_wb=True)))


def target(opened: Image.Image) -> tuple[int, int]:
    return image.fitted(opened.size, SPEC.max_edge)


def small(opened: Image.Image) -> None:
    opened.resize(target(opened), Image.Resampling.LANCZOS, reducing_gap=2.0)


def ours(path: Path) -> None:
    with path.open("rb") as file:
        sniffed = identify.sniff(file.read(identify.HEAD_BYTES))
        assert sniffed is not None
        if sniffed.format in identify.RAW_FORMATS:
            raw.encode(file, sniffed, SPEC)
        else:
            image.encode(file, sniffed, SPEC, 60)


def best(way: Callable[[Path], None], path: Path) -> float:
    began = time.perf_counter()
    way(path)
    return time.perf_counter() - began


def main() -> int:
    chosen = _common.options(__doc__)
    pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)
    size = (800, 600) if chosen.quick else _material.PHOTO
    report = _common.Report("formats", quick=chosen.quick)
    with _common.workplace(chosen.keep) as (_place, material):
        photo = Image.open(io.BytesIO(_material.photo(1, size))).convert("RGB")
        files: dict[str, tuple[Path, Callable[[Path], None]]] = {
            "heic": (media_samples.heic(material / "a.heic", photo), bare_pillow),
            "raw with a preview": (raw_samples.dng(material / "a.dng", photo, preview=photo), bare_preview),
            "raw without a preview": (raw_samples.dng(material / "b.dng", photo), bare_half),
            "avif": (media_samples.avif(material / "a.avif", photo), bare_pillow),
            "jpeg xl": (media_samples.jxl(material / "a.jxl", photo, lossless=False, distance=1.0), bare_jxl),
            "psd": (media_samples.psd(material / "a.psd", photo), bare_pillow),
            "tiff": (media_samples.tiff(material / "a.tiff", photo, compression=None), bare_pillow),
        }
        for name, (path, bare) in files.items():
            runs = [(best(bare, path), best(ours, path)) for _ in range(1 if chosen.quick else TURNS)]
            alone, whole = np.min(np.array(runs), axis=0)
            key = name.replace(" ", "_")
            report.row(f"{key}_bare_ms", f"{name}: decode and resize, bare", float(alone) * 1e3, "{:.0f} ms")
            label = "  captiond, as a multiple of that"
            if name in JUDGED:
                report.goal(f"{key}_ratio", label, float(whole / alone), "{:.2f}", under=LIMIT)
            else:
                report.row(f"{key}_ratio", label, float(whole / alone), "{:.2f}")
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
