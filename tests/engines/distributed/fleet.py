"""A server and workers as operators start them: processes of the command line, in one folder, on one PostgreSQL."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import httpx

MANIFEST = '{"slug": "shop", "name": "Shop"}'
PLUGIN = """
import os, time
from src.ext.sdk import job

VERSION = 1

def note(ctx, what):
    with open(ctx.secrets.get("NOTES"), "a") as file:
        file.write(f"{what}\\n")

@job("every_minute", schedule="* * * * *")
def every_minute(ctx):
    note(ctx, "minute")

@job("quick", schedule=None)
def quick(ctx):
    print("on my way")
    return {"pid": os.getppid()}

@job("count", schedule="0 0 1 1 *")
def count(ctx):
    note(ctx, f"count {VERSION}")
    print(VERSION)

@job("tally", schedule="0 0 1 1 *")
def tally(ctx):
    note(ctx, f"tally {VERSION}")

@job("steady", schedule=None)
def steady(ctx):
    note(ctx, f"steady {VERSION} began")
    while not os.path.exists(ctx.secrets.get("NOTES") + ".go"):
        time.sleep(0.05)
    note(ctx, f"steady {VERSION} ended")

@job("slow", schedule=None)
def slow(ctx):
    note(ctx, "slow began")
    while True:
        note(ctx, f"alive {time.time()}")
        time.sleep(0.2)
"""


class Fleet:
    """Processes of the command line, in one folder."""

    def __init__(self, folder, url):
        """Write a plugin and a tenant."""
        self.folder, self.url = folder, url
        self.environment = {**os.environ, "ACME_NOTES": f"{folder}/notes"}
        self.processes = []
        (folder / "shop").mkdir()
        (folder / "shop/plugin.json").write_text(MANIFEST)
        (folder / "shop/main.py").write_text(PLUGIN)
        (folder / "tenant.toml").write_text('id = "acme"\nsecrets = ["env:ACME_"]\n[limits]\nseconds = 120\n')

    def run(self, *words):
        """Run a command to its end."""
        command = [sys.executable, "-m", "sbh_jobkit", *words]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )

    def start(self, *words, store=None, **more):
        """Start a command with more variables, and wait until it serves."""
        command = [sys.executable, "-m", "sbh_jobkit", *words, "--store", store or self.url, "--key-file", "key"]
        environment = {**self.environment, **more}
        process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        process.first = json.loads(process.stdout.readline())
        return process

    def call(self, method, path, body=None):
        """Call the REST API."""
        headers = {**self.headers, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"{self.server.first['url']}{path}", method=method, headers=headers, data=data)  # noqa: S310  our own server
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310  our own server
                return json.loads(answer.read())["data"]
        except urllib.error.HTTPError as error:
            return json.loads(error.read())["error"]

    def run_now(self, job, *, wait="true"):
        """Ask for a run by hand."""
        return self.call("POST", f"/api/plugins/shop/jobs/{job}/run-now?wait={wait}", {})

    def ended(self, job, run, seconds=60):
        """Wait for the end of a run, and return it."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = self.call("GET", f"/api/plugins/shop/jobs/{job}/runs/{run}")
            if found["state"] == "ended":
                return found
            time.sleep(0.2)
        return found

    def notes(self):
        """Return what the jobs wrote."""
        path = Path(self.folder, "notes")
        return path.read_text().splitlines() if path.exists() else []

    def wait_for(self, note, seconds=30):
        """Wait until a job has written something."""
        until = time.monotonic() + seconds
        while note not in self.notes() and time.monotonic() < until:
            time.sleep(0.05)
        assert note in self.notes()

    def go(self):
        """Let the steady runs end."""
        Path(self.folder, "notes.go").touch()

    def upload(self, text):
        """Upload another version of the plugin."""
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w") as archive:
            archive.writestr("plugin.json", MANIFEST)
            archive.writestr("main.py", text)
        with httpx.Client(base_url=self.server.first["url"], headers=self.headers, timeout=60) as client:
            return client.post("/api/plugins/upload", files={"file": ("shop.zip", written.getvalue())}).json()["data"]

    @property
    def headers(self):
        """Who calls, and for whom."""
        token = (self.folder / "token").read_text().strip()
        return {"Authorization": f"Bearer {token}", "X-Tenant-Slug": "acme"}

    def stop(self, process, number=signal.SIGTERM):
        """Stop a process, and return its exit code."""
        process.send_signal(number)
        process.stdout.close()
        return process.wait(60)

    def close(self):
        """End all that goes on, the servers last."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            process.stdout.close()
