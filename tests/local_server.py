"""A server of files on this machine, which breaks off, refuses and sends something else as a test plans it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Server:
    """Serves files by their paths; each request takes the next of `plan`, and "whole" once the plan is through."""

    address: str
    files: Mapping[str, bytes]
    plan: list[str] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)


class _Listening(ThreadingHTTPServer):
    shared: Server

    def handle_error(self, *_: Any) -> None:
        """Says nothing of clients that leave early."""


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        wanted_range = self.headers["Range"]
        assert isinstance(self.server, _Listening)
        server = self.server.shared
        server.ranges.append(wanted_range)
        how = server.plan.pop(0) if server.plan else "whole"
        content = server.files.get(self.path.partition("?")[0])
        if content is None:
            how, content = "404", b""
        start = int(wanted_range.removeprefix("bytes=").rstrip("-")) if wanted_range and how != "no ranges" else 0
        if how.isdigit() or start >= len(content):
            self.send_response(int(how) if how.isdigit() else 416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
            return
        body = b"<html>Maintenance</html>" if how == "wrong" else content[start:]
        self.send_response(206 if start else 200)
        if how != "unknown length":
            self.send_header("Content-Length", str(10**18 if how == "huge" else len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if how == "half" else body[:0] if how == "nothing" else body)

    def log_message(self, *_: Any) -> None:
        """Says nothing on standard error."""


@contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[Server]:
    with _Listening(("127.0.0.1", 0), _Answer) as listening:
        listening.shared = Server(f"http://127.0.0.1:{listening.server_address[1]}", files)
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield listening.shared
        finally:
            listening.shutdown()
            thread.join()
