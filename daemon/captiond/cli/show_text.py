"""What `captiond show` prints for people: the same document as its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from captiond.cli.output import flat, local_time, number, safe, safe_lines, say, size, style, usd
from captiond.values import ANSWERED

SHOWN_OF_REJECTED = 160
"""Characters of an answer that could not be used, shown without --history."""
_DAMAGE = ("damaged", "readable_seconds")
_STATES = {"done": "green", "written": "green", "failed": "red"} | dict.fromkeys(
    ("unsupported", "refused", "pending"), "yellow"
)


def print_details(document: Mapping[str, Any]) -> None:
    """Print the document of `show`."""
    file, content = document["file"], document["content"]
    say(style(safe(file["path"]), bold=True))
    _row("file", _file(file))
    if "live_photo" in document:
        _live_photo(document["live_photo"], file["path"])
    if content:
        _row("content", _content(content))
        _row("", f"sha256 {content['sha256']}")
        shown = {key: value for key, value in content["facts"].items() if key not in _DAMAGE}
        facts = [f"{key} {safe(value)}" for key, value in shown.items() if value not in (None, False, "")]
        if facts:
            _row("", " · ".join(facts))
        if content["facts"].get("damaged"):
            _row("", style(_damage(content["facts"].get("readable_seconds")), fg="yellow"))
    for caption in document["captions"]:
        _caption(caption)
    for job in document.get("jobs") or ([document["job"]] if document["job"] else []):
        _job(job)
    for call in document["calls"]:
        _row("call", _call(call))
        if call["rejected"]:
            _row("", f"answered: {_rejected(call['rejected'], whole='jobs' in document)}")
    _sidecar(document["sidecar"])


def _row(label: str, text: str) -> None:
    say(style(f"  {label:<9}", dim=True) + text)


def _live_photo(pair: Mapping[str, Any], path: str) -> None:
    if path == pair["clip"]:
        _row("", f"the clip of a live photo, captioned with its still: {safe(pair['still'])}")
    else:
        _row("", f"a live photo; its clip is {safe(pair['clip'])}")


def _state(state: str) -> str:
    return style(state, fg=_STATES[state]) if state in _STATES else state


def _file(file: Mapping[str, Any]) -> str:
    parts = [f"ID {file['id']}", "present" if file["present"] else style("gone", fg="yellow")]
    if not file["media"]:
        parts.append("neither image nor video")
    parts += [size(file["bytes"]), f"changed {local_time(file['modified_at'])}"]
    parts.append(f"root {safe(file['root'])}" if file["root"] else "under no root")
    return " · ".join(parts)


def _content(content: Mapping[str, Any]) -> str:
    parts = [safe(content["mime"]), size(content["bytes"])]
    if content["width"] and content["height"]:
        parts.append(f"{content['width']} × {content['height']} pixels")
    if content["duration_seconds"] is not None:
        parts.append(f"{content['duration_seconds']:.1f} s")
    return " · ".join(parts)


def _damage(readable: float | None) -> str:
    read = "parts of it could not be read" if readable is None else f"only its first {readable:.1f} s could be read"
    return f"damaged: {read}; copy it again from where it came"


def _caption(caption: Mapping[str, Any]) -> None:
    lines = safe_lines(caption["caption"]).split("\n")
    _row("caption", style(lines[0], bold=True) if caption["current"] else lines[0])
    for line in lines[1:]:
        _row("", line)
    if caption["category"] is not None:
        _row("", f"category {safe(caption['category'])}")
    if caption["tags"]:
        _row("", "tags " + ", ".join(safe(tag) for tag in caption["tags"]))
    for key, value in caption["fields"].items():
        _row("", f"{safe(key)}: {safe(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))}")
    parts = [
        safe(caption["model"]),
        f"recipe {safe(caption['recipe'])}",
        local_time(caption["created_at"]),
        *_usage(caption),
    ]
    if caption["superseded"]:
        parts.append("superseded")
    _row("", " · ".join(parts))


def _usage(row: Mapping[str, Any]) -> list[str]:
    parts = []
    if row["prompt_tokens"] is not None or row["completion_tokens"] is not None:
        parts.append(f"{row['prompt_tokens'] or 0:,} + {row['completion_tokens'] or 0:,} tokens")
    if row["cost_usd"] is not None:
        parts.append(usd(row["cost_usd"]))
    return parts


def _job(job: Mapping[str, Any]) -> None:
    attempts = number(job["attempts"], "attempt")
    moment = job["finished_at"] or job["started_at"] if job["state"] != "queued" else job["due_at"]
    when = f"{'due' if job['state'] == 'queued' else 'at'} {local_time(moment)}"
    _row("job", " · ".join([_state(job["state"]), f"recipe {safe(job['recipe'])}", attempts, when]))
    if job["message"]:
        _row("", f"{safe(job['reason'])}: {safe(job['message'])}")
    if job["remedy"] and job["state"] != "done":
        _row("", f"remedy: {safe(job['remedy'])}")


def _call(call: Mapping[str, Any]) -> str:
    outcome = call["outcome"] if call["outcome"] == ANSWERED else style(safe(call["outcome"]), fg="red")
    status = [] if call["http_status"] in (None, 200) else [f"HTTP {call['http_status']}"]
    if call["finish_reason"] not in (None, "stop"):
        status.append(f"finish_reason {safe(call['finish_reason'])}")
    parts = [
        local_time(call["started_at"]),
        f"{safe(call['endpoint'])} {safe(call['model'])}",
        outcome,
        *status,
        f"{call['seconds']:.2f} s",
        f"{size(call['bytes_sent'])} sent",
        *_usage(call),
    ]
    return " · ".join(parts)


def _rejected(text: str, *, whole: bool) -> str:
    """An answer that could not be used; its beginning, where the history was not asked for."""
    text = flat(text)
    return text if whole or len(text) <= SHOWN_OF_REJECTED else text[:SHOWN_OF_REJECTED] + "… (whole with --history)"


def _sidecar(sidecar: Mapping[str, Any] | None) -> None:
    if sidecar is None:
        return
    _row("sidecar", " · ".join([_state(sidecar["state"]), *([safe(sidecar["path"])] if sidecar["path"] else [])]))
    if sidecar["reason"]:
        _row("", safe(sidecar["reason"]))
