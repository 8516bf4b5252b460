"""What a sidecar says, read back: ours, another captiond's, one that a person has edited, and what is none."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond import sidecar
from captiond.values import Kind, Reply, Source, Usage

DOCUMENT: dict[str, Any] = {
    "schema": "captiond/1",
    "file": "photo.jpg",
    "sha256": "0" * 64,
    "kind": "image",
    "caption": "Two people jump.",
    "category": None,
    "tags": ["wall"],
    "fields": {"count": 2},
    "language": "en",
    "source": "model",
    "recipe": "default",
    "recipe_digest": "1" * 64,
    "model": "m",
    "created_at": "2026-11-22T10:35:00Z",
    "media": {"mime": "image/jpeg", "bytes": 1000, "width": 64, "height": 48, "duration_seconds": None},
    "usage": {"prompt_tokens": 10, "completion_tokens": None, "cost_usd": 0.25},
}


def changed(**changes: Any) -> bytes:
    """The document with other values."""
    return sidecar.encode({**DOCUMENT, **changes})


def reason(body: bytes) -> tuple[str, bool]:
    """Why it is none, and whether it looks like one of ours."""
    with pytest.raises(sidecar.Unfit) as caught:
        sidecar.told(body)
    return str(caught.value), caught.value.ours


def test_what_was_written_is_read_back() -> None:
    told = sidecar.told(sidecar.encode(DOCUMENT))
    assert told.reply == Reply("Two people jump.", None, ("wall",), {"count": 2}, "en")
    assert (told.kind, told.source, told.usage) == (Kind.IMAGE, Source.MODEL, Usage(10, None, 0.25))
    assert (told.created_at, told.strange) == ("2026-11-22T10:35:00Z", ())


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\r\n  "])
def test_editors_may_add_a_mark_or_white_space(before: bytes) -> None:
    assert sidecar.told(before + sidecar.encode(DOCUMENT)).model == "m"


def test_a_moment_of_another_zone_is_told_in_utc() -> None:
    assert sidecar.told(changed(created_at="2026-11-22T11:35:00+01:00")).created_at == "2026-11-22T10:35:00Z"


@pytest.mark.parametrize(
    "body",
    [
        changed(caption=" \n"),
        changed(media={**DOCUMENT["media"], "width": 1 << 64}),
        changed(media={**DOCUMENT["media"], "bytes": 1 << 63}),
        changed(usage={**DOCUMENT["usage"], "prompt_tokens": 1 << 63}),
        changed(created_at="0001-01-01T00:00:00+14:00"),
        changed(created_at="9999-12-31T23:59:59-14:00"),
        changed(created_at="0900-01-01T00:00:00Z"),
        changed(created_at="1970-01-01T00:00:00+01:00"),
    ],
)
def test_what_the_database_could_not_keep_and_a_blank_caption_are_refused(body: bytes) -> None:
    assert reason(body)[1]


def test_keys_of_others_are_told() -> None:
    body = changed(rating=5, media={**DOCUMENT["media"], "lens": "50mm"})
    assert set(sidecar.told(body).strange) == {"rating", "media.lens"}


@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"[]", b"{}", b'{"schema": "other/1"}', b"[" * 100_000])
def test_what_is_plainly_anothers_is_told_from_what_was_broken(body: bytes) -> None:
    assert not reason(body)[1]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (sidecar.encode(DOCUMENT)[:-30], "no valid JSON"),
        (changed(caption=""), "caption"),
        (changed(caption=7), "caption"),
        (changed(tags="wall"), "tags"),
        (changed(sha256="ab"), "sha256"),
        (changed(source="somebody"), "source"),
        (changed(created_at="yesterday"), "created_at"),
        (changed(media={**DOCUMENT["media"], "bytes": -1}), "media.bytes"),
        (changed(caption="half").replace(b"half", b"\\ud83d"), "Invalid JSON"),
        (b'{"schema": "captiond/1"}', "file"),
    ],
)
def test_one_that_was_broken_says_where(body: bytes, why: str) -> None:
    text, ours = reason(body)
    assert ours
    assert why in text


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: changed(caption=text, extra=text)))
def test_anything_is_a_sidecar_or_none(body: bytes) -> None:
    with contextlib.suppress(sidecar.Unfit):
        assert sidecar.told(body).reply.caption


def test_what_stands_there_is_read_without_following_a_link(tmp_path: Path) -> None:
    place = tmp_path / "photo.jpg.caption.json"
    assert sidecar.read(str(place), None) is None
    (tmp_path / "elsewhere").write_bytes(sidecar.encode(DOCUMENT))
    place.symlink_to(tmp_path / "elsewhere")
    assert sidecar.read(str(place), None) is None
    place.unlink()
    place.write_bytes(b"{broken, captiond/1")
    broken = sidecar.read(str(place), None)
    assert broken is not None
    assert broken.told is None
    place.write_bytes(sidecar.encode(DOCUMENT))
    whole = sidecar.read(str(place), None)
    assert whole is not None
    assert whole.told is not None
    assert whole.seen == (place.stat().st_size, place.stat().st_mtime_ns)
