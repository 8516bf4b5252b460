"""What a server sent with status 200, as an Answer. No I/O."""

from __future__ import annotations

from typing import Any

from openai.types.chat import ChatCompletion

from captiond.endpoints import failures
from captiond.errors import BadResponse, Failure
from captiond.redact import hidden
from captiond.values import Answer, Source, Usage


def read(result: object, *, model: str, source: Source, seconds: float, bytes_sent: int) -> Answer:
    """The answer in a completion as the client parsed it, which checks nothing: each part may be anything.

    An empty text stays empty, for `recipes` to judge; reasoning that is told apart is no part of it. `model` is the one
    that was asked, where the answer names none. A key that a server repeats is hidden. Raises BadResponse for what is no
    completion, and the failure of an error that came with status 200.
    """
    if not isinstance(result, ChatCompletion):
        shown = failures.detail_of(result)
        raise BadResponse("not JSON" + (f": {shown[:100]}" if shown else ", but empty"), http_status=200)
    choices: Any = getattr(result, "choices", None)
    if not isinstance(choices, list) or not choices:
        raise _without_choices(result)
    message: Any = getattr(choices[0], "message", None)
    if message is None:
        raise BadResponse("a choice without a message", http_status=200)
    text = hidden(_text(getattr(message, "content", None)))
    finish = getattr(choices[0], "finish_reason", None)
    named = getattr(result, "model", None)
    return Answer(
        text=text,
        finish_reason=hidden(finish) if isinstance(finish, str) else None,
        model=hidden(named) if isinstance(named, str) and named else model,
        usage=_usage(getattr(result, "usage", None)),
        source=source,
        seconds=seconds,
        bytes_sent=bytes_sent,
        # DeepSeek's and llama.cpp's name for it; vLLM's and OpenRouter's.
        reasoning=_told(message, "reasoning_content") or _told(message, "reasoning"),
        refusal=_told(message, "refusal"),
    )


def _told(message: object, name: str) -> str:
    value = getattr(message, name, None)
    return hidden(value.strip()) if isinstance(value, str) else ""


def _text(content: object) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type", "text") == "text"]
        return "".join(text for text in texts if isinstance(text, str))
    raise BadResponse(f"the message's content is {type(content).__name__}", http_status=200)


def _without_choices(result: ChatCompletion) -> Failure:
    """Some routers answer 200 with an error in it: {"error": {"message": …, "code": 502}}."""
    error = (result.model_extra or {}).get("error")
    if not error:
        return BadResponse("no choices in it", http_status=200)
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and 400 <= code < 600:
        return failures.of_status(code, {}, error)
    return BadResponse(failures.detail_of(error), http_status=200)


def _usage(usage: object) -> Usage:
    cost = _number(usage, "cost")
    return Usage(
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        cost_usd=float(cost) if cost is not None else None,
    )


def _count(usage: object, name: str) -> int | None:
    number = _number(usage, name)
    return int(number) if number is not None else None


def _number(usage: object, name: str) -> float | None:
    value = getattr(usage, name, None)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:
        return None
    return value
