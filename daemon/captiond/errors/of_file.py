"""A file, or a URL, that can't be read, decoded or sent."""

from __future__ import annotations

from captiond.errors.failure import Failure, Fault


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
