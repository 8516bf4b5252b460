"""The JSON beside a file: how it is written, and how one that somebody else wrote is read.

`writing` replaces it whole or not at all, in its `places`; `rights` says whose it becomes, `reading` says what stands there,
`form` is the format.
"""

from __future__ import annotations

from captiond.sidecar.form import Unfit, encode, told
from captiond.sidecar.reading import Standing, answer_for, read
from captiond.sidecar.rights import REMEDIES, Rights, What, withheld
from captiond.sidecar.writing import Outcome, is_temporary, path_for, remove, write

__all__ = [
    "REMEDIES",
    "Outcome",
    "Rights",
    "Standing",
    "Unfit",
    "What",
    "answer_for",
    "encode",
    "is_temporary",
    "path_for",
    "read",
    "remove",
    "told",
    "withheld",
    "write",
]
