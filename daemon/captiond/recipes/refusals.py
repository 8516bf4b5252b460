"""What tells a refusal, or a plea for the picture, from a caption.

A rule is an opening, and words that follow within so many characters. Openings stand at the text's very start: a
caption may quote a sign that says "I'm sorry". The rules are written for English; of other languages they have the
openings that no caption begins with.
"""

from __future__ import annotations

import re
from functools import cache

_CANNOT = r"(?:can't|cannot|can not|couldn't|could not|won't|will not|(?:am|'m|was) (?:\w+ )?(?:unable|not able) to)"
_DENIAL = (
    r"\b(?:can't|cannot|can not|couldn't|could not|unable|not able|won't|don't|do not|didn't|no|not|need|please)\b"
)
_MEDIA = r"\b(?:image|picture|photo|photograph|video|file|attachment|url|link)s?\b"
_SENT = (
    r"\b(?:attach|provid|upload|share[ds]?\b|sharing|includ|suppl|receiv|com(?:e|ing) through|came through|"
    r"in your message)"
)
_DO = (
    r"\b(?:access|analy[sz]e|answer|assist|caption|classify|comment|complete|comply|continue|create|describe|determine|"
    r"directly|discuss|display|do (?:that|this)|engage|fulfil|generate|give|help|identify|interpret|open|process|"
    r"produce|provide|recogni[sz]e|respond|see|share|view|write)"
)

_RULES: tuple[tuple[str, int, str], ...] = (
    # "I'm sorry, but I can't help with that."
    (
        r"(?:i'm|i am|we're|we are) (?:\w+ )?sorry(?:[,.!;:—–-]| but\b| i\b| that i\b)",
        160,
        _DENIAL,
    ),
    (
        r"(?:oh,? )?sorry[,.!;:—–-]? (?:but )?(?:i|we) ?",
        0,
        rf"(?:{_CANNOT}|don't|do not|didn't)",
    ),
    (r"(?:i apologi[sz]e|my apologies|apologies)\b", 160, _DENIAL),
    (r"unfortunately,? (?:i|we|this|the|there|no)\b", 80, _DENIAL),
    # "I cannot assist with this request."
    (rf"(?:i|we) ?{_CANNOT}", 12, _DO),
    (
        r"(?:i|we) (?:don't|do not|didn't|did not) ",
        60,
        rf"{_MEDIA}|\b(?:access|ability|capability|information|enough)\b",
    ),
    (r"(?:i|we) (?:must|have to|need to) (?:decline|refuse)\b", 0, ""),
    (r"(?:i'm|i am) not comfortable\b", 0, ""),
    (
        r"as an? (?:ai|artificial intelligence|(?:large )?language model|text-based)\b",
        200,
        _DENIAL,
    ),
    # "Please provide the image."
    (
        r"(?:please|kindly|(?:could|can|would) you(?: please)?) (?:re-?)?(?:provide|upload|share|attach|send|supply)\b",
        60,
        _MEDIA,
    ),
    (
        r"(?:i'd|i would|i'll|i will) be (?:happy|glad|able) to\b",
        160,
        r"\b(?:please|could you|if you|but|however|once you)\b",
    ),
    # "It looks like no image was attached."
    (
        r"(?:there is|there's|there was|it (?:looks|seems|appears)|you)\b[^.]{0,40}(?:\bno|\bnot|n't|\bforgot)\b",
        60,
        rf"{_MEDIA}.{{0,30}}{_SENT}",
    ),
    (
        r"(?:it (?:looks|seems|appears)|you)\b[^.]{0,40}(?:\bnot|n't|\bforgot(?: to)?)\b",
        12,
        rf"{_SENT}\w*.{{0,30}}{_MEDIA}",
    ),
    (
        r"no (?:image|picture|photo|video)s? (?:(?:was|is|were|has been|have been) )?",
        0,
        _SENT,
    ),
    (
        r"(?:the|your) (?:image|picture|photo|video) (?:(?:was|has|did|is) not|(?:was|has|did|is)n't) (?:been )?",
        0,
        _SENT,
    ),
    (
        r"(?:this|the|your) (?:request|content|prompt|image|video)\b",
        60,
        r"\b(?:violates|against (?:my|our|the)\b.{0,30}(?:polic|guideline))",
    ),
    # The same in German, Spanish, French, Italian, Portuguese, Chinese, Japanese and Korean.
    (
        r"(?:es )?tut mir (?:sehr )?leid,|leider kann ich|ich kann (?:dir|ihnen|dabei|dieses?|das bild)\b.{0,60}nicht",
        0,
        "",
    ),
    (
        r"lo siento,|lamento |lo lamento,|no puedo (?:ayudar|describir|ver|identificar)",
        0,
        "",
    ),
    (
        r"(?:je suis )?(?:vraiment )?désolée?,|je ne peux pas |je ne suis pas en mesure",
        0,
        "",
    ),
    (r"mi dispiace,|non posso (?:aiutar|descrivere|vedere|identificare)", 0, ""),
    (r"desculpe,|sinto muito,|não posso (?:ajudar|descrever|ver|identificar)", 0, ""),
    (
        r"(?:非常|很)?抱歉|对不起|對不起|申し訳(?:ありません|ございません)|죄송합니다",
        0,
        "",
    ),
)


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """The rules, compiled when the first answer is judged: that takes tens of milliseconds, and no command line waits."""
    return tuple(
        re.compile(rf"(?:{opening}).{{0,{within}}}?{then}", re.IGNORECASE | re.DOTALL)
        for opening, within, then in _RULES
    )


def is_refusal(text: str) -> bool:
    """Whether this says that the model won't or can't, or that it got no picture, instead of describing one."""
    head = text[:500].replace("’", "'").replace("‘", "'").replace("ʼ", "'").replace("*", "").lstrip("_# \n")
    return any(pattern.match(head) for pattern in _patterns())
