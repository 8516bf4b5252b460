"""Whether a video's own file is sent, or something made of it. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from captiond.media.spec import EncodeSpec

HDR_TRANSFERS = (16, 18)
"""PQ and HLG, by ITU-T H.273: shown without tone mapping they are grey."""


@dataclass(frozen=True, slots=True)
class File:
    """A video's file, by its header.

    Args:
        container: as `identify.sniff` names it.
        codec: libav's name; None where it can't be told.
        size: in bytes.
        seconds: its length; 0 where that is not known, which is no hindrance.
        transfer: the number of its transfer characteristics in H.273, as libav tells it.
    """

    container: str
    codec: str | None
    size: int
    seconds: float = 0.0
    transfer: int | None = None


def goes(file: File, spec: EncodeSpec) -> bool:
    """Whether an endpoint takes a file as it is: by its container, codec, size, length and brightness range."""
    return (
        spec.video == "video_url"
        and not spec.measure
        and file.size <= spec.max_video_bytes
        and file.seconds <= spec.max_seconds
        and file.transfer not in HDR_TRANSFERS
        and _takes(spec, file.container, file.codec)
    )


def _takes(spec: EncodeSpec, container: str, codec: str | None) -> bool:
    if f"{container}/*" in spec.video_files:
        return True
    if codec is None:
        return any(one.startswith(f"{container}/") for one in spec.video_files)
    return f"{container}/{codec}" in spec.video_files
