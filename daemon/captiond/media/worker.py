"""The decoder process: `python -m captiond.media.worker SOCKET_FD PARENT_PID MEMORY_MB`.

It takes one file after the other from its guard, as open descriptors, and answers each with one frame. It has no key
in its environment, can open and write no file but to load a library, reaches no network, and ends when its guard does.
It imports libav, libheif, libjxl and LibRaw when a file needs them.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import socket
import sys
import traceback
from dataclasses import asdict
from typing import Any, BinaryIO

from PIL import _imaging

from captiond.errors import Corrupt, DecoderMemory, Failure, Internal
from captiond.media import image, limits, sampling, wire
from captiond.media.identify import RAW_FORMATS
from captiond.values import Kind

# What is kept for the next file; a larger picture's memory goes back to the system.
_TIDY_BYTES = 200 << 20
_RETIRE_BYTES = 350 << 20
_RETIRE_FILES = 5_000


def main(arguments: list[str]) -> None:
    """Serve until the guard closes its end."""
    fd, parent, memory_mb = (int(argument) for argument in arguments)
    sys.dont_write_bytecode = True
    with socket.socket(fileno=fd) as guard:
        guard.sendall(wire.pack(asdict(limits.confine(parent, memory_mb))))
        for number in range(1, sys.maxsize):
            header, file_fd = _receive(guard)
            if header is None:
                return
            answer, pictures, worn = _answer(header, file_fd, memory_mb)
            answer["retire"] = worn or _worn(number)
            guard.sendall(wire.pack(answer))
            for picture in pictures:
                guard.sendall(picture)


def _receive(guard: socket.socket) -> tuple[dict[str, Any] | None, int]:
    data, fds, _flags, _from = socket.recv_fds(guard, wire.LENGTH.size, 1)
    if not data:
        return None, -1
    while len(data) < wire.LENGTH.size:
        data += guard.recv(wire.LENGTH.size - len(data))
    (length,) = wire.LENGTH.unpack(data)
    body = b""
    while len(body) < length:
        piece = guard.recv(length - len(body))
        if not piece:
            return None, -1
        body += piece
    return json.loads(body), fds[0]


def _answer(header: dict[str, Any], fd: int, memory_mb: int) -> tuple[dict[str, Any], list[bytes], bool]:
    """One file's frame, its pictures, and whether this process should be replaced after it."""
    with os.fdopen(fd, "rb") as file:
        try:
            answer, pictures = _encode(header, file, memory_mb)
            return answer, pictures, False
        except MemoryError:
            return wire.failed(DecoderMemory()), [], True
        except DecoderMemory as failure:
            return wire.failed(failure), [], True
        except Failure as failure:
            return wire.failed(failure), [], False
        except OSError as error:
            if error.errno == errno.EINVAL:  # of lseek: the content names a place that no file can have
                return wire.failed(Corrupt("it goes on where no file can")), [], False
            return {"errno": error.errno} if error.errno else wire.failed(Internal(repr(error))), [], False
        except Exception as error:  # noqa: BLE001 - a bug of ours: told in the answer
            traceback.print_exc()
            return wire.failed(Internal(repr(error))), [], True


def _encode(header: dict[str, Any], file: BinaryIO, memory_mb: int) -> tuple[dict[str, Any], list[bytes]]:
    sniffed, spec, seconds = wire.asked(header)
    limits.allow_time(seconds * (sampling.THREADS if sniffed.kind is Kind.VIDEO else 1))
    if sniffed.kind is Kind.VIDEO:
        from captiond.media import video

        limits.allow_memory(memory_mb)
        return wire.reply(video.encode(file, sniffed, spec, seconds))
    if sniffed.format in RAW_FORMATS:
        from captiond.media import raw

        raw.prepare()
        limits.allow_memory(memory_mb)
        return wire.reply(raw.encode(file, sniffed, spec))
    image.prepare(sniffed)
    limits.allow_memory(memory_mb)
    return wire.reply(image.encode(file, sniffed, spec, seconds))


def _worn(number: int) -> bool:
    if limits.resident_bytes() > _TIDY_BYTES:
        gc.collect()
        _imaging.clear_cache()
        limits.give_back_memory()
    return number >= _RETIRE_FILES or limits.resident_bytes() > _RETIRE_BYTES


if __name__ == "__main__":
    main(sys.argv[1:])
