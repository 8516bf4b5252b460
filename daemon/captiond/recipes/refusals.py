"""What tells a refusal, or a plea for the picture, from a caption.

A rule is an opening, and words that follow within so many characters. Openings stand at the text's very start: a
caption may quote a sign that says "I'm sorry". The rules here are for English; `refusal_words` has other languages'.
"""

from __future__ import annotations

import re
from functools import cache

from captiond.recipes.refusal_words import ABROAD

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
        r"as an? (?:ai|artificial intelligence|(?:large )?language model|text-based)\b(?![- ](?:generated|made|drawn|powered))",
        200,
        _DENIAL,
    ),
    (
        rf"(?:sorry,? )?(?:unable|not able) to {_DO}",
        30,
        rf"{_MEDIA}|\b(?:people|persons?|requests?|content|this|that)\b",
    ),
    (r"(?:i'm|i am) (?:not going|just an ai|only able)\b|i (?:prefer|would rather|'d rather) not\b", 0, ""),
    (r"(?:i'm|i am) (?:here to help|afraid)\b", 120, rf"\b(?:i|we) ?{_CANNOT}"),
    (
        r"(?:it(?:'s| is) )?against my (?:guidelines|policy|policies|programming)|my (?:safety )?(?:guidelines|policies)\b",
        0,
        "",
    ),
    (
        r"(?:since|because|as) (?:i\b|there is no|no (?:image|picture|photo|video))"
        r"|(?:since|because) the (?:image|picture|photo|video)"
        r"|without (?:seeing|access|being able|an? (?:image|picture|photo|video))\b",
        60,
        rf"{_DENIAL}.{{0,60}}{_MEDIA}",
    ),
    (r"\[?(?:content|response|answer|request|output) (?:was |is )?(?:blocked|removed|filtered|withheld)\b", 0, ""),
    (r"\[(?:content |response )?(?:blocked|redacted|filtered|removed)\]$", 0, ""),
    # The picture never reached the model.
    (
        rf"(?:sorry[,.!:]? (?:but )?|\[?error\]?:? )?(?:the |this |your )?{_MEDIA} (?:has |have )?"
        r"(?:failed to (?:load|open|download|upload|decode)"
        r"|(?:could|can)(?: ?not|n't) be (?:loaded|opened|downloaded|decoded|processed))",
        0,
        "",
    ),
    (r"(?:hi|hello|hey)(?: there)?[!,.]", 60, r"\b(?:(?:can|may|could) i|(?:help|assist) you)\b"),
    (r"how (?:can|may) i (?:help|assist) you\b", 0, ""),
    (r"(?:what|which) (?:image|picture|photo|video) (?:would|do) you\b", 0, ""),
    (r"(?:i )?(?:can )?only (?:see|have|received|got) (?:the |your )?text\b", 0, ""),
    (rf"(?:i|we)(?: would|'d)? need (?:to see|the|an?|you to|more)\b.{{0,30}}{_MEDIA}", 0, ""),
    (
        rf"(?:to|in order to) (?:describe|caption|analy[sz]e)\b.{{0,40}}{_MEDIA}",
        40,
        r"\b(?:i|you)(?:'ll| will|'d| would)? need\b|\bplease\b",
    ),
    (rf"(?:it (?:looks|seems|appears)|you(?:'ve| have)?)\b.{{0,80}}\bbut (?:i|we) ?{_CANNOT}", 0, ""),
    (
        rf"there (?:does not|doesn't|do not|don't) (?:appear|seem) to be .{{0,20}}{_MEDIA}",
        40,
        rf"{_SENT}|(?<=image)[.!]|(?<=photo)[.!]|(?<=picture)[.!]|(?<=video)[.!]",
    ),
    (r"your (?:message|request|prompt|post) (?:does not|doesn't|did not|didn't) (?:contain|include|have)\b", 0, ""),
    (r"no (?:image|picture|photo|video)s? (?:was |is |were )?(?:detected|found|received|uploaded)\b", 0, ""),
    (
        r"(?:the|your) (?:image|picture|photo|video|file)"
        r"(?: (?:you(?:'ve| have)? )?(?:provided|attached|uploaded|shared|sent|mentioned))?"
        r" (?:is|was|could|can|did|does)(?: not|n't) (?:be )?(?:visible to|accessible|viewable|processed|loaded|load\b|opened"
        r"|displayed|come through)",
        0,
        "",
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
)
"""English."""


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """The rules, compiled when the first answer is judged: that takes tens of milliseconds, and no command line waits."""
    return tuple(
        re.compile(rf"(?:{opening}).{{0,{within}}}?(?:{then})", re.IGNORECASE | re.DOTALL)
        for opening, within, then in (*_RULES, *ABROAD)
    )


_LEAD = re.compile(
    r"[*_\s]*(?:(?:sure|of course|certainly|absolutely|okay|ok|yes|thanks|thank you)\b[^.!,\n]{0,60}[,.!]+\s*)?",
    re.IGNORECASE,
)
"""What a model says to be polite before it refuses."""
_NAMES_NOBODY = re.compile(
    rf"(?:i'm |i am )?(?:sorry,? )?(?:but )?(?:i|we) ?(?:{_CANNOT}|don't|do not) (?:\w+ )?"
    r"(?:(?:help|assist)\w* (?:you )?(?:with |in )?)?"
    r"(?:identify(?:ing)?|recogni[sz](?:e|ing)|nam(?:e|ing)|know|tell|determine|confirm|say|provide|reveal|share)\b"
    r"[^.;:!?\n]{0,80}?\b(?:who|whose|person|people|individuals?|anyone|someone|identit(?:y|ies)|names?|faces?)\b"
    r"[^.;:!?\n]{0,80}?(?:[.;!]\s+(?:(?:but|however|though|instead),? )?|,? (?:but|however|though),? )"
    r"(?:i can (?:describe|tell you|say|see)(?: (?:what i see|what is visible|the (?:image|picture|photo|scene)|that|it))?"
    r"[:,.]?\s*)?",
    re.IGNORECASE,
)
_OFFERS = re.compile(
    r"(?:i can|i could|i'd|i would|i'm|i am|if you|feel free|please|can you|could you|would you|let me|perhaps|is there"
    r"|you can)\b"
    r"|\b(?:help|assist)\b.{0,40}$",
    re.IGNORECASE,
)
_WHOLE = 5
"""Words that a description after "I can't identify the person, but" has at least."""


def without_disclaimer(text: str) -> str:
    """The description after "I can't identify the person, but"; the text as it is where there is none."""
    told = _NAMES_NOBODY.match(text.replace("’", "'"))
    if not told:
        return text
    rest = text[told.end() :].strip()
    if len(rest.split()) < _WHOLE or _OFFERS.match(rest) or _refuses(rest):
        return text
    return rest[0].upper() + rest[1:]


def is_refusal(text: str) -> bool:
    """Whether this says that the model won't or can't, or that it got no picture, instead of describing one.

    A model that describes a person and says that it won't name them has described the picture.
    """
    return _refuses(text) and without_disclaimer(text) == text


def _refuses(text: str) -> bool:
    head = (
        _LEAD.sub("", text[:500], count=1)
        .replace("’", "'")
        .replace("‘", "'")
        .replace("ʼ", "'")
        .replace("*", "")
        .lstrip("_# \n")
    )
    return any(pattern.match(head) for pattern in _patterns())
