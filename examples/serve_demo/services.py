"""The real services of the demo: a database, a folder of files, a dotenv file, and an HTTP server on this machine."""

import json
import os
import sqlite3
import threading
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TABLES = """
CREATE TABLE users (id INTEGER PRIMARY KEY, plan TEXT, trial_ends TEXT, created_at TEXT);
CREATE TABLE projects (id INTEGER PRIMARY KEY, name TEXT, created_at TEXT);
CREATE TABLE builds (id INTEGER PRIMARY KEY, project TEXT, status TEXT, reason TEXT, created_at TEXT);
CREATE TABLE queue (id INTEGER PRIMARY KEY, project TEXT, created_at TEXT);
"""
TENANT = """
id = "hub"
db = "sqlite:///app.db"
files = "file://files"
secrets = ["dotenv:secrets.env"]

[http]
allow = ["127.0.0.1"]

[llm]
url = "{url}/v1"
model = "small"
"""
SECRETS = """
FLEET_API_URL='{url}'
FLEET_API_KEY='the-key-of-the-demo'
DIGEST_TEMPLATE='Since {{since}}: {{new_users}} new users, {{failed_builds}} of {{builds}} builds failed'
"""


class Api(BaseHTTPRequestHandler):
    """The fleet API, and a language model that has one answer."""

    def do_GET(self):
        runners = [{"id": number, "busy": number % 2 == 0} for number in range(8)]
        is_known = self.path == "/runners" and self.headers["Authorization"] == "Bearer the-key-of-the-demo"
        self._answer(200 if is_known else 404, runners if is_known else {"error": "not found"})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        message = {"role": "assistant", "content": "Most of them ran out of time in the browser tests."}
        usage = {"prompt_tokens": 40, "completion_tokens": 11, "total_tokens": 51}
        self._answer(200, {"model": "small", "choices": [{"message": message}], "usage": usage})

    def _answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing: what matters is in the history."""


def start_api() -> str:
    """Start the server on a free port, and return its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def prepare(folder: Path, url: str) -> Path:
    """Fill a folder with the tenant's data, and return the file that describes the tenant."""
    now = datetime.now()
    yesterday = [(now - timedelta(hours=24 + hour)).isoformat() for hour in range(10)]
    with sqlite3.connect(folder / "app.db") as database:
        database.executescript(TABLES)
        today = f"{now:%Y-%m-%d}"
        users = [("trial" if number % 3 else "team", today, yesterday[number % 10]) for number in range(250)]
        database.executemany("INSERT INTO users (plan, trial_ends, created_at) VALUES (?, ?, ?)", users)
        projects = [("amber-otter", yesterday[0]), ("brisk-finch", yesterday[1])]
        database.executemany("INSERT INTO projects (name, created_at) VALUES (?, ?)", projects)
        results = [("failed", "timeout"), ("success", None)]
        builds = [("amber-otter", *results[number % 4 > 0], then) for number, then in enumerate(yesterday)]
        database.executemany("INSERT INTO builds (project, status, reason, created_at) VALUES (?, ?, ?, ?)", builds)
        database.executemany("INSERT INTO queue (project, created_at) VALUES (?, ?)", projects * 4)
    for days in (3, 40):
        file = folder / "files" / "temp" / f"{days}.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("a day's log")
        changed = (now - timedelta(days=days)).timestamp()
        os.utime(file, (changed, changed))
    (folder / "secrets.env").write_text(SECRETS.format(url=url))
    (folder / "tenant.toml").write_text(TENANT.format(url=url))
    return folder / "tenant.toml"
