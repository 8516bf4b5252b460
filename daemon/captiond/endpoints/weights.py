"""The local model's weights: where they are, and how they are fetched once.

They come from a model hub through `huggingface_hub`. Its own download begins anew when it was interrupted (2.4), so the
partial file is ours: it is named after what the hub says the content is, and the next pull goes on at its end. A whole
file is checked against the size and the SHA-256 that the hub tells, and only then put in its place, by a rename.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self, cast

from captiond.errors import CaptiondError

if TYPE_CHECKING:
    from huggingface_hub import HfFileMetadata

    from captiond.config.models import LocalModel

REPOSITORY: Final = "ggml-org/SmolVLM-500M-Instruct-GGUF"
MODEL: Final = "SmolVLM-500M-Instruct-Q8_0.gguf"
PROJECTOR: Final = "mmproj-SmolVLM-500M-Instruct-Q8_0.gguf"
FILES: Final = (MODEL, PROJECTOR)

_MAGIC: Final = b"GGUF"

Progress = Callable[[str, int, int], None]
"""Called with a file's name, the bytes of it that are there, and its size."""


class PullError(CaptiondError):
    """The weights can't be fetched; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The two files that a vision model needs."""

    model: Path
    projector: Path


def directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where `captiond model pull` puts them."""
    from captiond.config.load import state_dir

    return state_dir(environ) / "models"


def located(settings: LocalModel, folder: Path) -> Weights:
    """The configured files, else the pulled ones; whether they are there is not looked at."""
    return Weights(settings.model_path or folder / MODEL, settings.mmproj_path or folder / PROJECTOR)


def present(target_dir: Path) -> bool:
    """Whether both files are there. Cheap: pulled files are put in their place only when they are whole."""
    return all(is_gguf(target_dir / name) for name in FILES)


def is_gguf(path: Path) -> bool:
    """Whether this is a file that begins as GGUF files do."""
    try:
        with path.open("rb") as file:
            return file.read(4) == _MAGIC
    except OSError:
        return False


def pull(target_dir: Path, progress: Progress | None = None) -> list[Path]:
    """Fetches what is not there yet; the paths of all files. Raises PullError."""
    report = progress or (lambda _name, _done, _size: None)
    try:
        target_dir.mkdir(parents=True, exist_ok=True)
        return [_pull_one(name, target_dir, report) for name in FILES]
    except OSError as error:
        raise PullError(f"the weights can't be kept in {target_dir}: {error.strerror or error}") from error


def _pull_one(name: str, folder: Path, progress: Progress) -> Path:
    target = folder / name
    if is_gguf(target):
        progress(name, target.stat().st_size, target.stat().st_size)
        return target
    told = _told(name)
    tag = (told.etag or "").strip('"')
    partial = folder / f".{name}.{tag[:16] or 'any'}.part"
    for other in folder.glob(f".{name}.*.part"):
        if other != partial:  # of content that the hub no longer has
            other.unlink()
    with partial.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PullError(f"{name} is being fetched by another captiond") from None
        _download(name, file, told.size, progress)
        file.flush()
        os.fsync(file.fileno())
        _check(partial, told.size, tag)
        partial.replace(target)
    return target


def _told(name: str) -> HfFileMetadata:
    """What the hub tells of a file."""
    try:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
    except ImportError as error:
        raise PullError('the local model needs the extra "local": pip install "captiond[local]"') from error
    try:
        return get_hf_file_metadata(hf_hub_url(REPOSITORY, name), token=False)
    except Exception as error:  # the library has a dozen kinds, from four other libraries
        raise PullError(_explained(error, name)) from error


def _download(name: str, file: BinaryIO, size: int | None, progress: Progress) -> None:
    """The rest of the file, from where `file` ends; tries again by itself while anything arrives."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get

    class Bar:
        """The few things that `http_get` wants of a progress bar."""

        def __init__(self, *_: object, initial: int = 0, total: int | None = None, **__: object) -> None:
            self.done, self.total = initial, total or size or 0

        def update(self, amount: int) -> None:
            self.done += amount
            progress(name, self.done, self.total)

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    start = file.seek(0, os.SEEK_END)
    if size is not None and start > size:
        start = file.seek(0)
        file.truncate()
    progress(name, start, size or 0)
    try:
        http_get(hf_hub_url(REPOSITORY, name), file, resume_size=start, expected_size=size, tqdm_class=cast("Any", Bar))
    except Exception as error:  # as above
        raise PullError(_explained(error, name)) from error


def _check(path: Path, size: int | None, tag: str) -> None:
    """The hub's tag of a large file is its SHA-256; raises PullError, and removes the file, when it is another."""
    actual = path.stat().st_size
    wrong = f"{actual} bytes instead of {size}" if size is not None and actual != size else ""
    if not wrong and len(tag) == hashlib.sha256().digest_size * 2:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != tag:
            wrong = "its SHA-256 is not the one that the hub tells"
    if not wrong and not is_gguf(path):
        wrong = "it is no GGUF file"
    if wrong:
        path.unlink()
        raise PullError(f"what arrived as {path.name} is broken: {wrong}; run `captiond model pull` again")


def _explained(error: Exception, name: str) -> str:
    words = " ".join(str(error).split())[:200]
    return (
        f"{name} can't be fetched from {REPOSITORY}: {type(error).__name__}{': ' if words else ''}{words}; "
        "check the network (HTTPS_PROXY, HF_ENDPOINT) and run `captiond model pull` again, it goes on where it ended; "
        "or fetch the two files elsewhere and set `model_path` and `mmproj_path` under [local]"
    )
