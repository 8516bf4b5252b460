"""What to ask of a model and what to make of its answer. Pure: no I/O, no clock.

`prompts` has the way there (variables, the request, the recipe's digest), `answers` the way back (judging an answer),
`cleaning` what is stripped from a text, `refusals` what tells a refusal.
"""

from __future__ import annotations

from captiond.recipes.answers import reply
from captiond.recipes.prompts import digest, render, request

__all__ = [
    "digest",
    "render",
    "reply",
    "request",
]
