"""Live photos through the real program: one call for still and clip, and both lead to the caption."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

import media_samples as made
from fake_endpoint import FakeEndpoint, echo
from program import Home
from waiting import until


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.video(tmp_path_factory.mktemp("clip") / "clip.mov", "mov", seconds=2.5)


def shown(home: Home, path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(home.call("show", "--json", str(path)).stdout)
    return document


def test_still_and_clip_are_one_call_and_one_row_until_the_still_goes(tmp_path: Path, clip: Path) -> None:
    with FakeEndpoint(default=echo()) as fake:
        home = Home(tmp_path, fake.base_url)
        home.configure()
        before, after = home.inbox / "IMG_0001.HEIC", home.inbox / "IMG_0002.HEIC"
        made.heic(before)
        shutil.copy(clip, home.inbox / "IMG_0001.MOV")
        with home.run():
            home.captioned("IMG_0001.HEIC")
            shutil.copy(clip, home.inbox / "IMG_0002.MOV")  # the clip first
            made.heic(after, made.scene(640, 480))
            home.captioned("IMG_0002.HEIC")
            until(lambda: len(home.rows("SELECT * FROM live_photo")) == 2)
            assert len(fake.requests) == 2
            assert set(home.captions()) == {"IMG_0001.HEIC", "IMG_0002.HEIC"}
            assert not (home.inbox / "IMG_0001.MOV.caption.json").exists()

            pair = {"still": str(before), "clip": str(home.inbox / "IMG_0001.MOV")}
            assert shown(home, before)["live_photo"] == pair
            of_clip = shown(home, home.inbox / "IMG_0001.MOV")
            assert (of_clip["live_photo"], of_clip["job"], of_clip["captions"]) == (pair, None, [])
            assert f"captioned with its still: {before}" in home.call("show", pair["clip"]).stdout
            assert f"its clip is {pair['clip']}" in home.call("show", pair["still"]).stdout
            status = json.loads(home.call("status", "--json").stdout)
            assert status["files"]["media"] == status["files"]["captioned"] == 2

            after.unlink()
            home.captioned("IMG_0002.MOV", timeout=40)
            assert "live_photo" not in shown(home, home.inbox / "IMG_0002.MOV")
        assert len(fake.requests) == 3
        assert not fake.violations


def test_with_the_option_off_the_clip_is_captioned_too(tmp_path: Path, clip: Path) -> None:
    with FakeEndpoint(default=echo()) as fake:
        home = Home(tmp_path, fake.base_url)
        home.configure(watch="live_photos = true")
        made.jpeg(home.inbox / "a.jpg")
        shutil.copy(clip, home.inbox / "a.mov")
        with home.run() as program:
            home.captioned("a.jpg")
            assert len(fake.requests) == 1
            home.configure(watch="live_photos = false")
            program.signal(signal.SIGHUP)
            home.captioned("a.mov")
        assert len(fake.requests) == 2


def test_a_folder_that_is_captioned_by_hand_has_live_photos_too(tmp_path: Path, clip: Path) -> None:
    with FakeEndpoint(default=echo()) as fake:
        home = Home(tmp_path, fake.base_url)
        home.configure()
        album = tmp_path / "album"
        album.mkdir()
        made.jpeg(album / "a.jpg")
        shutil.copy(clip, album / "a.mov")
        result = home.call("caption", str(album))
        assert result.returncode == 0, result.stderr
        assert len(fake.requests) == 1
        assert shown(home, album / "a.mov")["live_photo"]["still"] == str(album / "a.jpg")
        assert home.call("caption", str(album / "a.mov")).returncode == 0  # by its own name it is a video
        assert set(home.captions()) == {"a.jpg", "a.mov"}
