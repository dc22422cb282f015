#!/usr/bin/env bash
# huggingface_hub 2.4.0, hf_hub_download of a file in large file storage: the server announces a
# SHA-256 as the ETag, sends as many other bytes, and the file is taken without a word. It then lies
# in the cache under the hash that it does not have, and every later call and library takes it.
#
# Why it surprises: the hash is known before the first byte, names the file on disk, and is what
# makes the cache content-addressed; pip, git and docker compare it. Only the size is compared here.
#
# Seen: the call returns, the file's name is the announced hash, its content has another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install -q huggingface_hub==2.4.0
HF_HOME="$work/home" HF_HUB_DISABLE_XET=1 "$work/venv/bin/python" - <<'PY'
import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

right, wrong = b"a" * 1000, b"b" * 1000
announced = hashlib.sha256(right).hexdigest()


class Hub(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(200)
        for name, value in {
            "ETag": f'"{announced}"', "X-Repo-Commit": "0" * 40, "Content-Length": "1000"
        }.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        self.wfile.write(wrong)

    def log_message(self, *words):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=server.serve_forever, daemon=True).start()
from huggingface_hub import hf_hub_download

address = f"http://127.0.0.1:{server.server_address[1]}"
path = hf_hub_download("org/name", "model.safetensors", endpoint=address)
name = os.path.basename(os.path.realpath(path))
content = hashlib.sha256(open(path, "rb").read()).hexdigest()
print("announced", announced[:12], "name", name[:12], "content", content[:12])
raise SystemExit(0 if name == announced != content else 1)
PY
