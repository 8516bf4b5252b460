"""A caption by a model that llama.cpp runs in the program itself; the model is tiny and made here."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from program import Home
from tiny_gguf import SAYS, make

pytest.importorskip("xllamacpp", reason="the extra `local` is not installed")


def test_the_local_model_captions_pictures_in_the_service_and_without_it(tmp_path: Path) -> None:
    model, projector = make(tmp_path / "models")
    home = Home(tmp_path)
    home.config.write_text(
        f"""
        [database]
        url = "sqlite:///{home.database}"
        [local]
        model_path = "{model}"
        mmproj_path = "{projector}"
        [[watch]]
        path = "{home.inbox}"
        settle_seconds = 0.2
        """
    )
    Image.new("RGB", (200, 100), "red").save(home.inbox / "watched.jpg")
    with home.run() as program:
        row = home.captioned("watched.jpg", timeout=60)["watched.jpg"]
        assert not program.lines("no_endpoint")
    Image.new("RGB", (200, 100), "blue").save(tmp_path / "by-hand.jpg")
    called = home.call("caption", str(tmp_path / "by-hand.jpg"))
    assert called.returncode == 0, called.stderr
    assert (row["caption"], row["source"], row["model"]) == (SAYS, "model", model.stem)
    assert SAYS in called.stdout
