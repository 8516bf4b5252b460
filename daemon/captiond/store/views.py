"""What SQLAlchemy has no words for: the public view, the full-text index, and triggers.

As the tables, they are built by the migrations, and a test holds the two together.
"""

from __future__ import annotations

VIEW_CAPTIONS = """
CREATE VIEW captions AS
SELECT
    file.folder || '/' || file.name AS path,
    root.path AS root,
    content.sha256 AS sha256,
    content.kind AS kind,
    content.mime AS mime,
    content.bytes AS bytes,
    content.width AS width,
    content.height AS height,
    content.duration_seconds AS duration_seconds,
    caption.text AS caption,
    caption.category AS category,
    caption.tags AS tags,
    caption.fields AS fields,
    caption.language AS language,
    caption.source AS source,
    caption.recipe AS recipe,
    caption.recipe_digest AS recipe_digest,
    caption.model AS model,
    caption.created_at AS created_at,
    caption.prompt_tokens AS prompt_tokens,
    caption.completion_tokens AS completion_tokens,
    caption.cost_usd AS cost_usd,
    file.present AS present
FROM file
JOIN caption ON caption.id = file.caption_id
JOIN content ON content.id = caption.content_id
LEFT JOIN root ON root.id = file.root_id
"""
"""The public view: one row per file that has a caption, its current one. Its columns are a promise."""

SEARCH_TABLE = """
CREATE VIRTUAL TABLE caption_search USING fts5(
    caption, tags, category, name,
    tokenize = "porter unicode61 remove_diacritics 2"
)
"""
"""The full-text index: one row per file with a caption, rowid = file.id; kept by the triggers below."""

_FILE_HAS_NEW_WORDS = """
    DELETE FROM caption_search WHERE rowid = OLD.id;
    INSERT INTO caption_search (rowid, caption, tags, category, name)
    SELECT NEW.id, caption.text, caption.tags, caption.category, NEW.name
    FROM caption WHERE caption.id = NEW.caption_id;
"""

SEARCH_TRIGGERS = (
    f"CREATE TRIGGER file_search_update AFTER UPDATE OF caption_id, name ON file "
    f"WHEN OLD.caption_id IS NOT NEW.caption_id OR OLD.name IS NOT NEW.name BEGIN {_FILE_HAS_NEW_WORDS} END",
    "CREATE TRIGGER file_search_delete AFTER DELETE ON file BEGIN DELETE FROM caption_search WHERE rowid = OLD.id; END",
)

GONE_TRIGGER = """
CREATE TRIGGER file_gone AFTER UPDATE OF present ON file WHEN OLD.present IS NOT NEW.present BEGIN
    UPDATE job SET gone = NOT NEW.present WHERE file_id = NEW.id AND state IN ('queued', 'running');
END
"""
"""An open job knows whether its file is there, however that became known: its file's `present` can't be in its index."""

SPENDING_TRIGGER = """
CREATE TRIGGER call_spending AFTER INSERT ON call BEGIN
    INSERT INTO spending
        (day, endpoint, recipe, root_id, calls, unpriced, prompt_tokens, completion_tokens, cost_usd)
    VALUES (
        strftime('%Y-%m-%d', NEW.started_at, 'unixepoch', 'localtime'), NEW.endpoint, coalesce(NEW.recipe, ''),
        coalesce(NEW.root_id, 0), 1, NEW.cost_usd IS NULL, coalesce(NEW.prompt_tokens, 0),
        coalesce(NEW.completion_tokens, 0), coalesce(NEW.cost_usd, 0)
    )
    ON CONFLICT (day, endpoint, recipe, root_id) DO UPDATE SET
        calls = calls + 1,
        unpriced = unpriced + excluded.unpriced,
        prompt_tokens = prompt_tokens + excluded.prompt_tokens,
        completion_tokens = completion_tokens + excluded.completion_tokens,
        cost_usd = cost_usd + excluded.cost_usd;
END
"""
"""Each call is added to its day."""
