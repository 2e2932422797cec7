"""The manual's way from one machine to two workers, typed as it stands there: the history comes along."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
STORE = "postgresql://jobs@db.example.com/jobs"
GOES_ON = ("sbh-jobkit serve", "sbh-jobkit worker")
pytestmark = pytest.mark.usefixtures("measured")


def manual_commands():
    """Return the commands of the section, in their order."""
    page = (ROOT / "docs/workers.md").read_text()
    section = page.partition("\n## From one machine to two workers\n")[2].partition("\n## ")[0]
    return [line for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) for line in block.splitlines()]


class Shell:
    """A person who types the commands in one folder."""

    def __init__(self, folder, url):
        """Begin with a plugin and a tenant."""
        self.folder, self.url = folder, url
        scripts = str(Path(sys.executable).parent)
        self.environment = {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}", "PYTHONPATH": f"{ROOT}"}
        self.going = []
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "tenant.toml").write_text('id = "acme"\nfiles = "file://files"\n')

    def type(self, line):
        """Type a line; what goes on is left to go on once it serves, everything else must succeed."""
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            self.environment[name] = value.replace(STORE, self.url)
            return ""
        if not line.startswith(GOES_ON):
            done = self.run(line)
            assert (done.returncode, done.stderr) == (0, ""), line
            return done.stdout
        more = " --port 0 --token-file token --grace 1s" if "serve" in line else ""
        process = subprocess.Popen(  # noqa: S602  the manual's own commands
            f"exec {line}{more}",
            shell=True,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.going.append(process)
        process.first = json.loads(process.stdout.readline())
        return process.first["kind"]

    def run(self, line):
        """Run a line to its end."""
        run = {"shell": True, "cwd": self.folder, "env": self.environment, "capture_output": True, "text": True}
        return subprocess.run(line, **run, timeout=60, check=False)

    def refused(self, line):
        """Type a line that is refused, and return its sentence."""
        done = self.run(line)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        return done.stderr

    def run_now(self):
        """Run a job by hand on the server that goes on."""
        import httpx

        (server,) = [each for each in self.going if each.first["url"]]
        token = (self.folder / "token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "X-Tenant-Slug": "acme"}
        address = f"{server.first['url']}/api/plugins/hub-ops/jobs/clean_temp_files/run-now"
        return httpx.post(address, headers=headers, json={}, timeout=60).json()["data"]["state"]

    def stop(self):
        """Stop what goes on."""
        for process in self.going:
            process.terminate()
        codes = [process.wait(60) for process in self.going]
        for process in self.going:
            process.stdout.close()
        self.going = []
        return codes


@pytest.fixture
def shell(tmp_path, postgres_url):
    """Return a shell."""
    made = Shell(tmp_path, postgres_url)
    yield made
    made.stop()


def test_the_manuals_way_to_two_workers(shell):
    """Each command ends or serves, and the history has the run of before and that of a worker."""
    first, *others = manual_commands()
    assert shell.type(first) == "serving"
    assert shell.run_now() == "ended"
    before = json.loads(shell.type("sbh-jobkit history --json --store sqlite:///jobs.db"))
    said = [shell.type(line) for line in others[:2]]
    assert "is served by process" in shell.refused(others[2])
    assert shell.stop() == [0]
    said += [shell.type(line) for line in others[2:]]
    assert said[2].splitlines()[1:5] == [
        "  states of alerts: 0",
        "  jobs: 9",
        "  runs: 1",
        "  times in which a scheduler was alive: 1",
    ]
    assert said[3:] == ["serving"] * 3
    assert len({process.pid for process in shell.going}) == 3
    assert shell.run_now() == "ended"
    after = json.loads(shell.type("sbh-jobkit history --json"))
    assert after[1:] == before
    assert [row["job"] for row in after] == ["clean_temp_files"] * 2
    assert shell.stop() == [0, 0, 0]
