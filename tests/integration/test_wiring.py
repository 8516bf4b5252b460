"""What the settings mean on a machine: which keys and weights are there decides who is asked."""

from __future__ import annotations

from pathlib import Path

from captiond.config.models import Settings
from captiond.wiring import choose, wire


def test_oxens_key_in_the_environment_or_as_a_systemd_credential_selects_oxen(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "STATE_DIRECTORY": str(tmp_path)}
    (tmp_path / "api-key").write_text("a-key\n")
    for environ in ({"OXEN_API_KEY": "a-key"}, {"CREDENTIALS_DIRECTORY": str(tmp_path)}):
        wiring = wire(Settings(), home | environ)
        assert [choice.endpoints for choice in wiring.choices.values()] == [("oxen",)]
        assert wiring.notice is None
    for environ in ({}, {"OXEN_API_KEY": " "}):
        assert choose(Settings(), home | environ).asked == {"default": ("builtin",)}


def test_weights_in_the_state_folder_or_named_in_the_settings_select_the_local_model(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "STATE_DIRECTORY": str(tmp_path)}
    named = Settings.model_validate({"local": {"model_path": tmp_path / "a.gguf", "mmproj_path": tmp_path / "b.gguf"}})
    assert choose(named, home).asked == {"default": ("local",)}
