"""Telling files by their first bytes, and by their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import media_samples as samples
from captiond.media.identify import HEAD_BYTES, named_like_media, sniff, unreadable_format
from captiond.values import Kind

MADE: list[tuple[Callable[[Path], Path], Kind, str]] = [
    (samples.jpeg, Kind.IMAGE, "image/jpeg"),
    (samples.png, Kind.IMAGE, "image/png"),
    (samples.webp, Kind.IMAGE, "image/webp"),
    (samples.gif, Kind.IMAGE, "image/gif"),
    (samples.bmp, Kind.IMAGE, "image/bmp"),
    (samples.tiff, Kind.IMAGE, "image/tiff"),
    (samples.psd, Kind.IMAGE, "image/vnd.adobe.photoshop"),
    (samples.jxl, Kind.IMAGE, "image/jxl"),
    (samples.jxl_of_jpeg, Kind.IMAGE, "image/jxl"),
    (samples.mpo, Kind.IMAGE, "image/jpeg"),
    (samples.heic, Kind.IMAGE, "image/heic"),
    (samples.avif, Kind.IMAGE, "image/avif"),
    (lambda path: samples.video(path, "mp4", seconds=0.3), Kind.VIDEO, "video/mp4"),
    (lambda path: samples.video(path, "mov", seconds=0.3), Kind.VIDEO, "video/quicktime"),
    (lambda path: samples.video(path, "matroska", seconds=0.3), Kind.VIDEO, "video/x-matroska"),
    (lambda path: samples.video(path, "webm", seconds=0.3), Kind.VIDEO, "video/webm"),
    (lambda path: samples.video(path, "avi", seconds=0.3), Kind.VIDEO, "video/x-msvideo"),
    (lambda path: samples.video(path, "3gp", seconds=0.3), Kind.VIDEO, "video/3gpp"),
    (lambda path: samples.video(path, "mpegts", seconds=1), Kind.VIDEO, "video/mp2t"),
]


@pytest.mark.parametrize(("make", "kind", "mime"), MADE, ids=[mime for _make, _kind, mime in MADE])
def test_every_format_is_told_by_its_content(
    tmp_path: Path, make: Callable[[Path], Path], kind: Kind, mime: str
) -> None:
    sniffed = sniff(make(tmp_path / "no-name").read_bytes()[:HEAD_BYTES])
    assert sniffed is not None
    assert (sniffed.kind, sniffed.mime) == (kind, mime)


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "image/avif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x14ftypmif1\0\0\0\0mif1", "image/heif"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "video/mp4"),
        (b"\0\0\0\x08wide\x12\x34\x56\x78mdat", "video/quicktime"),
        (b"\x12\x34\x56\x78mdat" + bytes(20), "video/quicktime"),
        (b"MM\0*\0\0\0\x08", "image/tiff"),
        (b"GIF87a" + bytes(10), "image/gif"),
        (b"II*\0\x10\0\0\0CR\x02\0", "image/x-canon-cr2"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "image/x-canon-cr3"),
        (b"FUJIFILMCCD-RAW 0201FF383501", "image/x-fuji-raf"),
        (b"IIRO\x08\0\0\0", "image/x-olympus-orf"),
        (b"IIRS\x08\0\0\0", "image/x-olympus-orf"),
        (b"MMOR\0\0\0\x08", "image/x-olympus-orf"),
        (b"IIU\0\x18\0\0\0", "image/x-panasonic-rw2"),
        (b"\0\0\x01\xba" + bytes(20), "video/mpeg"),
    ],
)
def test_rarer_heads_are_told(head: bytes, mime: str) -> None:
    sniffed = sniff(head)
    assert sniffed is not None
    assert sniffed.mime == mime


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"x",
        b"BM is how this sentence begins, which is no bitmap",
        b"But free speech",
        b"The wide road",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"ID3\x04",
        b"\x1a\x45\xdf\xa3\x84\x42\x82\x84junk",
        b"\x47 is G",
        b"import { x } from 'y'; // a .ts file",
        b"#!/bin/sh",
    ],
)
def test_other_files_are_nothing_to_us(head: bytes) -> None:
    assert sniff(head) is None
    assert unreadable_format(head) is None


def test_formats_that_are_known_and_not_read_have_a_name() -> None:
    assert unreadable_format(b"8BPS\0\x02") == "Photoshop's large documents"
    assert unreadable_format(b"<?xml version='1.0'?>\n<svg xmlns='...'>") == "SVG"
    assert unreadable_format(b"FOVb") == "Sigma raw"
    assert unreadable_format(b"P6 640 480 255\n") == "portable anymap"
    assert unreadable_format(bytes(128) + b"DICM") == "DICOM"
    assert unreadable_format(b"\0\0\x01\xb3") == "MPEG video without a container"


@given(st.binary(max_size=HEAD_BYTES))
def test_any_bytes_can_be_asked_about(head: bytes) -> None:
    assert sniff(head) is None or unreadable_format(head) is None


@pytest.mark.parametrize("name", ["a.jpg", "A.JPEG", "x.y.HeIc", "clip.mp4", "raw.NEF", "art.psd", "new.jxl", ".a.png"])
def test_names_of_media(name: str) -> None:
    assert named_like_media(name)


@pytest.mark.parametrize(
    "name", ["a.txt", "jpg", ".jpg", "index.ts", "a.jpg.caption.json", "song.m4a", "a", "", "x.pdf"]
)
def test_names_of_other_files(name: str) -> None:
    assert not named_like_media(name)
