"""The example extension, built and installed by pip, is found by the command line and by pytest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

pytestmark = pytest.mark.usefixtures("measured")

ROOT = Path(__file__).parents[2]
PLUGIN = {
    "plugin.json": '{"slug": "reminders", "name": "Reminders", "permissions": ["db.read", "send_email"]}',
    "main.py": """\
from src.ext.sdk import job

@job("remind", schedule="0 8 * * *")
def remind(ctx):
    for user in ctx.db.query("users"):
        ctx.email.send(user["email"], "Reminder", f"Hello {user['name']}")
    return {"status": "success"}
""",
    "world.py": """\
def setup(world):
    world.email.sender = world.email.sender.replace("reminders", "office")
    world.db.insert("users", {"name": "Ada", "email": "ada@example.com"})
""",
    "test_it.py": """\
def test_it(sbh_world, sbh_run):
    assert sbh_run("remind", at="2026-01-02T08:00").ok
    (email,) = sbh_world.email.sent
    assert (email.sender, email.to, email.body) == ("office@acme.example", "ada@example.com", "Hello Ada")
""",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Build and install the example, without any network, into a folder of its own."""
    folder = tmp_path_factory.mktemp("installed")
    source = copytree(ROOT / "examples/email_extension", folder / "source")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(folder / "site")]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "install", *options, str(source)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.fixture
def plugin(tmp_path):
    """Write a plugin that sends emails; return its folder."""
    for name, text in PLUGIN.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def python(*arguments, site, folder):
    """Run Python in the folder, with what is installed in a site."""
    environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "80"}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_what_is_installed(installed):
    """One module, and the entry point by which the kit finds it."""
    (points,) = installed.glob("sbh_email-*.dist-info/entry_points.txt")
    assert points.read_text().strip() == "[sbh_jobkit]\nemail = sbh_email"
    assert [file.name for file in installed.glob("*.py")] == ["sbh_email.py"]


def test_a_job_sends_emails(installed, plugin):
    """`sbh-jobkit run` and `simulate` have `ctx.email`, and `world.py` has `world.email`."""
    run = python(
        "sbh_jobkit", "run", ".", "remind", "--at", "2026-01-02T08:00", "--json", site=installed, folder=plugin
    )
    assert (run.returncode, run.stderr, json.loads(run.stdout)["verdict"]) == (0, "", "ok")
    month = python("sbh_jobkit", "simulate", ".", site=installed, folder=plugin)
    assert (month.returncode, month.stderr, month.stdout.splitlines()[-1]) == (0, "", "30 runs, all as expected")


def test_a_fault_of_its_kind(installed, plugin):
    """The run fails, says why and where, and every failed run is seen by the extension."""
    (plugin / "world.py").write_text("def setup(world): world.db.insert('users', {'name': 'G', 'email': 'nowhere'})\n")
    shown = python("sbh_jobkit", "simulate", ".", "--for", "2d", site=installed, folder=plugin)
    assert shown.returncode == 1
    assert "    main.py:6: 'nowhere' is not an email address [email-invalid]" in shown.stdout.splitlines()
    why = "faulty: email-invalid: 'nowhere' is not an email address"
    assert shown.stderr.splitlines() == [f"on call: <Run remind 2026-01-0{day} 08:00 UTC: {why}>" for day in (1, 2)]


def test_the_permission(installed, plugin):
    """A manifest that does not list `send_email` cannot send any."""
    (plugin / "plugin.json").write_text('{"slug": "reminders", "name": "Reminders", "permissions": ["db.read"]}')
    shown = python("sbh_jobkit", "run", ".", "remind", "--json", site=installed, folder=plugin)
    assert [(fault["kind"], fault["member"]) for fault in json.loads(shown.stdout)["faults"]] == [
        ("permission-denied", "ctx.email.send")
    ]


def test_pytest_has_it(installed, plugin):
    """The fixtures give worlds with `world.email`."""
    done = python("pytest", "-q", "-p", "no:cacheprovider", site=installed, folder=plugin)
    assert done.stdout.splitlines()[-1].startswith("1 passed"), done.stdout


def test_where_it_is_not_installed(plugin):
    """Without the extension, `ctx.email` and `world.email` are unknown."""
    shown = python("sbh_jobkit", "run", ".", "remind", site="", folder=plugin)
    wrong = "sbh-jobkit: error: world.py failed: world.py:2: AttributeError: world has no 'email'\n"
    assert (shown.returncode, shown.stderr) == (2, wrong)


def test_one_that_cannot_be_imported(installed, plugin, tmp_path_factory):
    """It is named, and nothing runs."""
    site = copytree(installed, tmp_path_factory.mktemp("broken") / "site")
    (site / "sbh_email.py").write_text("import smtp_of_acme\n")
    shown = python("sbh_jobkit", "simulate", ".", site=site, folder=plugin)
    wrong = (
        "sbh-jobkit: error: extension sbh-email cannot be loaded: its entry point email = sbh_email raised "
        "ModuleNotFoundError: No module named 'smtp_of_acme' (sbh_email.py:1); fix it, or pip uninstall sbh-email\n"
    )
    assert (shown.returncode, shown.stdout, shown.stderr) == (2, "", wrong)


def test_given_and_installed(installed, plugin):
    """A test that gives it to a world works as before once it is installed."""
    (plugin / "given.py").write_text(
        "import sbh_email\nfrom sbh_jobkit import World\nprint(World(extensions=[sbh_email]).extensions)\n"
    )
    assert python("given", site=installed, folder=plugin).stdout == "<extensions: sbh-email>\n"


def test_a_context_made_by_hand(installed, plugin):
    """A unit test that makes its own `PluginContext` can send emails, too."""
    (plugin / "by_hand.py").write_text(
        "import sbh_jobkit\nfrom src.ext.sdk import PluginContext\n"
        "print(PluginContext('t').email.send('ada@example.com', 'Hello', '…'))\n"
    )
    assert python("by_hand", site=installed, folder=plugin).stdout == "True\n"
