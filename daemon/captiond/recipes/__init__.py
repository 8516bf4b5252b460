"""What to ask of a model and what to make of its answer. Pure: no I/O, no clock.

`prompts` makes the request (variables, the recipe's digest), `answers` judges the answer,
`cleaning` what is stripped from a text, `refusals` what tells a refusal, `schema` which JSON is asked for by the protocol.
"""

from __future__ import annotations

from captiond.recipes.answers import reply
from captiond.recipes.prompts import digest, render, request
from captiond.recipes.schema import response_format

__all__ = [
    "digest",
    "render",
    "reply",
    "request",
    "response_format",
]
