"""A small server that speaks what the hub's own client asks: the files of a checkpoint folder as their repositories."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from indextts.checkpoint.config import load_config
from indextts.checkpoint.files import INDEXTTS_REPO, file_sources, find_files

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Request(NamedTuple):
    """What the client asked."""

    method: str
    path: str
    range: str | None


class Hub(ThreadingHTTPServer):
    """Serves files on a port of the loopback."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        config = load_config(folder / "config.yaml")
        found, _ = find_files(config, folder)
        self.files = {f"{INDEXTTS_REPO}/config.yaml": folder / "config.yaml"}
        self.files |= {f"{s.repo}/{s.remote}": found[name] for name, s in file_sources(config).items()}
        self.emotions = f"{config.qwen_emo_path.rstrip('/')}/config.json"
        self.files[f"{INDEXTTS_REPO}/{self.emotions}"] = folder / "config.yaml"  # any file: nobody reads it here
        self.requests: list[Request] = []
        self.broken: str | None = None
        """Name of a file that breaks off in the middle once ..."""
        self.heals = False
        """... and cannot be had from then on, unless it heals."""
        self.cut = False

    @property
    def environment(self) -> dict[str, str]:
        """Makes the client ask here."""
        return {"HF_ENDPOINT": f"http://127.0.0.1:{self.server_port}", "HF_HUB_DISABLE_TELEMETRY": "1"}


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        hub, wanted = self.server, self.headers.get("Range")
        hub.requests.append(Request(self.command, self.path, wanted))
        if self.path.startswith(f"/api/models/{INDEXTTS_REPO}/tree/"):
            size = hub.files[f"{INDEXTTS_REPO}/{hub.emotions}"].stat().st_size
            listing = json.dumps([{"type": "file", "path": hub.emotions, "size": size, "oid": COMMIT}]).encode()
            self._head(200, len(listing), {"Content-Type": "application/json"})
            self.wfile.write(listing)
            return
        repo, _, remote = self.path.removeprefix("/").partition("/resolve/main/")
        path = hub.files.get(f"{repo}/{remote}")
        if path is None or (body and hub.broken == remote and hub.cut and not hub.heals):
            self._head(404 if path is None else 503, 0, {})
            return
        content = path.read_bytes()
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        etag = hashlib.sha256(content).hexdigest()
        span = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if wanted else {}
        self._head(206 if wanted else 200, len(content) - start, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, **span})
        if body and hub.broken == remote and not hub.cut:
            hub.cut = True
            self.wfile.write(content[start : start + len(content) * 3 // 4])
            self.close_connection = True
        elif body:
            self.wfile.write(content[start:])

    def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length), "Accept-Ranges": "bytes", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[Hub]:
    """A hub with the files of a checkpoint folder."""
    hub = Hub(folder)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        thread.join()
        hub.server_close()
