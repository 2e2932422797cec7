"""A plugin in a folder, and a server of it in a process of its own, whose lines a test waits for."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from pathlib import Path

MAIN = """
import time
from src.ext.sdk import PluginContext, job
from helper import NUMBER

@job("greet", schedule="* * * * *")
def greet(ctx: PluginContext):
    time.sleep({sleep})
    print("number", NUMBER)
"""
MANIFEST = '{"slug": "tea", "name": "Tea", "version": "1.0.%d"}'


def write(folder, number, sleep=0, main=MAIN):
    """Write a version of the plugin."""
    (folder / "tea").mkdir(exist_ok=True)
    (folder / "tea/plugin.json").write_text(MANIFEST % number)
    (folder / "tea/helper.py").write_text(f"NUMBER = {number}\n")
    (folder / "tea/main.py").write_text(main.replace("{sleep}", f"{sleep}"))


class Server:
    """A server in a process of its own, and its lines."""

    def __init__(self, process):
        """Read its lines as they come."""
        self.process, self.lines = process, []
        self.changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(json.loads(line))
                self.changed.notify_all()
        self.process.wait()
        with self.changed:
            self.changed.notify_all()

    def wait(self, holds, seconds=40):
        """Wait for a line, and return it."""
        with self.changed:
            self.changed.wait_for(lambda: any(map(holds, self.lines)) or self.process.poll() is not None, seconds)
            assert any(map(holds, self.lines)), (self.lines, self.process.poll())
            return next(line for line in self.lines if holds(line))

    def message(self, text):
        """Wait for a message with a text in it."""
        return self.wait(lambda line: line["kind"] == "message" and text in line["text"])["text"]

    def reload(self):
        """Send SIGHUP."""
        self.process.send_signal(signal.SIGHUP)


@contextmanager
def serving(*arguments, status=0, **environment):
    """Serve the plugin, and stop; `status` is how the process ends."""
    command = [sys.executable, "-m", "sbh_jobkit", "serve", "tea", "--port", "0", "--token-file", "token.txt"]
    with subprocess.Popen(
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        server = Server(process)
        try:
            server.wait(lambda line: line["kind"] == "serving")
            yield server
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == status
        finally:
            process.kill()


def run_now(server, job):
    """Let a job run by hand, and return the answer with its result."""
    (url,) = [line["url"] for line in server.lines if line["kind"] == "serving"]
    headers = {"Authorization": f"Bearer {Path('token.txt').read_text().strip()}", "X-Tenant-Slug": "acme"}
    asked = urllib.request.Request(  # noqa: S310  this machine
        f"{url}/api/plugins/tea/jobs/{job}/run-now", method="POST", headers=headers
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310  this machine
        return json.load(answer)
