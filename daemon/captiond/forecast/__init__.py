"""What a run would cost, before a cent is spent: nothing is asked of any model, and nothing is written anywhere.

inventory                        sample                           estimate
files -> which answers are   ->  some of them encoded, as    ->   tokens and US dollars
wanted: copies and what is       the service does it; or what
known are found by their bytes   past answers cost
"""

from __future__ import annotations

from captiond.forecast.estimate import Forecast, Part, forecast
from captiond.forecast.inventory import Inventory, Wanted, of_request, of_roots

__all__ = ["Forecast", "Inventory", "Part", "Wanted", "forecast", "of_request", "of_roots"]
