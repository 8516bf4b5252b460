"""What is taken out of texts: registered secrets in every spelling, and what looks like one in a URL or a header."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

import pytest

from captiond.redact import HIDDEN, hidden, redact, register_login, register_secret

SECRET = "k3y+of/the\"'<house>&"


@pytest.fixture(autouse=True)
def registered(own_secrets: None) -> None:
    register_secret(f" {SECRET}\n")


@pytest.mark.parametrize(
    "spelled",
    [SECRET, quote(SECRET), quote(SECRET, safe=""), repr(SECRET)[1:-1], json.dumps(SECRET)[1:-1], html.escape(SECRET)],
)
def test_a_registered_secret_is_hidden_in_every_spelling(spelled: str) -> None:
    assert redact(f"before {spelled} after") == f"before {HIDDEN} after"


def test_a_login_is_hidden_as_it_stands_in_a_url_and_as_it_is_sent() -> None:
    register_login("anna:s3cr%40et")
    sent = base64.b64encode(b"anna:s3cr@et").decode()
    assert redact(f"s3cr%40et, s3cr@et, {sent}") == f"{HIDDEN}, {HIDDEN}, {HIDDEN}"


def test_a_token_in_the_place_of_a_user_is_hidden() -> None:
    register_login("ghp_0123456789")
    assert redact("refused ghp_0123456789") == f"refused {HIDDEN}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pass@host/a", f"https://{HIDDEN}@host/a"),
        ("https://token@host/a", f"https://{HIDDEN}@host/a"),
        ("https://host/a?api_key=abc&size=3", f"https://host/a?api_key={HIDDEN}&size=3"),
        ("/a?x=1&X-Amz-Signature=0f0f#end", f"/a?x=1&X-Amz-Signature={HIDDEN}#end"),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {HIDDEN}"),
        ("https://host/a@b?who=c@d", "https://host/a@b?who=c@d"),
        ("mail me@host.example", "mail me@host.example"),
    ],
)
def test_what_looks_like_a_secret_in_a_url_or_header_is_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_what_a_server_says_keeps_its_shape() -> None:
    said = {"data": [{"id": SECRET, SECRET: 1, "size": 2.5, "on": None}, ["https://a:b@c", SECRET]]}
    told = {"data": [{"id": HIDDEN, HIDDEN: 1, "size": 2.5, "on": None}, ["https://a:b@c", HIDDEN]]}
    assert hidden(said) == told


@pytest.mark.parametrize("placeholder", ["none", "test", "ollama", "EMPTY"])
def test_a_placeholder_for_a_key_stays_a_word_of_what_a_model_says(placeholder: str) -> None:
    register_secret(placeholder)
    assert hidden(f"There is {placeholder} of it") == f"There is {placeholder} of it"
    assert redact(f"key={placeholder}") == f"key={HIDDEN}"
    assert hidden(f"key {SECRET}") == f"key {HIDDEN}"
