"""A loopback model hub, as `huggingface_hub` speaks to it: HEAD with size and SHA-256, GET with ranges, and bad lines."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class FakeHub:
    """Serves `files` (name -> bytes).

    Attributes:
        asked: the method, file name and range of each request.
        break_after: a GET ends after so many bytes; None for none.
        lie: sends other bytes than those whose SHA-256 it tells.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.asked: list[tuple[str, str, str | None]] = []
        self.break_after: int | None = None
        self.lie = False
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

            def do_HEAD(self) -> None:
                self._answer(with_body=False)

            def do_GET(self) -> None:
                self._answer(with_body=True)

            def _answer(self, *, with_body: bool) -> None:
                name, wanted = self.path.rpartition("/")[2], self.headers.get("Range")
                hub.asked.append((self.command, name, wanted))
                data = hub.files.get(name)
                if data is None:
                    self.send_response(404)
                    self.send_header("X-Error-Code", "EntryNotFound")
                    self.send_header("Content-Length", "0")
                    return self.end_headers()
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                body = data[start:]
                if hub.lie:
                    body = body[:-1] + bytes([body[-1] ^ 1])
                self.send_response(206 if wanted else 200)
                if wanted:
                    self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
                self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
                self.send_header("X-Repo-Commit", "0" * 40)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if not with_body:
                    return None
                self.wfile.write(body[: hub.break_after])
                self.close_connection = hub.break_after is not None
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """What HF_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
