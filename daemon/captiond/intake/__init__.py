"""Quiet files into the database: is it media, was it moved here, did it change, is there work to do.

    Quiet -> decide [look it up; look at it if that says nothing] -> record, in one transaction: file row, job

`looks` is all that is asked of the disk.
"""

from __future__ import annotations

from captiond.intake.taking import BATCH, take
from captiond.intake.values import IntakeReport, Root

__all__ = ["BATCH", "IntakeReport", "Root", "take"]
