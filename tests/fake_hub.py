"""A hub of models on this machine, as huggingface_hub speaks to one: `ssl fetch` is tested with it.

It answers `/api/models/NAME/revision/REVISION?blobs=true` and `/NAME/resolve/COMMIT/FILE`, knows
ranges, and can break off, hold a file back, or send other bytes than it announced.
"""

import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlparse

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "89abcdef0123456789abcdef0123456789abcdef"
TOKEN = "hf_test"


def blob_hash(content):
    """What git calls a blob of this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def hash_of(name, content):
    """The name that the cache gives a content."""
    stored = name.endswith((".safetensors", ".bin", ".pt", ".pkl"))
    return hashlib.sha256(content).hexdigest() if stored else blob_hash(content)


@dataclass
class Repository:
    """`revisions`: branch, tag or commit -> commit; `files`: commit -> name -> bytes."""

    files: dict
    revisions: dict = field(default_factory=lambda: {"main": COMMIT, COMMIT: COMMIT})
    gated: bool = False
    private: bool = False


@dataclass
class Hub:
    """`asked`: (file, first byte, header of authorization) of each file that was sent.

    `cut`: name -> how many bytes are sent before the connection breaks, once each. `sent`: name ->
    bytes that are sent instead. `no_ranges`: ranges are not known. `status`: name -> an error.
    """

    address: str = ""
    repositories: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    cut: dict = field(default_factory=dict)
    sent: dict = field(default_factory=dict)
    status: dict = field(default_factory=dict)
    no_ranges: bool = False


@contextmanager
def running():
    """A hub at an address of this machine."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *words):
        pass

    def do_GET(self):
        path = unquote(urlparse(self.path).path)
        if path.startswith("/api/models/"):
            return self.describe(path.removeprefix("/api/models/"))
        name, _, rest = path[1:].partition("/resolve/")
        commit, _, file = rest.partition("/")
        return self.send_file(name, commit, file)

    def refuse(self, status, code=None):
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def repository(self, name):
        found = self.hub.repositories.get(name)
        is_known = self.headers.get("authorization") == f"Bearer {TOKEN}"
        if found is None or (found.private and not is_known):
            return self.refuse(401, "RepoNotFound")
        return found

    def describe(self, path):
        name, _, revision = path.partition("/revision/")
        found = self.repository(name)
        if found is None:
            return
        commit = found.revisions.get(revision or "main")
        if commit is None:
            return self.refuse(404, "RevisionNotFound")
        siblings = []
        for file, content in found.files[commit].items():
            entry = {"rfilename": file, "size": len(content), "blobId": blob_hash(content)}
            if len(found_hash := hash_of(file, content)) == 64:
                entry["lfs"] = {"sha256": found_hash, "size": len(content), "pointerSize": 130}
            siblings.append(entry)
        body = {"id": name, "modelId": name, "sha": commit, "siblings": siblings, "tags": []}
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def send_file(self, name, commit, file):
        found = self.repository(name)
        if found is None:
            return
        if found.gated and self.headers.get("authorization") != f"Bearer {TOKEN}":
            return self.refuse(401, "GatedRepo")
        if file in self.hub.status:
            return self.refuse(self.hub.status[file])
        content = found.files.get(commit, {}).get(file)
        if content is None:
            return self.refuse(404, "EntryNotFound")
        announced = hash_of(file, content)
        content = self.hub.sent.get(file, content)
        asked = self.headers.get("range", "")
        first = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
        first = 0 if self.hub.no_ranges else first
        self.hub.asked.append((file, first, self.headers.get("authorization")))
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - first))
        self.send_header("ETag", f'"{announced}"')
        self.send_header("X-Repo-Commit", commit)
        self.end_headers()
        most = self.hub.cut.pop(file, len(content))
        self.wfile.write(content[first : first + most])
        if most < len(content) - first:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)
