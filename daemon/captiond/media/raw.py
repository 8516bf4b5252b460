"""Cameras' raw photos, by LibRaw: the preview that the camera put in, or the sensor's values at half their size.

LibRaw gets the file's bytes and no name: with a name, it would look for other files beside it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image

from captiond.errors import Corrupt, DecoderMemory, Failure, TooManyPixels, Truncated, Unsupported
from captiond.media import header, metadata
from captiond.media.identify import RAW_FORMATS, Sniffed
from captiond.media.image import TURNS, check_size, still
from captiond.media.spec import EncodeSpec
from captiond.values import Encoded, Kind, MediaFacts

if TYPE_CHECKING:
    import rawpy

__all__ = ["RAW_FORMATS", "encode", "prepare"]

_TIFF_INSIDE = ("dng", "cr2", "nef", "arw", "orf", "rw2", "pef")
_FLIPS = {3: 3, 5: 8, 6: 6}
"""LibRaw's word for how a picture is to be turned, as EXIF's orientation."""


def prepare() -> None:
    """Import what reads raw photos, before the memory of a file is counted."""
    import rawpy  # noqa: F401
    from PIL import JpegImagePlugin, TiffImagePlugin  # noqa: F401


def encode(file: BinaryIO, sniffed: Sniffed, spec: EncodeSpec) -> Encoded:
    """Take a raw photo's picture, and encode it as a JPEG for an endpoint.

    Args:
        file: a seekable file with a descriptor.
        sniffed: what its first bytes say; of `RAW_FORMATS`.

    Raises:
        NoPixels, TooManyPixels: by its header.
        Truncated, Corrupt, Unsupported, DecoderMemory: while decoding.
        OSError: with its errno, if the file itself can't be read.
    """
    import rawpy

    if header.ends_early(sniffed.format, file):
        raise Truncated
    file.seek(0)
    try:
        with rawpy.imread(file) as raw:
            return _encode(raw, file, sniffed, spec)
    except (Failure, MemoryError):
        raise
    except OSError as error:
        if error.errno:
            raise
        raise Corrupt(str(error)[:200]) from error
    except rawpy.LibRawError as error:
        raise _failure(error) from error
    except Exception as error:  # Pillow's plugins raise what they like on a bad preview
        raise Corrupt(str(error)[:200] or type(error).__name__) from error


def _encode(raw: rawpy.RawPy, file: BinaryIO, sniffed: Sniffed, spec: EncodeSpec) -> Encoded:
    sizes = raw.sizes
    check_size(sizes.raw_width, sizes.raw_height, spec.max_pixels)
    # Large enough: no smaller than what would be sent of the sensor's values.
    preview = _preview(raw, min(spec.max_edge, max(sizes.width, sizes.height) // 2))
    taken = metadata.of_exif(_exif(file, sniffed, preview))
    turned = sizes.flip in (5, 6)
    facts = MediaFacts(
        kind=Kind.IMAGE,
        mime=sniffed.mime,
        format=sniffed.format,
        width=sizes.height if turned else sizes.width,
        height=sizes.width if turned else sizes.height,
        taken_at=taken.at,
        camera=taken.camera,
        latitude=taken.latitude,
        longitude=taken.longitude,
    )
    if preview is not None:
        check_size(*preview.size, spec.max_pixels)
        try:
            return still(preview, facts, preview.info.get("icc_profile"), _turn(preview, sizes), spec)
        except (OSError, SyntaxError, ValueError):
            pass  # a broken preview: the sensor's values may be whole
    return still(_developed(raw), facts, None, None, spec)


def _preview(raw: rawpy.RawPy, least: int) -> Image.Image | None:
    """The largest preview, not loaded yet, if its long edge has at least so many pixels."""
    import rawpy

    try:
        found: Any = raw.extract_thumb()
    except rawpy.LibRawError as error:
        if isinstance(error, rawpy.LibRawUnsufficientMemoryError):
            raise
        return None
    try:
        if found.format is rawpy.ThumbFormat.JPEG:
            image: Image.Image = Image.open(io.BytesIO(found.data), formats=["JPEG"])
        else:
            image = Image.fromarray(found.data)
    except (OSError, SyntaxError, ValueError, TypeError):
        return None
    return image if max(image.size) >= least else None


def _turn(preview: Image.Image, sizes: Any) -> Image.Transpose | None:
    """How a preview becomes upright: by its own EXIF, which LibRaw adds where there was none."""
    told = metadata.of_exif(preview.getexif()).orientation
    orientation = told if told != 1 else _FLIPS.get(sizes.flip, 1)
    lies = sizes.width >= sizes.height
    if orientation >= 5 and preview.width != preview.height and (preview.width > preview.height) != lies:
        return None  # some cameras turn it before they put it in
    return TURNS.get(orientation)


def _developed(raw: rawpy.RawPy) -> Image.Image:
    """The sensor's values as an upright sRGB picture: four of them become one pixel, which needs no guessing of colours."""
    import rawpy

    pixels = raw.postprocess(
        half_size=True,
        use_camera_wb=True,
        output_color=rawpy.ColorSpace.sRGB,
        output_bps=8,
        gamma=(2.4, 12.92),
    )
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _exif(file: BinaryIO, sniffed: Sniffed, preview: Image.Image | None) -> Image.Exif:
    """The photo's own directory where there is one, else its preview's EXIF."""
    found = Image.Exif()
    if sniffed.format in _TIFF_INSIDE:
        file.seek(0)
        head = file.read(8)
        # Told apart from where the directories begin: Olympus and Panasonic have a TIFF's under another number.
        found.endian = ">" if head[:2] == b"MM" else "<"
        try:
            found.load_from_fp(file, int.from_bytes(head[4:], "big" if found.endian == ">" else "little"))
        except Exception:  # noqa: BLE001 - a broken directory raises what it likes
            found = Image.Exif()
    return found if len(found) or preview is None else preview.getexif()


def _failure(error: Exception) -> Failure:
    import rawpy

    said = " ".join((error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)).split())[:200]
    if isinstance(error, rawpy.LibRawFileUnsupportedError | rawpy.LibRawNotImplementedError | rawpy.NotSupportedError):
        return Unsupported("a camera's raw photo that LibRaw does not know")
    if isinstance(error, rawpy.LibRawUnsufficientMemoryError):
        return DecoderMemory()
    if isinstance(error, rawpy.LibRawTooBigError):
        return TooManyPixels(said)
    return Truncated() if isinstance(error, rawpy.LibRawIOError) else Corrupt(said)
