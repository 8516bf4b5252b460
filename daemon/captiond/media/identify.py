"""What a file is, told by its first bytes and never by its name.

The name only tells what a person believes the file to be: a file that is named like media and is none is worth a
failed job, any other file is not.
"""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

from captiond.media import tiff
from captiond.values import Kind

HEAD_BYTES = 4096
"""How many of a file's first bytes `sniff` wants."""


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What the first bytes say. `format` is our own short name of it: jpeg, heic, mov and so on."""

    kind: Kind
    mime: str
    format: str


def _image(mime: str, name: str) -> Sniffed:
    return Sniffed(Kind.IMAGE, f"image/{mime}", name)


def _video(mime: str, name: str) -> Sniffed:
    return Sniffed(Kind.VIDEO, f"video/{mime}", name)


_HEIC = _image("heic", "heic")
_HEIF = _image("heif", "heic")
_AVIF = _image("avif", "avif")
_MP4 = _video("mp4", "mp4")
_MOV = _video("quicktime", "mov")
_3GP = _video("3gpp", "3gp")

RAW_FORMATS = ("dng", "cr2", "cr3", "nef", "arw", "raf", "orf", "rw2", "pef")
"""Our names of cameras' raw photos."""

_RAW_MIMES = {
    "dng": "x-adobe-dng", "cr2": "x-canon-cr2", "cr3": "x-canon-cr3", "nef": "x-nikon-nef", "arw": "x-sony-arw",
    "raf": "x-fuji-raf", "orf": "x-olympus-orf", "rw2": "x-panasonic-rw2", "pef": "x-pentax-pef",
}  # fmt: skip
_RAWS = {name: _image(mime, name) for name, mime in _RAW_MIMES.items()}
_RAW_MAKERS = ((b"NIKON", "nef"), (b"SONY", "arw"), (b"PENTAX", "pef"), (b"RICOH", "pef"))
"""Who writes raw photos that are TIFFs by their first bytes; what such a file begins with tells them from plain TIFFs."""

_MAGIC = (
    (b"FUJIFILMCCD-RAW", _RAWS["raf"]),
    (b"IIRO", _RAWS["orf"]),
    (b"IIRS", _RAWS["orf"]),
    (b"MMOR", _RAWS["orf"]),
    (b"IIU\0", _RAWS["rw2"]),
    (b"\xff\xd8\xff", _image("jpeg", "jpeg")),
    (b"\x89PNG\r\n\x1a\n", _image("png", "png")),
    (b"GIF87a", _image("gif", "gif")),
    (b"GIF89a", _image("gif", "gif")),
    (b"II*\0", _image("tiff", "tiff")),
    (b"MM\0*", _image("tiff", "tiff")),
    (b"II+\0\x08\0\0\0", _image("tiff", "tiff")),
    (b"MM\0+\0\x08\0\0", _image("tiff", "tiff")),
    (b"8BPS\0\1", _image("vnd.adobe.photoshop", "psd")),
    (b"\xff\x0a", _image("jxl", "jxl")),
    (b"\0\0\0\x0cJXL \r\n\x87\n", _image("jxl", "jxl")),
    (b"\0\0\x01\xba", _video("mpeg", "mpeg")),
)
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), _HEIC),
    **dict.fromkeys((b"avif", b"avis"), _AVIF),
    b"qt  ": _MOV,
}
_STILL_BRANDS = (b"mif1", b"msf1", b"mif2", b"miaf")
_SILENT_BRANDS = (b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B ")  # audio alone: no media to us
_OLD_QUICKTIME = (b"moov", b"mdat", b"pnot")
_OLD_QUICKTIME_FILLERS = (b"wide", b"free", b"skip")  # English words too: only behind a small length

_UNREADABLE = (
    (0, b"8BPS\0\2", "Photoshop's large documents"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"FOVb", "Sigma raw"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"gimp xcf", "GIMP"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media"),
    (0, b"FLV\x01", "Flash Video"),
    (0, b"OggS", "Ogg"),
    (0, b"\0\0\1\xb3", "MPEG video without a container"),
    (0, b"<svg", "SVG"),
    (0, b"II\xbc\1", "JPEG XR"),
    (0, b"BPG\xfb", "BPG"),
    (0, b"DDS ", "DirectDraw"),
    (0, b"qoif", "QOI"),
    (0, b"icns", "Apple icon"),
    *((0, b"P%d%c" % (number, space), "portable anymap") for number in range(1, 7) for space in b"\n "),
    (0, b"SIMPLE  =", "FITS"),
    (128, b"DICM", "DICOM"),
    (0, b"AT&TFORM", "DjVu"),
    (0, b"\x06\x0e\x2b\x34", "MXF"),
    (0, b".RMF", "RealMedia"),
    (0, b"YUV4MPEG2", "YUV4MPEG"),
    (0, b"\x1f\x07\0", "DV video without a container"),
)

_IMAGE_NAMES = "jpg jpeg jpe jfif png apng webp gif bmp dib tif tiff heic heics heif heifs hif avif avifs"
_VIDEO_NAMES = "mp4 m4v mov qt mkv webm avi 3gp 3g2 mts m2ts mpg mpeg m2v vob"
_RAW_NAMES = "dng cr2 cr3 crw nef nrw arw srf sr2 raf orf rw2 pef srw x3f raw rwl iiq 3fr erf kdc mrw"
_OTHER_NAMES = "psd psb jxl jp2 j2k jpf jpx exr hdr xcf svg wmv asf flv ogv"
_NAMES = frozenset(f"{_IMAGE_NAMES} {_VIDEO_NAMES} {_RAW_NAMES} {_OTHER_NAMES}".split())
_RAW = frozenset(_RAW_NAMES.split())


def extension(name: str) -> str:
    """The name's extension in lower case, without its dot; empty for none."""
    return os.path.splitext(name)[1][1:].lower()


def named_like_media(name: str) -> bool:
    """Whether a file of this name is expected to be an image or a video.

    `.ts` is not in the list: it is TypeScript more often than a transport stream.
    """
    return extension(name) in _NAMES


def sniff(head: bytes, fd: int | None = None) -> Sniffed | None:
    """What a file with these first bytes is; None if it is nothing that can be read here.

    Args:
        fd: the file itself, for a TIFF whose first directory lies further on; its place is left as it was.

    Raises:
        OSError: the file can't be read.
    """
    if unreadable_format(head) is not None:
        return None
    for magic, sniffed in _MAGIC:
        if head.startswith(magic):
            return _raw_in_tiff(head, fd) or sniffed if sniffed.format == "tiff" else sniffed
    if head[:4] == b"RIFF":
        return {b"WEBP": _image("webp", "webp"), b"AVI ": _video("x-msvideo", "avi")}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if head[4:8] in _OLD_QUICKTIME or (head[4:8] in _OLD_QUICKTIME_FILLERS and head[:2] == b"\0\0"):
        return _MOV
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return _matroska(head)
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124):
        return _image("bmp", "bmp")
    for start, step in ((0, 188), (4, 192)):  # a packet every 188 bytes, with 4 bytes of time before it on cameras
        if len(head) > start + 3 * step and all(head[start + i * step] == 0x47 for i in range(4)):
            return _video("mp2t", "mpegts")
    return None


def unreadable_format(head: bytes) -> str | None:
    """The name of a format that is known, but can't be read here."""
    for at, magic, name in _UNREADABLE:
        if head[at : at + len(magic)] == magic:
            return name
    if head[:5] == b"<?xml" and b"<svg" in head[:1024]:
        return "SVG"
    return None


def is_raw_name(name: str) -> bool:
    """Whether the name is a camera's raw format; many of these are TIFF by their first bytes."""
    return extension(name) in _RAW


def _raw_in_tiff(head: bytes, fd: int | None) -> Sniffed | None:
    """The raw photo that a TIFF is, by its first directory."""
    if head[8:10] == b"CR":
        return _RAWS["cr2"]
    try:
        return _raw_by_directory(io.BytesIO(head))
    except struct.error:  # a camera's lies in the first bytes; who writes pictures first and directories last is rarer
        pass
    if fd is None:
        return None
    place = os.lseek(fd, 0, os.SEEK_CUR)
    try:
        with open(fd, "rb", closefd=False) as file:
            return _raw_by_directory(file)
    except struct.error:
        return None
    finally:
        os.lseek(fd, place, os.SEEK_SET)


def _raw_by_directory(file: BinaryIO) -> Sniffed | None:
    tags = tiff.first(file, tiff.WHAT_IT_IS)
    if tiff.DNG_VERSION in tags:
        return _RAWS["dng"]
    if not tiff.is_raw_like(tags):
        return None
    make = tiff.first(file, (tiff.MAKE,)).get(tiff.MAKE)
    if not isinstance(make, bytes):
        return None
    return next((_RAWS[name] for maker, name in _RAW_MAKERS if make.upper().startswith(maker)), None)


def _by_brand(head: bytes) -> Sniffed | None:
    size = int.from_bytes(head[:4], "big")
    if head[8:12] == b"crx ":
        return _RAWS["cr3"]
    major, others = head[8:12], [head[i : i + 4] for i in range(16, min(size, len(head)), 4)]
    if major in _BRANDS:
        return _BRANDS[major]
    if major in _STILL_BRANDS:
        found = [_BRANDS[brand] for brand in others if brand in _BRANDS]
        return _AVIF if _AVIF in found else _HEIC if _HEIC in found else _HEIF
    if major in _SILENT_BRANDS:
        return None
    return _3GP if major[:3] in (b"3gp", b"3g2") else _MP4


def _matroska(head: bytes) -> Sniffed | None:
    if b"webm" in head[:128]:
        return _video("webm", "webm")
    return _video("x-matroska", "mkv") if b"matroska" in head[:128] else None
