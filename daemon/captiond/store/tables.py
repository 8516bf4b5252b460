"""The tables, as SQLAlchemy Core. The migrations build them; a test holds the two together.

Paths are text as `paths.to_text` makes it; `folder` has no slash at its end ("" is the root of the file system), so
`folder || '/' || name` is the path. A URL is split the same way. Moments are seconds since 1970 (REAL), except
`caption.created_at`, which is public: UTC ISO 8601 text with seconds and a Z.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

root = Table(
    "root",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", Text, nullable=False, unique=True),
    Column("recipe", Text, nullable=False),
    Column("mode", Text, nullable=False, comment="inotify or poll: what is in force, not what was asked"),
    Column("watched", Integer, nullable=False, server_default="1", comment="0 when no longer in the configuration"),
    Column("state", Text, nullable=False, comment="online or offline"),
    Column("reason", Text, comment="why it is offline or degraded, with the remedy"),
    Column("mount_point", Text, comment="where its file system was mounted when it was last online"),
    Column("fstype", Text),
    Column("scanned_at", Float, comment="end of the last complete scan"),
    Column("scan_seconds", Float),
    Column("go_at", Float, comment="since when its first backlog may be asked; NULL: not yet"),
    CheckConstraint("state IN ('online', 'offline')", name="state"),
)

content = Table(
    "content",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("mime", Text, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("duration_seconds", Float),
    Column("facts", JSON, nullable=False, server_default="{}", comment="the rest of MediaFacts: date, camera, place"),
)

caption = Table(
    "caption",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("content_id", ForeignKey("content.id"), nullable=False, index=True),
    Column("recipe", Text, nullable=False),
    Column("recipe_digest", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("category", Text),
    Column("tags", JSON, nullable=False, server_default="[]"),
    Column("fields", JSON, nullable=False, server_default="{}"),
    Column("language", Text),
    Column("source", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("cost_usd", Float),
    Column("superseded_by", ForeignKey("caption.id"), comment="the newer caption of this content under this recipe"),
)
Index(
    "uq_caption_answer",
    caption.c.content_id,
    caption.c.recipe_digest,
    unique=True,
    sqlite_where=caption.c.superseded_by.is_(None),
)
Index("ix_caption_created_at", caption.c.created_at)

file = Table(
    "file",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("root_id", ForeignKey("root.id"), comment="NULL: captioned by hand, under no root"),
    Column("folder", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Column("ctime_ns", Integer, nullable=False),
    Column("inode", Integer, nullable=False),
    Column(
        "media",
        Integer,
        nullable=False,
        comment="0: looked at, and no media: remembered so that it is not opened again",
    ),
    Column("content_id", ForeignKey("content.id"), index=True),
    Column("caption_id", ForeignKey("caption.id"), index=True, comment="its current caption"),
    Column("present", Integer, nullable=False, server_default="1"),
    UniqueConstraint("folder", "name"),
)
Index("ix_file_root_id_folder", file.c.root_id, file.c.folder)
Index("ix_file_moved", file.c.inode, file.c.size, file.c.mtime_ns)

live_photo = Table(
    "live_photo",
    metadata,
    Column("clip_id", ForeignKey("file.id"), primary_key=True, comment="the clip, which gets no job of its own"),
    Column("still_id", ForeignKey("file.id"), nullable=False, index=True),
)

job = Table(
    "job",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("file_id", ForeignKey("file.id"), nullable=False),
    Column("root_id", ForeignKey("root.id")),
    Column("recipe", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("request", Text, comment="the command that asked for it, so that it can wait for its own"),
    Column("created_at", Float, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0", comment="counted when claimed: a crash counts"),
    Column("run_id", Text, comment="the run of the program that claimed it"),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("reason", Text, comment="the code of the last failure, see errors"),
    Column("detail", Text, comment="its message"),
    Column(
        "again",
        Integer,
        nullable=False,
        server_default="0",
        comment="asked for while it ran: it goes back in the queue",
    ),
    Column("inline", Integer, nullable=False, server_default="0", comment="1: bytes are wanted, not a URL"),
    Column(
        "download", Text, comment="the file that its URL was fetched into when it was asked for; only while it is open"
    ),
    Column("unsupported_by", Text, comment="the versions of the software that can't read the file"),
    Column(
        "after_caption", Integer, nullable=False, server_default="0", comment="only a caption with a higher id will do"
    ),
    Column(
        "gone",
        Integer,
        nullable=False,
        server_default="0",
        comment="of an open one: 1 while its file is not present; kept by a trigger",
    ),
    CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'unsupported')", name="state"),
)
Index("uq_job_open", job.c.file_id, unique=True, sqlite_where=text("state IN ('queued', 'running')"))
# All columns that a claim asks for stand in it, so that jobs of a root that is away are passed over without reading their
# rows. Jobs whose file is gone stand apart: half a million of them took each claim 0.2 s.
Index(
    "ix_job_next",
    job.c.gone,
    job.c.priority.desc(),
    job.c.due_at,
    job.c.id,
    job.c.recipe,
    job.c.root_id,
    job.c.state,
    sqlite_where=text("state = 'queued'"),
)
Index("ix_job_file_id", job.c.file_id, job.c.id)
# Not for queued ones: SQLite would take it instead of ix_job_next, and sort the whole queue for each claim.
Index(
    "ix_job_state",
    job.c.state,
    sqlite_where=text("state = 'running' OR state = 'done' OR state = 'failed' OR state = 'unsupported'"),
)
Index("ix_job_request", job.c.request, sqlite_where=text("request IS NOT NULL"))

call = Table(
    "call",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", ForeignKey("job.id", ondelete="SET NULL"), index=True),
    Column("content_id", ForeignKey("content.id")),
    Column("recipe", Text, comment="NULL: of the time before it was kept"),
    Column("root_id", ForeignKey("root.id"), comment="NULL: under no root"),
    Column("endpoint", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("started_at", Float, nullable=False, index=True),
    Column("seconds", Float, nullable=False),
    Column("outcome", Text, nullable=False, comment="answered, or the code of the failure"),
    Column("http_status", Integer),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("cost_usd", Float),
    Column("bytes_sent", Integer, nullable=False, server_default="0"),
    Column("finish_reason", Text),
    Column("rejected", Text, comment="an answer that could not be used"),
)

spending = Table(
    "spending",
    metadata,
    Column("day", Text, primary_key=True, comment="YYYY-MM-DD, of local time when the calls were recorded"),
    Column("endpoint", Text, primary_key=True),
    Column("recipe", Text, primary_key=True),
    Column("root_id", Integer, primary_key=True, autoincrement=False, comment="0: under no root"),
    Column("calls", Integer, nullable=False),
    Column("unpriced", Integer, nullable=False, comment="calls whose cost is not known"),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cost_usd", Float, nullable=False),
)
"""The calls of each day added up, by a trigger on `call`: a month of a million calls is told at once."""

sidecar = Table(
    "sidecar",
    metadata,
    Column("file_id", ForeignKey("file.id"), primary_key=True),
    Column("path", Text, comment="where it was last written, or was first to be"),
    Column("state", Text, nullable=False),
    Column("reason", Text, comment="why it is pending or refused, with the remedy"),
    Column("written_digest", Text, comment="SHA-256 of the bytes that stand there"),
    Column("pending_digest", Text, comment="SHA-256 of the bytes that are about to; set before they are written"),
    Column("due_at", Float, comment="when a pending one is tried again"),
    Column("size", Integer, comment="of what stands there, as it was last looked at"),
    Column("mtime_ns", Integer),
    CheckConstraint("state IN ('pending', 'written', 'refused')", name="state"),
)
Index("ix_sidecar_pending", sidecar.c.due_at, sqlite_where=text("state = 'pending'"))

endpoint = Table(
    "endpoint",
    metadata,
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False, comment="healthy, paused or probing"),
    Column("reason", Text),
    Column("paused_until", Float),
    Column("in_flight", Integer, nullable=False, server_default="0"),
    Column("updated_at", Float, nullable=False),
    Column("concurrency", Integer, comment="how many calls it gets at once, for now"),
)

ability = Table(
    "ability",
    metadata,
    Column("base_url", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("name", Text, primary_key=True, comment="image, video, dialect or json"),
    Column("value", Text, nullable=False, comment="yes or no, or the name of a dialect or a form of JSON"),
    Column("source", Text, nullable=False, comment="who told: probe or answer"),
    Column("checked_at", Float, nullable=False),
)

size_limit = Table(
    "size_limit",
    metadata,
    Column("base_url", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column(
        "settings", Text, nullable=False, comment="the endpoint's sizes under which it was found: it holds with these"
    ),
    Column("picture_bytes", Integer, comment="of one picture's file"),
    Column("request_bytes", Integer, comment="of the pictures of one request together"),
    Column("edge", Integer, comment="pixels"),
    Column("video_bytes", Integer, comment="of one video's file"),
    Column("until", Float, nullable=False),
)
