"""A loopback web server with a folder's files, which remembers what was asked of it and by whom."""

from __future__ import annotations

import base64
import http.server
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote_to_bytes


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: its path as it came, its Range, and whether the fake endpoint made it."""

    path: str
    range: str | None
    by_endpoint: bool


class Web:
    """Serves the files below `folder`; a context manager.

    Args:
        folder: its files, by their names as they are: a path is decoded to bytes.
        login: "user:password" that every request must have.
    """

    def __init__(self, folder: Path, login: str | None = None) -> None:
        self.folder = folder
        self.login = login
        self.visits: list[Visit] = []
        self.moved: dict[str, str] = {}
        """Paths that are redirected."""
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://{self.host}"

    def whole_by_us(self) -> list[str]:
        """The paths that captiond fetched whole, not only looked at."""
        return [visit.path for visit in self.visits if not visit.by_endpoint and visit.range is None]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, headers: Any) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for a request."""
        if self.login and headers.get("Authorization") != f"Basic {base64.b64encode(self.login.encode()).decode()}":
            return 401, {}, b""
        if path in self.moved:
            return 302, {"Location": self.moved[path]}, b""
        name = unquote_to_bytes(path.partition("?")[0].lstrip("/"))
        file = os.path.join(os.fsencode(self.folder), name)
        if not os.path.isfile(file):
            return 404, {}, b""
        kinds = {b".png": "image/png", b".mp4": "video/mp4", b".webp": "image/webp", b".html": "text/html"}
        kind = {"Content-Type": kinds.get(os.path.splitext(name)[1], "image/jpeg")}
        data = Path(os.fsdecode(file)).read_bytes()
        wanted = headers.get("Range")
        if not wanted:
            return 200, kind, data
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1]
        return 206, {**kind, "Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"}, part

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                by_endpoint = self.headers.get("User-Agent") == "fake-endpoint"
                web.visits.append(Visit(self.path, self.headers.get("Range"), by_endpoint))
                status, headers, body = web.answer(self.path, self.headers)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler
