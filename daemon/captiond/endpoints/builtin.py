"""The built-in describer: no model, says only what was measured. It never pretends to have recognised anything."""

from __future__ import annotations

import re
from collections.abc import Sequence

from captiond.config.models import BUILTIN
from captiond.endpoints.abilities import Abilities, Dialect, JsonForm, Told
from captiond.endpoints.catalogue import Model
from captiond.endpoints.known import Known
from captiond.endpoints.prices import FREE, Price
from captiond.values import Answer, Kind, Measures, MediaFacts, Request, Source, Usage

MODEL = "builtin/1"
"""The name of its words: another number when the same picture gets other words."""

_FORMATS = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WebP",
    "gif": "GIF",
    "bmp": "BMP",
    "tiff": "TIFF",
    "heic": "HEIC",
    "heif": "HEIF",
    "avif": "AVIF",
    "psd": "Photoshop",
    "jxl": "JPEG XL",
    "mp4": "MP4",
    "mov": "QuickTime",
    "mkv": "Matroska",
    "webm": "WebM",
    "avi": "AVI",
}
_CODECS = {"h264": "H.264", "hevc": "H.265", "mpeg4": "MPEG-4", "mjpeg": "Motion JPEG", "prores": "ProRes"}
_RAW = ("DNG", "CR2", "CR3", "NEF", "ARW", "RAF", "ORF", "RW2", "PEF")
_BRIGHTNESS = (
    (0.12, "very dark"),
    (0.33, "dark"),
    (0.62, "of medium brightness"),
    (0.85, "bright"),
    (2, "very bright"),
)
_SHARPNESS = ((2.5, "few sharp edges"), (8, "some sharp edges"))
"""Mean absolute Laplacian of a picture; above the last one there are many. A clear sky has few: it is not called blurred."""

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d))?")


class BuiltinEndpoint:
    """See `base.Endpoint`. Answers at once, costs nothing, never fails."""

    name = BUILTIN
    model = MODEL
    source = Source.BUILTIN
    concurrency = 8
    wants_measures = True
    identity = MODEL
    known = Known()

    def ask(self, request: Request) -> Answer:
        """Describes what was measured; the question is not looked at."""
        text = describe(request.encoded.facts, request.encoded.measures)
        return Answer(text=text, finish_reason="stop", model=MODEL, usage=Usage(cost_usd=0.0), source=Source.BUILTIN)

    def abilities(self, model: str) -> Abilities:
        """It measures pictures, and has no JSON to give."""
        return Abilities.of(Told.TABLE, image=True, video=False, dialect=Dialect.OPENAI, json=JsonForm.OFF)

    def models(self) -> tuple[Model, ...]:
        """Itself."""
        return (Model(MODEL, "built-in describer, no model", ("image", "video"), ("text",)),)

    def price(self, model: str, *, wait: bool = False) -> Price:
        """Nothing."""
        return FREE

    def abort(self) -> None:
        """Nothing to end."""

    def close(self) -> None:
        """Nothing to free."""


def describe(facts: MediaFacts, measures: Measures | None) -> str:
    """The facts of a file in two or three English sentences; what is not known is not said."""
    sentences = [_what(facts), _look(measures) if measures else "", _origin(facts)]
    return " ".join(sentence for sentence in sentences if sentence)


def _what(facts: MediaFacts) -> str:
    form = _FORMATS.get(facts.format.lower(), facts.format.upper())
    if facts.kind is Kind.VIDEO:
        noun = "video"
    elif facts.animated:
        noun = "animation"
    else:
        # A file that no camera has signed may be anything.
        noun = "raw photo" if form in _RAW else "photo" if facts.camera else "picture"
    pixels = facts.width * facts.height
    size = f"{facts.width} × {facts.height}" + (f" ({pixels / 1e6:.1f} MP)" if noun != "video" and pixels > 1e5 else "")
    page = [f"page 1 of {facts.pages}"] if facts.pages and facts.pages > 1 else []
    parts = [f"{form} {noun}", *page, _orientation(facts), size]
    if facts.duration_seconds:
        parts.append(f"{_length(facts.duration_seconds)} long")
    if facts.video_codec:
        parts.append(_CODECS.get(facts.video_codec.lower(), facts.video_codec.upper()))
    if facts.readable_seconds is not None:
        parts.append(f"damaged after {_length(facts.readable_seconds)}")
    elif facts.damaged:
        parts.append("damaged")
    return ", ".join(parts) + "."


def _orientation(facts: MediaFacts) -> str:
    if facts.width == facts.height:
        return "square"
    return "landscape" if facts.width > facts.height else "portrait"


def _length(seconds: float) -> str:
    """61.3 -> "1 min 1 s"; under ten seconds with one decimal."""
    if seconds < 9.95:
        return f"{max(seconds, 0.1):.1f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else "", f"{rest} s" if rest else ""]
    return " ".join(part for part in parts if part)


def _look(measures: Measures) -> str:
    brightness = next(word for limit, word in _BRIGHTNESS if measures.brightness < limit)
    sharpness = next((word for limit, word in _SHARPNESS if measures.sharpness < limit), "many sharp edges")
    words = f"{brightness}, with {sharpness}"
    colours = _colours(measures.colours)
    return f"{colours}; {words}." if colours else f"{words[:1].upper()}{words[1:]}."


def _colours(colours: Sequence[tuple[str, float]]) -> str:
    if not colours:
        return ""
    (first, share), others = colours[0], [name for name, _ in colours[1:4]]
    if not others or share >= 0.95:
        return f"Almost all {first}" if share >= 0.9 else f"Mostly {first}"
    if share >= 0.5:
        return f"Mostly {first}, with {_listed(others)}"
    return _listed([first, *others]).capitalize()


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _origin(facts: MediaFacts) -> str:
    parts = []
    moment = _MOMENT.match(facts.taken_at or "")
    if moment:
        parts.append(f"on {' '.join(part for part in moment.groups() if part)}")
    if facts.camera:
        parts.append(f"with {facts.camera}")
    if facts.latitude is not None and facts.longitude is not None:
        north, east = ("N" if facts.latitude >= 0 else "S"), ("E" if facts.longitude >= 0 else "W")
        parts.append(f"at {abs(facts.latitude):.4f}° {north}, {abs(facts.longitude):.4f}° {east}")
    return f"Taken {' '.join(parts)}." if parts else ""
