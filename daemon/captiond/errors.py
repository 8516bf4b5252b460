"""Every way in which work can fail: a closed set, each with its cause and its remedy.

A class's docstring is its message; `remedy` says what a person can do. `code` is the reason that the database, `status`,
`show` and the log use. `fault` says whose fault it is, and so what `policy` does: see `Fault`.
docs/operations.md has a section for each code, and a test that none is missing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Fault(StrEnum):
    """Whose fault a failure is, and what follows."""

    FILE = "file"
    """The same bytes fail again: the job fails at once."""
    ANSWER = "answer"
    """Paid for and not usable: the attempt counts, few tries."""
    PASSING = "passing"
    """The file's or the endpoint's: the attempt counts, and is tried again later."""
    ENDPOINT = "endpoint"
    """The endpoint's alone: it pauses, and the job gets its attempt back."""
    ROOT = "root"
    """The root is away, the file is still changing, or the machine is short: the job waits and gets its attempt back."""


class CaptiondError(Exception):
    """What the command line shows as one clear message, without a traceback. `exit_code` as in the manual."""

    exit_code: ClassVar[int] = 1


class UsageError(CaptiondError):
    """The command was called wrongly."""

    exit_code = 2


class ConfigError(CaptiondError):
    """The configuration is wrong; the message lists everything that is."""

    exit_code = 78


class DatabaseError(CaptiondError):
    """The database can't be used; the message says why and what to do."""


class DatabaseUnavailable(DatabaseError):
    """The database can't be used for now (full disk, locked, input/output error): it may pass, the same call can be repeated."""


class InstallError(CaptiondError):
    """captiond can't be installed or removed as a service; the message says what stands in the way and what to do."""


class InstanceError(CaptiondError):
    """Another captiond holds this database."""


REJECTED_CHARACTERS = 2000
"""Of an answer that can't be used so much is kept: a loop may be as long as `max_tokens` allows."""
_REJECTED_END = 400


def _bounded(text: str) -> str:
    """The text, or its beginning and its end with what was left out between them."""
    left_out = len(text) - REJECTED_CHARACTERS
    if left_out <= 0:
        return text
    return f"{text[: REJECTED_CHARACTERS - _REJECTED_END]} […{left_out:,} characters…] {text[-_REJECTED_END:]}"


class Failure(Exception):
    """A typed failure of one job.

    Args:
        detail: what was seen, in a few words, without any secret.
        retry_after: seconds the endpoint asked to wait.
        http_status: the answer's status, if there was one.
        rejected: the answer's text, when there was one that can't be used; of a long one its beginning and its end.
    """

    code: ClassVar[str] = ""
    fault: ClassVar[Fault] = Fault.PASSING
    remedy: ClassVar[str] = ""
    tries: ClassVar[int | None] = None
    """The most attempts for this failure; None for the configured number."""
    quotes: ClassVar[bool] = False
    """Whether its detail repeats the answer, and so is not logged above debug."""

    def __init__(
        self,
        detail: str = "",
        *,
        retry_after: float | None = None,
        http_status: int | None = None,
        rejected: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        self.http_status = http_status
        self.rejected = rejected if rejected is None else _bounded(rejected)

    @property
    def cause(self) -> str:
        """What it is, without what was seen."""
        return (type(self).__doc__ or "").strip().splitlines()[0]

    @property
    def message(self) -> str:
        """Cause and detail in one line; the remedy is apart."""
        return f"{self.cause.rstrip('.')}: {self.detail}" if self.detail else self.cause


# --- the file's fault -----------------------------------------------------------------------------------------------


class EmptyFile(Failure):
    """The file has no bytes."""

    code, fault = "empty", Fault.FILE
    remedy = "copy the file again from where it came"


class NotMedia(Failure):
    """The file is named like an image or a video, but its content is neither."""

    code, fault = "not_media", Fault.FILE
    remedy = "rename it, or exclude it with the root's `exclude`"


class Unsupported(Failure):
    """The format is known, but can't be read here."""

    code, fault = "unsupported", Fault.FILE
    remedy = "convert the file to JPEG, PNG or MP4"


class Truncated(Failure):
    """The file ends before its picture does."""

    code, fault = "truncated", Fault.FILE
    remedy = "copy the file again from where it came; it is looked at again when it changes"


class Corrupt(Failure):
    """The file can't be decoded."""

    code, fault = "corrupt", Fault.FILE
    remedy = "open it in an image viewer; restore it from a backup if that fails too"


class NoPixels(Failure):
    """The picture has no width or no height."""

    code, fault = "no_pixels", Fault.FILE
    remedy = "restore the file from a backup"


class TooManyPixels(Failure):
    """The picture has more pixels than `media.max_pixels` allows to decode."""

    code, fault = "too_many_pixels", Fault.FILE
    remedy = "raise `media.max_pixels` if the file is what it seems, then `captiond retry PATH`"


class NoKeyFrame(Failure):
    """The video has no key frame to decode from."""

    code, fault = "no_key_frame", Fault.FILE
    remedy = "repair or convert the video"


class NoVideoStream(Failure):
    """The file is a media container without a picture in it."""

    code, fault = "no_video_stream", Fault.FILE
    remedy = "exclude audio files with the root's `exclude`"


class DecoderCrashed(Failure):
    """The decoder crashed on this file."""

    code, fault, tries = "decoder_crashed", Fault.PASSING, 2
    remedy = "convert the file with another program"


class DecoderTimeout(Failure):
    """Decoding took longer than `media.decode_seconds`."""

    code, fault, tries = "decoder_timeout", Fault.PASSING, 2
    remedy = "raise `media.decode_seconds`, then `captiond retry PATH`"


class DecoderMemory(Failure):
    """Decoding needed more memory than `media.decode_memory_mb`."""

    code, fault, tries = "decoder_memory", Fault.PASSING, 2
    remedy = "raise `media.decode_memory_mb`, then `captiond retry PATH`"


class LinkOutsideRoot(Failure):
    """The path is a link that leaves its root; it is not followed."""

    code, fault = "link_outside_root", Fault.FILE
    remedy = "watch the folder that it points to"


class Unreadable(Failure):
    """The file can't be opened for reading."""

    code, fault, tries = "unreadable", Fault.PASSING, 3
    remedy = "give captiond's user the right to read it, then `captiond retry PATH`"


class VideoOff(Failure):
    """The endpoint's `video` setting is off."""

    code, fault = "video_off", Fault.FILE
    remedy = "set `video` of the endpoint to auto, video_url or frames, then `captiond retry --all`"


class TooLarge(Failure):
    """The endpoint finds the media too large."""

    code, fault = "too_large", Fault.FILE
    remedy = "lower `max_bytes`, `max_video_bytes` or `max_edge` of the endpoint, then `captiond retry PATH`"


class BadRequest(Failure):
    """The endpoint refuses the request as invalid."""

    code, fault = "bad_request", Fault.FILE
    remedy = 'read the detail: a wrong model, a part it can\'t take (try `video = "frames"`), or a wrong `extra_body`'


class DownloadFailed(Failure):
    """The URL can't be fetched."""

    code, fault, tries = "download_failed", Fault.PASSING, 2
    remedy = "open the URL in a browser: it must answer with the image or video itself"


class CannotFetch(Failure):
    """The endpoint can't fetch the URL that it was sent."""

    code, fault, tries = "cannot_fetch", Fault.PASSING, 2
    remedy = "nothing: the bytes are sent instead; for a root, see that its `public_url` is reached from the endpoint"


class Internal(Failure):
    """captiond itself failed on this file: a bug."""

    code, fault, tries = "internal", Fault.PASSING, 2
    remedy = "report it with the log line that has the traceback"


# --- the answer can't be used ---------------------------------------------------------------------------------------


class EmptyAnswer(Failure):
    """The endpoint answered with no text."""

    code, fault, tries = "empty_answer", Fault.ANSWER, 3
    remedy = "raise the recipe's `max_tokens` if the model reasons first; try another model"


class CutAnswer(Failure):
    """The answer was cut at `max_tokens`."""

    code, fault, tries = "cut_answer", Fault.ANSWER, 2
    remedy = "raise the recipe's `max_tokens`, or ask for less, then `captiond retry --all`"


class Refused(Failure):
    """The model refused to describe this."""

    code, fault, tries, quotes = "refused", Fault.ANSWER, 2, True
    remedy = "change the prompt, or try another model, then `captiond retry PATH`"


class LoopedAnswer(Failure):
    """The model repeated itself until its answer ended."""

    code, fault, tries, quotes = "looped_answer", Fault.ANSWER, 2, True
    remedy = (
        "set the recipe's `temperature` higher or `frequency_penalty` in its `extra_body`, or try another model, "
        "then `captiond retry PATH`"
    )


class WrongLanguage(Failure):
    """The answer is in another language than the recipe's `language`."""

    code, fault, tries, quotes = "wrong_language", Fault.ANSWER, 2, True
    remedy = (
        "write the prompt in that language, or try another model; leave `language` out if any will do; "
        "then `captiond retry PATH`"
    )


class NotACategory(Failure):
    """The answer is none of the recipe's categories."""

    code, fault, tries, quotes = "not_a_category", Fault.ANSWER, 3, True
    remedy = 'add a category such as "other" to the recipe, or say in the prompt what each means'


class BadFields(Failure):
    """The answer is not the JSON object that the recipe's `fields` ask for."""

    code, fault, tries, quotes = "bad_fields", Fault.ANSWER, 3, True
    remedy = "try another model, or fewer fields"


# --- the file's or the endpoint's -----------------------------------------------------------------------------------


class ServerError(Failure):
    """The endpoint failed on this request."""

    code, fault = "server_error", Fault.PASSING
    remedy = "look into the endpoint's log; `captiond retry --all` when it is well"


class CallTimeout(Failure):
    """The endpoint did not finish its answer within `timeout_seconds`."""

    code, fault = "timeout", Fault.PASSING
    remedy = "raise `timeout_seconds`, or lower `concurrency`, of the endpoint"


class BadResponse(Failure):
    """What the endpoint sent is not an answer of the chat completions protocol."""

    code, fault = "bad_response", Fault.PASSING
    remedy = "check the endpoint's `base_url` (most end in /v1): something else answers there"


# --- the endpoint's fault -------------------------------------------------------------------------------------------


class NoKey(Failure):
    """No API key was found for the endpoint."""

    code, fault = "no_key", Fault.ENDPOINT
    remedy = (
        "set the variable that `api_key_env` names, or `api_key_file`, or the systemd credential api-key; then restart"
    )


class Unauthorized(Failure):
    """The endpoint does not accept the API key (401)."""

    code, fault = "unauthorized", Fault.ENDPOINT
    remedy = "give the right key, then restart; the queue waits"


class PaymentRequired(Failure):
    """The endpoint wants payment (402)."""

    code, fault = "payment_required", Fault.ENDPOINT
    remedy = "add credit at the provider; the queue waits and goes on by itself"


class Forbidden(Failure):
    """The endpoint does not allow this key to use the model (403)."""

    code, fault = "forbidden", Fault.ENDPOINT
    remedy = "check the key's rights and the model's name; the queue waits"


class NotFound(Failure):
    """The endpoint does not know the model or the address (404)."""

    code, fault = "not_found", Fault.ENDPOINT
    remedy = "check `base_url` and `model`; the queue waits"


class NoImages(Failure):
    """The endpoint's model takes no images."""

    code, fault = "no_images", Fault.ENDPOINT
    remedy = (
        "choose another `model` (`captiond models --kind image` lists them), or set the endpoint's `image` to on if it does; "
        "the queue waits"
    )


class RateLimited(Failure):
    """The endpoint asks to slow down (429)."""

    code, fault = "rate_limited", Fault.ENDPOINT
    remedy = "nothing: it goes on by itself; lower `concurrency` if it happens often"


class QuotaUsedUp(Failure):
    """The endpoint's quota for the day, the week or the month is used up."""

    code, fault = "quota_exhausted", Fault.ENDPOINT
    remedy = "nothing: it goes on by itself when the quota begins anew; or raise the quota at the provider"


class Unavailable(Failure):
    """The endpoint can't be reached, or says that it is not available."""

    code, fault = "unavailable", Fault.ENDPOINT
    remedy = "check that it runs and that `base_url` is right; the queue waits and goes on by itself"


class Asleep(Unavailable):
    """The model is asleep, and has to be woken before it answers."""

    code, fault = "asleep", Fault.ENDPOINT
    remedy = "nothing: captiond asks for it to be woken, and goes on by itself; that may take some minutes"


class Redirected(Failure):
    """The endpoint redirects elsewhere; pictures are not sent to other hosts."""

    code, fault = "redirected", Fault.ENDPOINT
    remedy = "set `base_url` to the address it redirects to, if you trust it"


# --- the root's fault, the machine's, or time's ---------------------------------------------------------------------


class RootOffline(Failure):
    """The file's root is away."""

    code, fault = "root_offline", Fault.ROOT
    remedy = "mount it; its files go on by themselves"


class Changed(Failure):
    """The file changed while it was read."""

    code, fault = "changed", Fault.ROOT
    remedy = "nothing: it is read again when it is quiet"


class Vanished(Failure):
    """The file is gone."""

    code, fault = "vanished", Fault.ROOT
    remedy = "nothing: it is marked absent"


class NoDecoder(Failure):
    """No decoder process can be started."""

    code, fault = "no_decoder", Fault.ROOT
    remedy = (
        "free memory, or raise the unit's `TasksMax` or `LimitNOFILE`; if captiond was installed anew while it ran, restart "
        "it; the queue waits and goes on by itself"
    )


class NoResources(Failure):
    """The machine has no memory or open file left to read it with."""

    code, fault = "no_resources", Fault.ROOT
    remedy = "free memory, or raise the unit's `LimitNOFILE`; it goes on by itself"


class Waiting(Failure):
    """It was ready to be asked about, and its endpoint is paused or its budget spent."""

    code, fault = "waiting", Fault.ROOT
    remedy = "nothing: it goes on by itself; `captiond status` says why it waits, and until when"


class Stopped(Failure):
    """The service stopped before the call ended."""

    code, fault = "stopped", Fault.ROOT
    remedy = "nothing: it is done after the next start"


def _leaves(cls: type[Failure]) -> list[type[Failure]]:
    return [leaf for sub in cls.__subclasses__() for leaf in [sub, *_leaves(sub)]]


FAILURES: dict[str, type[Failure]] = {cls.code: cls for cls in _leaves(Failure)}
"""Every failure by its code: the closed set."""
