"""What is looked at under a root, and what never is."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.config.models import Watch
from captiond.watch.patterns import Patterns, is_junk

SUFFIX = ".caption.json"


def patterns(include: tuple[str, ...] = ("**",), exclude: tuple[str, ...] = ()) -> Patterns:
    return Patterns(include, exclude, SUFFIX)


@pytest.mark.parametrize(
    "name",
    [
        *("@eaDir", "#recycle", "#snapshot", ".Trash", ".Trash-1000", ".Trashes", "$RECYCLE.BIN", "$Recycle.Bin"),
        *("System Volume Information", "lost+found", ".git", "@Recycle", ".@__thumb", ".stversions", "._x"),
        "photo.jpg.download",
    ],
)
def test_system_folders_are_never_entered_at_any_depth(name: str) -> None:
    assert not patterns().enters(name)
    assert not patterns().enters(f"a/b/{name}")


@pytest.mark.parametrize(
    "name",
    [
        *(".DS_Store", "._photo.jpg", "Thumbs.db", "THUMBS.DB", "thumbs.db", "desktop.ini", "Desktop.ini"),
        *("a.jpg.part", "a.jpg.PART", "a.jpg.crdownload", "a.jpg.tmp", "a.mp4.partial", "a.download", "a.jpg.filepart"),
        *("~$a.docx", ".~lock.a#", ".nfs000000000001", ".fuse_hidden0001", ".photo.jpg.Xk3d9Q", "a.jpg~"),
        *(".syncthing.a.jpg.tmp", "~syncthing~a.jpg.tmp", "a.jpg.caption.json", ".caption.json"),
    ],
)
def test_partial_temporary_and_system_files_and_sidecars_are_never_taken(name: str) -> None:
    assert not patterns().takes(name)
    assert not patterns().takes(f"a/b/{name}")


@pytest.mark.parametrize(
    "name",
    [
        "a.jpg",
        "a.JPG",
        "part",
        "a.parts.jpg",
        "tmp.jpg",
        "a",
        "a.json",
        "a.caption.jpg",
        "$.jpg",
        "~.jpg",
        "#1.jpg",
        ".a.jpg",
    ],
)
def test_other_files_are_taken_when_nothing_excludes_them(name: str) -> None:
    assert patterns().takes(name)
    assert patterns().takes(f"2026/{name}")


def test_folders_with_ordinary_names_are_entered() -> None:
    for name in ("a", "a/b", "tmp", "git", "2026-11 Rome", "eaDir", "x.jpg", ""):
        assert patterns().enters(name)


def test_the_default_excludes_hidden_files_and_folders_and_nothing_else() -> None:
    watch = Watch(path="/srv")  # type: ignore[arg-type]  # pydantic makes it a Path
    made = Patterns(watch.include, watch.exclude, SUFFIX)
    assert not made.takes(".a.jpg")
    assert not made.takes("b/.a.jpg")
    assert not made.enters(".hidden")
    assert not made.enters("b/.hidden")
    assert made.takes("a/b.c/d.jpg")
    assert made.enters("a/b.c")


def test_a_pattern_that_begins_with_a_hash_is_a_name_and_no_comment() -> None:
    made = patterns(exclude=("#old/**",))
    assert not made.enters("#old")
    assert not made.takes("#old/a.jpg")


def test_include_chooses_files_and_leaves_the_folders_open() -> None:
    made = patterns(include=("*.jpg", "clips/**"))
    assert made.takes("a.jpg")
    assert made.takes("x/y/a.jpg")
    assert made.takes("clips/a.mp4")
    assert not made.takes("a.mp4")
    assert made.enters("x/y")


def test_an_excluded_folder_is_not_entered_whether_named_with_slash_or_stars() -> None:
    for pattern in ("raw", "raw/", "raw/**", "/raw"):
        assert not patterns(exclude=(pattern,)).enters("raw")
    assert patterns(exclude=("/raw",)).enters("a/raw")
    assert not patterns(exclude=("raw/",)).enters("a/raw")
    assert patterns(exclude=("raw/",)).takes("raw"), "a file of that name is no folder"


def test_an_exclamation_mark_takes_up_again_what_an_earlier_pattern_left_alone() -> None:
    made = patterns(exclude=("raw/**", "!raw/keep.jpg"))
    assert made.enters("raw")
    assert made.takes("raw/keep.jpg")
    assert not made.takes("raw/other.jpg")
    assert not patterns(exclude=("raw/", "!raw/keep.jpg")).enters("raw"), "as git: an excluded folder is not opened"


def test_names_with_line_breaks_and_names_that_are_not_utf8_match_like_others() -> None:
    odd = os.fsdecode(b"a\nb\xff.jpg")
    made = patterns(include=("*.jpg",), exclude=("x*/",))
    assert made.takes(odd)
    assert made.takes(f"{odd}/{odd}")
    assert not made.takes(os.fsdecode(b"a\n\xff.png"))
    assert not made.enters("x\ny")


@given(st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & {0, ord("/")}))
def test_no_name_breaks_the_matching(raw: bytes) -> None:
    name = os.fsdecode(raw)
    made = patterns(include=("*.jpg", "?"), exclude=("[a-c]*", "**/d"))
    assert isinstance(made.takes(name), bool)
    assert isinstance(made.enters(f"{name}/{name}"), bool)
    assert patterns().takes(name) is not (is_junk(name) or name.endswith(SUFFIX))
