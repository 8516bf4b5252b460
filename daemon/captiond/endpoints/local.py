"""The local model: llama.cpp in this process, served on a loopback port and called through the same client as any other.

It is loaded at the first call, and one call runs at a time: it uses all cores by itself.
"""

from __future__ import annotations

import importlib.util
import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from captiond.config.models import LOCAL
from captiond.config.models import Endpoint as EndpointSettings
from captiond.config.models import Price as PriceSettings
from captiond.endpoints import weights
from captiond.endpoints.abilities import Abilities, Dialect, JsonForm, Told
from captiond.endpoints.catalogue import Model
from captiond.endpoints.keys import Key
from captiond.endpoints.known import Known
from captiond.endpoints.prices import FREE, Price
from captiond.errors import ConfigError, Stopped, Unavailable
from captiond.values import Answer, Request, Source

if TYPE_CHECKING:
    from captiond.config.models import LocalModel
    from captiond.endpoints.chat import ChatEndpoint

TIMEOUT_SECONDS: Final = 600.0
"""Of one call. SmolVLM-500M takes 4 to 6 s a picture on two cores; slower machines and larger models have room."""

_PIECE: Final = 4 << 20
_ERRORS_ONLY: Final = 1
"""llama.cpp's verbosity: what it says goes to stderr, past our log."""


class LocalEndpoint:
    """See `base.Endpoint`."""

    name = LOCAL
    source = Source.MODEL
    concurrency = 1
    wants_measures = False

    def __init__(self, settings: LocalModel, models_dir: Path) -> None:
        """Loads nothing yet; `models_dir` is where pulled weights are. Raises ConfigError without the extra `local`."""
        if importlib.util.find_spec("xllamacpp") is None:
            raise ConfigError('the local model needs the extra "local": pip install "captiond[local]"')
        self._settings = settings
        self._weights = weights.located(settings, models_dir)
        self.model = self._weights.model.stem
        self.identity = f"{self._weights.model.name} {self._weights.projector.name}"
        self.known = Known()
        self._lock = threading.Lock()
        self._server: Any = None
        self._chat: ChatEndpoint | None = None
        self._aborted = False

    def ask(self, request: Request) -> Answer:
        """See `base.Endpoint.ask`. The first call loads the model, outside its deadline."""
        return self.start().ask(request)

    def start(self) -> ChatEndpoint:
        """Loads the model if it is not loaded; raises Unavailable when it can't be, Stopped after `abort`."""
        with self._lock:
            if self._aborted:
                raise Stopped
            if self._chat is None:
                self._chat = self._serve()
            return self._chat

    def abilities(self, model: str) -> Abilities:
        """Pictures, and JSON by a grammar; llama.cpp takes a video with the ffmpeg program alone."""
        return Abilities.of(Told.TABLE, image=True, video=False, dialect=Dialect.LLAMACPP, json=JsonForm.SCHEMA)

    def models(self) -> tuple[Model, ...]:
        """The one whose weights are there; it is not loaded for that."""
        return (Model(self.model, None, ("text", "image"), ("text",)),)

    def price(self, model: str, *, wait: bool = False) -> Price:
        """Nothing: it runs on this machine."""
        return FREE

    def abort(self) -> None:
        """See `base.Endpoint.abort`. A model that llama.cpp is loading is loaded to the end first."""
        self._aborted = True
        chat = self._chat
        if chat is not None:
            chat.abort()

    def close(self) -> None:
        """See `base.Endpoint.close`."""
        with self._lock:
            if self._chat is not None:
                self._chat.close()
            self._chat = self._server = None  # dropping it stops the server and frees the model

    def _serve(self) -> ChatEndpoint:
        for path in (self._weights.model, self._weights.projector):
            if not weights.is_gguf(path):
                raise Unavailable(f"the local model needs {path}, which is no GGUF file or not there: {_HOW}")
            self._read_ahead(path)
        xllamacpp = library()
        from captiond.endpoints.chat import ChatEndpoint

        key = secrets.token_hex(16)  # so that no other user of this machine can use it
        params = xllamacpp.CommonParams()
        params.model.path = str(self._weights.model)
        params.mmproj.path = str(self._weights.projector)
        params.model_alias = {self.model}
        params.hostnames = ["127.0.0.1"]
        params.port = 0
        params.api_keys = [key]
        params.n_ctx = self._settings.context
        params.n_parallel = self.concurrency
        # Without it, a projector with a large preprocessing size tiles every picture: 22 s instead of 3.3 s.
        params.image_max_tokens = self._settings.image_max_tokens
        params.warmup = False  # the first call does it, and lets other threads run meanwhile
        params.ui = False
        params.verbosity = _ERRORS_ONLY
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise Unavailable(
                f"llama.cpp can't load {self._weights.model}, its own words are on stderr: {error}"
            ) from error
        settings = EndpointSettings(
            base_url=f"{self._server.listening_address}/v1",
            model=self.model,
            concurrency=self.concurrency,
            timeout_seconds=TIMEOUT_SECONDS,
            price=PriceSettings(input_per_million=0, output_per_million=0),
        )
        return ChatEndpoint(self.name, settings, Key(key, "this process"), identity=self.identity)

    def _read_ahead(self, path: Path) -> None:
        """Brings a file into the page cache. Raises Stopped after `abort`, Unavailable when it can't be read.

        The loader holds the interpreter's lock to its end: so a slow disk is waited for here, where other threads (the
        service's watchdog among them) go on.
        """
        piece = bytearray(_PIECE)
        try:
            with path.open("rb", buffering=0) as file:
                while file.readinto(piece):
                    if self._aborted:
                        raise Stopped
        except OSError as error:
            raise Unavailable(f"the local model's {path} can't be read: {error.strerror or error}") from error


def library() -> Any:
    """llama.cpp's binding. Raises Unavailable where it, or a library of the system that it needs, is not there."""
    try:
        import xllamacpp
    except ImportError as error:
        raise Unavailable(f"the local model's library can't be loaded ({error}): {LIBRARY_REMEDY}") from error
    return xllamacpp


LIBRARY_REMEDY: Final = (
    'it comes with pip install "captiond[local]"; the libgomp that it needs, with the system\'s package of that name '
    "(Debian: libgomp1, Arch: gcc-libs)"
)
_HOW: Final = "run `captiond model pull`, or set `model_path` and `mmproj_path` under [local]"
