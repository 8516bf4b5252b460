"""Captions: kept for ever, one of them current for each content and recipe, shared by all files of that content.

A caption is never edited. A new answer for the same content under the same recipe name supersedes the old one, which
stays as history, and files that showed the old one show the new one. Going back to an older recipe costs nothing: its
caption is found by its digest and becomes current again. What a person wrote is superseded by a person alone,
or by an answer that a person asked for again.
"""

from __future__ import annotations

from captiond.captions.answers import attach, known, newest, of_content, save, show_recipe, take_in
from captiond.captions.contents import content_id, content_told
from captiond.captions.document import builtin_files, document

__all__ = [
    "attach",
    "builtin_files",
    "content_id",
    "content_told",
    "document",
    "known",
    "newest",
    "of_content",
    "save",
    "show_recipe",
    "take_in",
]
