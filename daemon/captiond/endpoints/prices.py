"""What a call costs. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from captiond.values import Usage

MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """USD for a million tokens of a request and of an answer, and for each call that is answered."""

    input_usd: float
    output_usd: float
    call_usd: float = 0.0

    def cost(self, usage: Usage, calls: int = 1) -> float | None:
        """USD of answered calls by all their tokens; None where the count of tokens that cost something is missing.

        Rounded to a ten-billionth: a token of the cheapest model costs more, and what is left is the noise of binary fractions.
        """
        total = self.call_usd * calls
        for count, price in ((usage.prompt_tokens, self.input_usd), (usage.completion_tokens, self.output_usd)):
            if price and count is None:
                return None
            total += (count or 0) * price / MILLION
        return round(total, 10)


FREE: Final = Price(0.0, 0.0)
"""Of what runs on this machine."""
