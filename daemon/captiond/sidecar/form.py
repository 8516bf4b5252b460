"""The format of a sidecar: a document into bytes, and bytes that somebody else wrote into what they say."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from captiond.values import SIDECAR_SCHEMA, Kind, Reply, Source, Told, Usage

_SHA256 = r"^[0-9a-f]{64}$"
_MOST = 1 << 63
"""What SQLite's whole numbers end before."""
_FIRST_YEAR = 1970
"""No model described a picture before; and `strftime` does not fill up years of three digits, which would not sort."""


class Unfit(Exception):
    """Bytes that are no sidecar. `ours` tells whether they look like one that was changed: its text is then the reason."""

    def __init__(self, reason: str, *, ours: bool) -> None:
        super().__init__(reason)
        self.ours = ours


def encode(document: Mapping[str, Any]) -> bytes:
    """The bytes of a sidecar: UTF-8, pretty-printed, keys in their order, a newline at the end."""
    return (json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2) + "\n").encode()


class _Part(BaseModel):
    # Keys of others are kept apart, not refused: a later version of captiond, or a person, may have added them.
    model_config = ConfigDict(extra="allow", frozen=True)


class _Media(_Part):
    mime: str
    bytes: int = Field(ge=0, lt=_MOST)
    width: int | None = Field(ge=0, lt=_MOST)
    height: int | None = Field(ge=0, lt=_MOST)
    duration_seconds: float | None = Field(ge=0, allow_inf_nan=False)


class _Usage(_Part):
    prompt_tokens: int | None = Field(ge=0, lt=_MOST)
    completion_tokens: int | None = Field(ge=0, lt=_MOST)
    cost_usd: float | None = Field(ge=0, allow_inf_nan=False)


class _Document(_Part):
    schema_: Literal["captiond/1"] = Field(alias="schema")
    file: str
    sha256: str = Field(pattern=_SHA256)
    kind: Kind
    caption: str = Field(pattern=r"\S")
    category: str | None
    tags: list[str]
    fields: dict[str, Any]
    language: str | None
    source: Source
    recipe: str = Field(min_length=1)
    recipe_digest: str
    model: str
    created_at: AwareDatetime
    media: _Media
    usage: _Usage


def told(body: bytes) -> Told:
    """What a sidecar says.

    Raises:
        Unfit: it is none of this format.
    """
    body = body.removeprefix(codecs.BOM_UTF8)  # editors of Windows add it
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Unfit("it is no valid JSON", ours=f'"{SIDECAR_SCHEMA}"'.encode() in body) from None
    if not isinstance(document, dict) or document.get("schema") != SIDECAR_SCHEMA:
        raise Unfit("it is of another format", ours=False)
    try:
        read = _Document.model_validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Unfit(f"{where}: {first['msg']}" if where else first["msg"], ours=True) from None
    return Told(
        sha256=read.sha256,
        kind=read.kind,
        mime=read.media.mime,
        bytes=read.media.bytes,
        width=read.media.width,
        height=read.media.height,
        duration_seconds=read.media.duration_seconds,
        reply=Reply(read.caption, read.category, tuple(read.tags), read.fields, read.language),
        source=read.source,
        recipe=read.recipe,
        recipe_digest=read.recipe_digest,
        model=read.model,
        created_at=_moment(read.created_at),
        usage=Usage(read.usage.prompt_tokens, read.usage.completion_tokens, read.usage.cost_usd),
        strange=tuple(_strange(read)),
    )


def _moment(created_at: datetime) -> str:
    try:
        utc = created_at.astimezone(UTC)
    except OverflowError:  # the first and the last day, in another zone
        utc = None
    if utc is None or utc.year < _FIRST_YEAR:
        raise Unfit(f"created_at: it is no moment of the years {_FIRST_YEAR} to 9999", ours=True)
    return utc.strftime("%Y-%m-%dT%H:%M:%SZ")


def _strange(document: _Document) -> list[str]:
    parts: list[tuple[str, _Part]] = [("", document), ("media.", document.media), ("usage.", document.usage)]
    return [f"{where}{key}" for where, part in parts for key in part.__pydantic_extra__ or {}]
