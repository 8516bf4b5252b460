"""What servers and networks do, as the failures of `captiond.errors`. No I/O.

The wordings come from the servers' sources and from users' reports: OpenAI, Anthropic, Gemini, LiteLLM, OpenRouter,
vLLM, llama.cpp and Ollama. What only its wording tells is judged by patterns, the status decides where there is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from captiond.endpoints.sizes import about_number
from captiond.endpoints.told_waits import retry_after, until_reset
from captiond.errors import (
    Asleep,
    BadRequest,
    CallTimeout,
    Failure,
    Forbidden,
    NoImages,
    NotFound,
    PaymentRequired,
    QuotaUsedUp,
    RateLimited,
    Redirected,
    Refused,
    ServerError,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from captiond.redact import redact
from captiond.values import Request

DETAIL: Final = 300
"""Characters of a detail at most."""
_RECOGNISED: Final = 16
"""Characters at a prompt's beginning by which it is recognised."""

_BY_STATUS: Final[Mapping[int, type[Failure]]] = {
    401: Unauthorized,
    402: PaymentRequired,
    403: Forbidden,
    404: NotFound,
    405: NotFound,  # what else answers at a wrong base_url
    407: Unavailable,  # a proxy wants a password
    408: CallTimeout,
    413: TooLarge,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: CallTimeout,
    520: Unavailable,  # 520 to 530: Cloudflare, of the server behind it
    521: Unavailable,
    522: Unavailable,
    523: Unavailable,
    524: CallTimeout,
    525: Unavailable,
    526: Unavailable,
    529: Unavailable,  # Anthropic: overloaded
    530: Unavailable,
}

_TOO_LARGE: Final = re.compile(
    r"too[ _](large|big|long|heavy)|(request|image|payload|file|video)too(large|big)|too many (pixels|tokens|bytes)"
    r"|(?<!must be )larger than|(length|size) limit"
    r"|(bigger|greater|heavier|more|over|above) (than )?[\d.,]+ ?([kmg]i?b\b|(mega)?(byte|pixel)s?|mp\b|px\b)"
    r"|(dimension|resolution|size|width|height)s? out of range|\d ?(mega ?)?(pixels|px|mp)\b.{0,20}\bmax(imum)?\b"
    r"|exceed(s|ed|ing)?\b.{0,80}(size|limit|maximum|max\b|allowed|bytes|[kmg]i?b\b|pixels|dimension|resolution|context)"
    r"|(size|limit|maximum|pixels|dimensions?|resolution|bytes) (is |was |has been |have been )?exceeded|over the limit"
    r"|exceed_context|context (length|size|window)|maximum (image|file|payload|request|content|allowed|size|model length)"
    r"|(more than|above|beyond) the (limit|maximum|allowed)"
    r"|longer than the maximum|(must|should|has to|have to) be (less|smaller|lower|no more|at most|under|below|within)"
    r"|(smaller|less|lower) than (or equal to )?\d+ ?([kmg]i?b|bytes|px|pixels)|reduce the (size|length|resolution)"
    r"|entity too large|payload[ _]?too[ _]?large|body[ _](size|limit)|request_too_large|image_too_large|oversized?",
    re.IGNORECASE,
)
_NO_IMAGES: Final = re.compile(
    r"(does ?n[o']t|do not|can(no|')t|not) (currently )?(support|accept)\w* (\w+ )?"
    r"(image|vision|multi-?modal)(?!s?[ _-]?(of|from|over|larger|above|urls?|links?|formats?|types?|sizes?|in \w+ format)\b)"
    r"|\b(model|endpoint|provider|deployment)\b.{0,40}\b(not|n't|can't|cannot) (currently )?(take|process|handle)\w* "
    r"(\w+ )?(images|image input|vision|multi-?modal)"
    r"|vision (is |are )?(not|un)|content\W{0,3} must be a string"
    r"|no endpoints found that support image|image input (is|are) (not supported|not enabled)|image inputs? not supported"
    r"|image_url is only supported by|(is )?not a (multimodal|vision)|missing data required for image input"
    r"|unknown variant .?image_url|at most 0 image|images? (is|are) not supported (by|for|with) (this|the)? ?\w* ?model",
    re.IGNORECASE,
)
"""Of the model, whatever the picture: OpenAI, OpenRouter, llama.cpp, Ollama, vLLM, LM Studio, DeepSeek, Mistral."""
_A_SETTING: Final = re.compile(r"max_(completion_)?tokens|temperature|top_p", re.IGNORECASE)
_REFUSED: Final = re.compile(
    r"content[_ ](filter|policy|management)|moderation|flagged|data_inspection_failed|inappropriate|safety system"
    r"|responsible ?ai|prohibited_content|recitation",
    re.IGNORECASE,
)
_NO_CREDIT: Final = re.compile(
    r"insufficient[_ ](quota|credit|balance|funds)|(out of|no|not enough|add|more) credits?\b|credit balance"
    r"|payment required|billing[_ ](hard|not)|quota.{0,40}(exhausted|exceeded|used up)|exceeded.{0,20}quota",
    re.IGNORECASE,
)
_QUOTA: Final = re.compile(
    r"(\bper[ _-]?|requests?/|tokens?/|\d/)(day|week|month)\b|per(day|week|month)|\b(24[ -]?h(ou)?rs?)\b|\b[RT]PD\b"
    r"|(daily|weekly|monthly)\b.{0,40}(limit|quota|allowance|cap\b)|(limit|quota|allowance).{0,40}\b(daily|weekly|monthly)\b"
    r"|(limit|quota|allowance)\b.{0,30}\b(for|of) (today|the (day|week|month)|this (day|week|month))",
    re.IGNORECASE,
)
"""Of a limit that begins anew with the day, the week or the month: OpenAI and Groq (RPD, TPD), Gemini
(GenerateRequestsPerDayPerProjectPerModel), OpenRouter (free-models-per-day), LiteLLM's budgets, Ollama's cloud."""
_NO_MODEL: Final = re.compile(
    r"model_not_found|model_not_available|invalid model|unknown model|not a valid model|no such model"
    r"|no models? (is |are )?(currently )?loaded"
    r"|models?\b.{0,80}\b(not found|does ?n[o']t exist|not exist|not supported by any provider"
    r"|deprecated|decommissioned|retired|no longer (supported|available))",
    re.IGNORECASE,
)
_ASLEEP: Final = re.compile(
    r"\b(model|deployment)\b.{0,80}?\b(is|are|was|been|currently|status|state)\b.{0,20}?"
    r"\b(inactive|not (currently |yet )?(active|awake|deployed|running)|asleep|sleeping|deactivat(ed|ing)"
    r"|being deployed|deploying|warming up)\b"
    r"|\b(inactive|sleeping) (model|deployment)\b",
    re.IGNORECASE,
)
"""Of a model of one's own that its provider has put to sleep, or is waking: Oxen.ai does not document its words."""
_LIMITING: Final = (402, 403, 429)
_SLEEPER: Final = (400, 403, 404, 409, 412, 422, 424, 425, 503)
_WHAT: Final = r"(urls?|links?|images?|media|files?|videos?|contents?|resources?|https?)"
_GET: Final = r"(download|fetch|retriev|load|access|open|get|read|reach|resolv|obtain)\w*"
_NOT: Final = (
    r"(unable|fail(s|ed|ure|ing)?|errors?|can ?not|can't|could ?n[o']t|not (able|allowed|possible)|timed? ?out)"
)
_CANNOT_FETCH: Final = re.compile(
    rf"\b{_NOT}\b.{{0,60}}\b{_GET}\b.{{0,80}}\b{_WHAT}\b|\b{_WHAT}\b.{{0,60}}\b{_NOT}\b.{{0,20}}\b{_GET}\b"
    r"|\b(download|fetch|retriev)(ing)?\b.{0,80}"
    r"\b(fail(ed|s|ure)?|timed? ?out|timeout|error|status|not allowed|disabled|denied)\b"
    r"|invalid[_ ](image|video|media|file)[_ ]?(url|input)|\binvalid url\b"
    r"|\b(only|must (be|begin|start)|use|supports?|requires?|expect(s|ed)?)\b.{0,60}"
    r"(\bbase ?64\b|\bdata:|\bdata ur[il]s?\b|\bhttps\b)"
    r"|\b(image|video|media|file|remote|external|https?)[_ ]?(urls?|links?)\b.{0,60}"
    r"\b(not|un|in)[ -]?(currently |yet )?(support|allow|permit|access|enabl|valid|reach|avail)"
    r"|\burls?\b.{0,80}\bnot (valid|access|reach|support|allow|permit|point|found)"
    r"|\burls?\b.{0,40}\b(robots|blocked|expired|unreachable)"
    r"|url_(error|robot|unreach|not|retriev|timeout|reject)|can ?not connect to host|allowed[ _-](media[ _-])?domains?"
    r"|\b(status code|HTTP status|received \d{3})\b.{0,40}\b(fetch|download|retriev)",
    re.IGNORECASE,
)
"""Of a URL that the server was sent, in the words of OpenAI, Anthropic, Gemini, OpenRouter, LiteLLM, vLLM, SGLang, llama.cpp,
Ollama, LM Studio, Groq, DashScope and others; asked only where one was sent."""
_MEDIA: Final = re.compile(
    r"image|picture|photo|video|media|payload|body|context (size|length|window)|pixel|upload", re.IGNORECASE
)
_NO_SERVICE: Final = re.compile(
    r"\b(country|region|territory|location)\b.{0,40}\bnot (supported|available)", re.IGNORECASE
)
_NO_KEY: Final = re.compile(
    r"(api|access)[_ ]key.{0,20}(not valid|invalid)|(invalid|incorrect)[_ ](api|access)[_ ]key", re.IGNORECASE
)


def of_status(status: int, headers: Mapping[str, str], body: object, *, now: datetime | None = None) -> Failure:
    """The failure that a status of 300 and above is.

    `body` is parsed or as it came; `now` is for a Retry-After that is a date, by default the clock's.
    """
    text, now = detail_of(body), now or datetime.now(UTC)
    wait = retry_after(headers, now)
    kind = _kind(status, text, wait is not None)
    if status in _LIMITING:
        words = _raw(body)
        if _QUOTA.search(words):
            kind = QuotaUsedUp
        if wait is None and kind is not Refused:
            wait = until_reset(headers, words, now)
    if kind is Redirected:
        text = detail_of(headers.get("location", ""))
    detail = f"HTTP {status}" + (f", {text}" if text else "")
    return kind(detail, retry_after=wait, http_status=status)


def is_about_fetching(failure: Failure) -> bool:
    """Whether a server that was sent a URL says that it can't or won't fetch it. The words in the URL do not count.

    Above 500 it speaks of itself; what is too large by URL alone does not say that others can't be fetched.
    """
    status = failure.http_status
    if status is None or status in (401, 402, 429) or status > 500 or isinstance(failure, TooLarge):
        return False
    words = re.sub(r"(https?)://[^\s'\"]*", r"\1 ", failure.detail)
    return _CANNOT_FETCH.search(words) is not None


def _kind(status: int, text: str, told_to_wait: bool) -> type[Failure]:
    if 300 <= status < 400:
        return Redirected
    if status in _SLEEPER and _ASLEEP.search(text):
        return Asleep
    if status in (400, 404, 415, 422, 500, 501) and _NO_IMAGES.search(text):
        return NoImages
    if status in (400, 413, 415, 422) and (found := _of_the_request(status, text)):
        return found
    if status == 500 and _TOO_LARGE.search(text) and _MEDIA.search(text):
        return TooLarge  # llama.cpp of 2025, and gateways that pass on what they were told
    if status == 403 and _REFUSED.search(text):
        return Refused  # one picture that a provider flagged must not pause the endpoint
    if status == 429 and not told_to_wait and _NO_CREDIT.search(text):
        return PaymentRequired
    return _BY_STATUS.get(status) or (BadRequest if status < 500 else ServerError)


def _of_the_request(status: int, text: str) -> type[Failure] | None:
    """What the words of a refused request tell beside that: of 400 also what the account or the configuration lacks.

    None of the files is to blame for that: Anthropic says so "Your credit balance is too low".
    """
    if _REFUSED.search(text):
        return Refused
    if _NO_KEY.search(text):
        return Unauthorized
    if status == 400 and _NO_CREDIT.search(text):
        return PaymentRequired
    if status == 400 and _NO_SERVICE.search(text):
        return Forbidden
    if (_TOO_LARGE.search(text) or about_number(text)) and not _A_SETTING.search(text):
        return TooLarge
    return NotFound if status == 400 and _NO_MODEL.search(text) else None


def detail_of(body: object) -> str:
    """What an error's body says, in any of the shapes that servers use: one line, at most DETAIL characters, no secret."""
    words = redact(_words(body))
    words = re.sub(r"data:[\w/+.-]+;base64,[\w+/=]*", "data:…", words)
    words = re.sub(r"<(style|script)\b.*?</\1>|<[^>]*>", " ", words, flags=re.IGNORECASE | re.DOTALL)
    words = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    return words if len(words) <= DETAIL else words[: DETAIL - 1] + "…"


def _raw(body: object) -> str:
    """The body's first characters, with what `detail_of` leaves out: the details of a limit are in keys of their own."""
    if isinstance(body, bytes):
        return body[: 16 * DETAIL].decode("utf-8", "replace")
    return body[: 16 * DETAIL] if isinstance(body, str) else json.dumps(body, default=str)[: 16 * DETAIL]


def without_question(detail: str, request: Request) -> str:
    """A detail without what was asked, which some servers repeat: a prompt may hold names, and is nothing for a log."""
    for text in (request.system, request.text):
        start = " ".join((text or "").split())[:_RECOGNISED]
        if len(start) == _RECOGNISED and start in detail:
            detail = f"{detail[: detail.index(start)]}(the prompt)"
    return detail


def _words(body: object) -> str:
    if isinstance(body, bytes):
        body = redact(body.decode("utf-8", "replace"))[: 16 * DETAIL]  # cut first, half a key would be left
    if isinstance(body, str):
        stripped = body.strip()
        if stripped[:1] in ("{", "["):
            try:
                return _words(json.loads(stripped))
            except (ValueError, RecursionError):
                pass
        return stripped[: 16 * DETAIL]
    if isinstance(body, list):
        return "; ".join(filter(None, (_words(item) for item in body[:3])))
    if not isinstance(body, Mapping):
        return ""
    inner = body.get("error")
    if inner:
        return _words(inner)
    said: list[str] = []
    for key in ("title", "message", "msg", "detail", "code", "type"):
        value: Any = body.get(key)
        words = _words(value) if isinstance(value, str | Mapping | list) else ""
        if words and not any(words in other for other in said):
            said.append(words)
    return ": ".join(said)
