"""How an endpoint wants its media, and what decoding may cost."""

from __future__ import annotations

from dataclasses import dataclass

VIDEO_MODES = ("video_url", "small", "frames", "off")

PLAIN_VIDEOS = ("mp4/h264", "mov/h264")
"""Container and codec of the files that whoever takes videos takes: what phones and browsers play."""


@dataclass(frozen=True, slots=True)
class EncodeSpec:
    """What one endpoint takes.

    Args:
        max_edge: pixels of a picture's long edge; larger ones are made smaller, none is made larger.
        short_edge: pixels that the short edge of a panorama keeps, if it has them: its long edge may be longer for that.
        max_bytes: of one picture as sent.
        max_video_bytes: of one video as sent; a larger one is made small, else it becomes frames.
        max_seconds: of one video as sent; a longer one is made small.
        video: "video_url" (the file itself if it fits, else a small one), "small" (a small one in any case), "frames" or
            "off"; "auto" is resolved before.
        video_files: which files are sent as they are, as "container/codec"; "container/*" is any codec.
        max_frames: of one video or animation that is sent as frames.
        frame_edge: pixels of a frame's long edge.
        max_pixels: pictures and frames with more are not decoded.
        measure: whether the picture is measured for the built-in describer.
    """

    max_edge: int = 1568
    short_edge: int = 512
    max_bytes: int = 3_500_000
    max_video_bytes: int = 20_000_000
    max_seconds: float = 600.0
    video: str = "frames"
    video_files: tuple[str, ...] = PLAIN_VIDEOS
    max_frames: int = 8
    frame_edge: int = 768
    max_pixels: int = 250_000_000
    measure: bool = False

    def __post_init__(self) -> None:
        if self.video not in VIDEO_MODES:
            raise ValueError(f"video is one of {', '.join(VIDEO_MODES)}, not {self.video}")


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """What decoding one file may take: `seconds` of wall time, and `memory_mb` beside the decoder's own code."""

    seconds: float = 60.0
    memory_mb: int = 2048


@dataclass(frozen=True, slots=True)
class Confinement:
    """What the system holds a decoder process to, beside its limits: Landlock's version, 0 without, and seccomp."""

    landlock: int
    seccomp: bool

    def __str__(self) -> str:
        landlock = f"Landlock (version {self.landlock})" if self.landlock else "no Landlock"
        return f"{landlock}, {'seccomp' if self.seccomp else 'no seccomp'}"
