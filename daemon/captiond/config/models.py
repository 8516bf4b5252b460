"""Every setting, its default and its limits. The docstring under a field is its line in config.example.toml."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from captiond.config import accounts
from captiond.config.hours import checked as checked_hours

OXEN = "oxen"
OXEN_BASE_URL = "https://hub.oxen.ai/api/ai"
OXEN_MODEL = "gemini-3-flash-preview"
OXEN_KEY_ENV = "OXEN_API_KEY"
BUILTIN = "builtin"
LOCAL = "local"
RELPATH = "{relpath}"
"""Stands in a root's `public_url` for a file's path below the root."""


def _expanded(path: Path) -> Path:
    if "\x00" in str(path):
        raise ValueError("a path holds no NUL character")
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("there is no such user, or it has no home folder") from None


LocalPath = Annotated[Path, AfterValidator(_expanded)]
"""A path in the configuration; `~` is the home folder."""


class Section(BaseModel):
    """Base of every table of the configuration: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class VideoMode(StrEnum):
    """How videos reach an endpoint."""

    AUTO = "auto"
    VIDEO_URL = "video_url"
    FRAMES = "frames"
    OFF = "off"


class WatchMode(StrEnum):
    """How a root is watched."""

    AUTO = "auto"
    INOTIFY = "inotify"
    POLL = "poll"


class Database(Section):
    url: str | None = Field(default=None, pattern=r"^sqlite:///")
    """Where captions are kept, on a local disk; not set: captions.db in $STATE_DIRECTORY, else $XDG_STATE_HOME/captiond."""
    backup_days: int = Field(default=7, ge=0, le=3650)
    """A copy is made each night, in the folder `backups` beside the database, and kept for so many days; 0: none is."""
    keep_days: int = Field(default=90, ge=0, le=36500)
    """Calls, and jobs that others followed, are forgotten after so many days; each day's sums stay. 0: never."""


class Price(Section):
    input_per_million: float = Field(ge=0)
    """US dollars for a million tokens of requests."""
    output_per_million: float = Field(ge=0)
    """US dollars for a million tokens of answers."""
    per_call: float = Field(default=0, ge=0)
    """US dollars for each call that is answered, beside its tokens."""


class Budget(Section):
    usd_per_day: float | None = Field(default=None, ge=0)
    """US dollars in a day of local time. When they are spent the queue waits for the next day. Not set: no limit."""
    usd_per_month: float | None = Field(default=None, ge=0)
    """US dollars in a calendar month."""
    calls_per_day: int | None = Field(default=None, ge=0)
    """Calls in a day, answered or not; it holds where no price is known, too."""

    @property
    def limits(self) -> bool:
        """Whether anything is limited."""
        return any(limit is not None for limit in (self.usd_per_day, self.usd_per_month, self.calls_per_day))

    @property
    def in_usd(self) -> bool:
        """Whether it needs prices."""
        return self.usd_per_day is not None or self.usd_per_month is not None


class Endpoint(Section):
    base_url: str = Field(pattern=r"^https?://")
    """The address of the server, up to and without /chat/completions."""
    api_key_env: str | None = None
    """The environment variable that holds the key."""
    api_key_file: LocalPath | None = None
    """A file that holds the key alone; a systemd credential named api-key is found by itself."""
    model: str
    """The model to ask, as the server names it."""
    concurrency: int = Field(default=8, ge=1, le=512)
    """Requests in flight, at most: fewer for a while after the server asked to slow down."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """The most requests in any 60 seconds; not set: no limit."""
    tokens_per_minute: int | None = Field(default=None, ge=1)
    """The most tokens, of prompts and answers, in any 60 seconds; not set: no limit."""
    hours: Annotated[str, AfterValidator(checked_hours)] | None = None
    """When it is asked, in local time; its files wait else. Several: "12:00-13:30, 22:00-06:00". Not set: always."""
    timeout_seconds: float = Field(default=120, gt=0)
    """The whole call, from the first byte sent to the last one read."""
    max_edge: int = Field(default=1568, ge=64, le=16384)
    """Pixels of a picture's long edge; larger ones are made smaller, none larger. Beyond 4:1 the short edge keeps 512."""
    max_bytes: int = Field(default=3_500_000, ge=10_000)
    """Of one picture as sent."""
    max_video_bytes: int = Field(default=20_000_000, ge=10_000)
    """Of one video as sent; a larger one is made small, without its sound, else it is sent as frames."""
    max_seconds: float = Field(default=600, ge=1)
    """Of one video as sent; a longer one becomes a small one that runs faster, so that it shows all of it."""
    video: VideoMode = VideoMode.AUTO
    """auto: as a video where the server is known to take any, else as frames; video_url, frames or off."""
    video_dialect: Literal["auto", "openai", "llamacpp", "vllm"] = "auto"
    """How videos are sent: openai as `video_url`, llamacpp as `input_video`, vllm frames too as `video_url`; auto: as known."""
    max_frames: int = Field(default=8, ge=1, le=64)
    """Of one video or animation that is sent as frames; fewer where they look alike."""
    frame_edge: int = Field(default=768, ge=64, le=16384)
    """Pixels of the long edge of a frame, and of a video that is made small."""
    image: Literal["auto", "on"] = "auto"
    """auto: a model that is known to take no images is not asked, its files wait; on: it is asked, whatever is known."""
    json_output: Literal["auto", "json_schema", "json_object", "off"] = "auto"
    """The `response_format` for recipes with fields or categories; auto: what the server is known to take, else none."""
    price: Price | None = None
    """What its calls cost, whatever its list of models says; not set: as the list says, where it does."""
    budget: Budget = Budget()
    """What may be spent on its calls, within the budget of everything."""


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Strategy(StrEnum):
    """Which of several endpoints a recipe asks."""

    FAILOVER = "failover"
    SPREAD = "spread"


class Recipe(Section):
    prompt: str = "Describe this {kind} in one or two plain sentences."
    """What to ask, with variables such as {kind} and {filename}; {{ and }} are braces."""
    system: str | None = None
    """The system text that goes before it; the same variables."""
    language: str | None = None
    """The language to answer in, such as "en" or "Deutsch"; an answer clearly in another fails. Not set: the model's choice."""
    endpoint: Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)] | None = None
    """Whom to ask: a name under [endpoints], "local" or "builtin", or a list of names; not set: the first of [endpoints]."""
    strategy: Strategy = Strategy.FAILOVER
    """Of several endpoints, failover asks the first one that is well, and spread the least busy one."""
    model: str | None = None
    """Another model than the endpoint's."""
    max_tokens: int = Field(default=300, ge=1)
    """The longest answer; a cut one is a failure. Models that reason need more."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """Not set: the server's default."""
    categories: list[str] = Field(default_factory=list)
    """Classification: the answer is one of these, or the job fails."""
    fields: list[str] = Field(default_factory=list)
    """Ask for a JSON object with these keys; "caption" and "tags" fill the caption and its tags, others its fields."""
    clean: bool = True
    """Strip Markdown, labels, quotes and "This image shows" around the caption. Reasoning always goes."""
    extra_body: dict[str, Any] = Field(default_factory=dict)
    """Added to the request as it is, for what one server alone knows."""


class Watch(Section):
    path: LocalPath
    """The folder, with all its subfolders."""
    recipe: str = "default"
    """A name under [recipes]."""
    mode: WatchMode = WatchMode.AUTO
    """auto: inotify on local disks, poll on network shares; or inotify, poll."""
    settle_seconds: float = Field(default=5, ge=0.1, le=3600)
    """A file is taken up when it has not changed for so long."""
    include: list[str] = Field(default_factory=lambda: ["**"])
    """Patterns as in .gitignore, relative to the root: what is looked at."""
    exclude: list[str] = Field(default_factory=lambda: ["@eaDir/**", "#recycle/**", ".*"])
    """Patterns as in .gitignore: what is left alone. Partial downloads and system folders always are."""
    live_photos: bool = True
    """A still and a MOV under 4 s of the same name are one picture: the still is captioned, the clip linked to it."""
    scan_seconds: float = Field(default=900, ge=1)
    """How often an inotify root is compared with the database, for what events missed."""
    poll_seconds: float = Field(default=10, ge=0.2)
    """How often a polled root is compared; longer by itself where a comparison would cost over half a percent of a core."""
    public_url: str | None = None
    """Where an endpoint finds the root's files: sent instead of their bytes; {relpath} is the path below the root."""
    budget: Budget = Budget()
    """What may be spent on its files, within the budget of everything."""


class Sidecar(Section):
    enabled: bool = True
    """Write a JSON file beside each captioned file."""
    suffix: str = Field(default=".caption.json", pattern=r"^\.[^/\s]+\.json$")
    """Its name is the file's name and this."""
    mode: str | None = Field(default=None, pattern=r"^0?[0-7]{3}$")
    """Its rights, as chmod has them; not set: as the umask leaves them."""
    owner: Annotated[str, BeforeValidator(accounts.as_text), AfterValidator(accounts.known_user)] | None = None
    """Whose it is: a user's name or number. Not set: captiond's own user's; only root can give files to others."""
    group: Annotated[str, BeforeValidator(accounts.as_text), AfterValidator(accounts.known_group)] | None = None
    """Its group, by name or number: one that captiond's user is in. Not set: that user's, or that of a setgid folder."""

    _owner_id: int | None = PrivateAttr(default=None)
    _group_id: int | None = PrivateAttr(default=None)

    def model_post_init(self, _: Any) -> None:
        self._owner_id = None if self.owner is None else accounts.user_id(self.owner)
        self._group_id = None if self.group is None else accounts.group_id(self.group)

    @property
    def owner_id(self) -> int | None:
        """The number of `owner`."""
        return self._owner_id

    @property
    def group_id(self) -> int | None:
        """The number of `group`."""
        return self._group_id


class Queue(Section):
    max_attempts: int = Field(default=5, ge=1, le=100)
    """Of one job, before it is failed; `captiond retry` starts again."""
    backoff_seconds: float = Field(default=2, gt=0)
    """The wait after the first failed attempt; doubles each time, with jitter."""
    backoff_max_seconds: float = Field(default=3600, gt=0)
    """The longest wait between attempts."""
    pause_seconds: float = Field(default=5, gt=0)
    """The first pause of an endpoint that can't be reached; doubles each time."""
    pause_max_seconds: float = Field(default=600, gt=0)
    """The longest pause of an endpoint."""
    confirm_above: int = Field(default=1000, ge=0)
    """A root's first backlog of more calls waits for `captiond scan --go`; new files go on meanwhile. 0: none waits."""


class Media(Section):
    max_pixels: int = Field(default=250_000_000, ge=1_000_000)
    """Larger pictures are not decoded."""
    decode_seconds: float = Field(default=60, gt=0)
    """The longest time for decoding one file."""
    decode_memory_mb: int = Field(default=2048, ge=256)
    """The most memory for decoding one file."""
    workers: int = Field(default=0, ge=0, le=256)
    """Decoder processes; 0: one a core."""


class LocalModel(Section):
    model_path: LocalPath | None = None
    """GGUF weights; not set: what `captiond model pull` fetched."""
    mmproj_path: LocalPath | None = None
    """The GGUF projector that belongs to them."""
    context: int = Field(default=4096, ge=512)
    """Tokens of context a request."""
    image_max_tokens: int = Field(default=512, ge=16)
    """Tokens a picture may take; without a limit some projectors tile it, which takes many times as long."""


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged."""
    format: Literal["auto", "console", "json"] = "auto"
    """auto: readable on a terminal, JSON lines otherwise."""


class Settings(Section):
    """The whole configuration. What one table says of another is checked by `checks`, when it is loaded."""

    database: Database = Database()
    endpoints: dict[str, Endpoint] = Field(default_factory=dict)
    recipes: dict[str, Recipe] = Field(default_factory=dict)
    watch: list[Watch] = Field(default_factory=list)
    sidecar: Sidecar = Sidecar()
    queue: Queue = Queue()
    budget: Budget = Budget()
    media: Media = Media()
    local: LocalModel = LocalModel()
    log: Log = Log()

    @model_validator(mode="before")
    @classmethod
    def _oxen_defaults(cls, data: Any) -> Any:
        """`[endpoints.oxen]` needs no key of its own: what it leaves out is Oxen.ai's."""
        endpoints = data.get("endpoints") if isinstance(data, dict) else None
        oxen = endpoints.get(OXEN) if isinstance(endpoints, dict) else None
        # Another server that is only called so gets neither Oxen's model nor its key.
        if not isinstance(oxen, dict) or str(oxen.get("base_url", OXEN_BASE_URL)).rstrip("/") != OXEN_BASE_URL:
            return data
        key = {} if "api_key_file" in oxen else {"api_key_env": OXEN_KEY_ENV}
        filled = {"base_url": OXEN_BASE_URL, "model": OXEN_MODEL, **key, **oxen}
        return {**data, "endpoints": {**(endpoints or {}), OXEN: filled}}

    @model_validator(mode="after")
    def _default_recipe(self) -> Self:
        self.recipes.setdefault("default", Recipe())
        return self
