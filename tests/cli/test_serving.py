"""`serve`, `history` and `run --live` as people and programs meet them: a real process, a real minute, a real store."""

import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sbh_jobkit.cli.main import main
from sbh_jobkit.engines.schema import VERSION, store_version
from sbh_jobkit.engines.store import Store

MAIN = """
from src.ext.sdk import PluginContext, job


@job("greet", schedule="* * * * *")
def greet(ctx: PluginContext):
    print("hello", ctx.tenant_id)
    ctx.emit("greeted", {"jobs": len(ctx.db.query("plugin_jobs"))})
    return {"status": "success", "letters": len(ctx.secrets.get("KEY"))}


@job("fail", schedule="* * * * *")
def fail(ctx: PluginContext):
    return {"status": "error", "error": "no tea"}


@job("by_hand")
def by_hand(ctx: PluginContext):
    ctx.files.upload("a.txt", "text")
"""
TENANT = """
id = "acme"
files = "file://files"
secrets = ["dotenv:secrets.env"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Make a folder with a plugin and a tenant, and go there."""
    monkeypatch.chdir(tmp_path)
    plugin = tmp_path / "tea"
    plugin.mkdir()
    (plugin / "plugin.json").write_text('{"slug": "tea", "name": "Tea"}')
    (plugin / "main.py").write_text(MAIN)
    (tmp_path / "tenant.toml").write_text(TENANT)
    (tmp_path / "secrets.env").write_text("KEY='a-long-secret-key'\n")
    return tmp_path


@contextmanager
def serving(*arguments, plugin="tea", stdout=subprocess.PIPE):
    """Serve in a process of its own, which is ended with the test at the latest."""
    where = ("--port", "0", "--token-file", "token.txt")
    command = [sys.executable, "-m", "sbh_jobkit", "serve", plugin, *where, *arguments]
    with subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def run(capsys, *arguments):
    """Run a command in this process; return its exit code, and what it printed."""
    code = main(arguments)
    return code, *capsys.readouterr()


def test_a_minute_of_serving(folder, capsys):
    """Two jobs fire at the minute; history shows them while it serves; SIGINT stops it with exit code 0."""
    with serving() as process:
        first = json.loads(process.stdout.readline())
        assert (first["kind"], first["tenants"]) == ("serving", [f"acme: {folder / 'tenant.toml'}"])
        assert [row["job"] for row in first["jobs"]] == ["fail", "greet"]
        assert datetime.fromisoformat(first["jobs"][0]["next"]).second == 0
        runs = [json.loads(process.stdout.readline()) for _ in range(2)]
        code, out, _ = run(capsys, "history", "tea", "--json")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert json.loads(process.stdout.read().splitlines()[-1])["kind"] == "stopping"
        assert process.stderr.read() == ""
    assert {(row["job"], row["outcome"], row["ok"]) for row in runs} == {
        ("greet", "ok", True),
        ("fail", "failed", False),
    }
    kept = {row["job"]: row for row in json.loads(out)}
    assert code == 0
    assert kept["greet"]["stdout"] == "hello acme\n"
    assert kept["greet"]["value"] == {"status": "success", "letters": 17}
    assert [event["payload"] for event in kept["greet"]["events"]] == [{"jobs": 3}]
    assert kept["fail"]["error"]["message"] == "no tea"
    started = datetime.fromisoformat(kept["greet"]["started_at"])
    assert (started - datetime.fromisoformat(kept["greet"]["fire_time"])).total_seconds() < 5

    code, out, _ = run(capsys, "history", "--failed")
    assert code == 0
    assert out.splitlines()[0].endswith("UTC  fail  failed  took 0 s: no tea") or "  fail  failed  took " in out
    assert out.splitlines()[-1] == "1 run, 1 failure"


COUNTING = """
import os
from src.ext.sdk import job

CALLS = []


@job("count", schedule="0 0 1 1 *")
def count(ctx):
    CALLS.append(None)
    print("call", len(CALLS))
    return {"pid": os.getpid()}
"""


def test_processes_that_are_used_again(folder, capsys):
    """Seven runs are in three processes of three runs at most, none of which is left when the server has stopped."""
    other_plugin(folder, "counting", COUNTING, '{"slug": "counting", "name": "Counting"}')
    with serving("--runs-per-process", "3", "--runs", "2", plugin="counting") as process:
        assert json.loads(process.stdout.readline())["kind"] == "serving"
        assert run(capsys, "backfill", "counting", "count", "--from", "2019-01-01", "--to", "2025-12-31")[0] == 0
        ended = [json.loads(process.stdout.readline()) for _ in range(7)]
        assert [each["verdict"] for each in ended] == ["ok"] * 7
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
    rows = json.loads(run(capsys, "history", "counting", "--json")[1])
    in_order = sorted(rows, key=lambda row: row["started_at"])
    pids = [row["value"]["pid"] for row in in_order]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 1]
    assert [row["stdout"] for row in in_order] == [f"call {number}\n" for number in (1, 2, 3, 1, 2, 3, 1)]
    until = time.monotonic() + 10
    while (left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]) and time.monotonic() < until:
        time.sleep(0.01)
    assert left == []


def test_a_terminal_shows_what_is_served(folder):
    """The plugin, the tenant, the store, and when each job is due next; Ctrl-C stops it."""
    ours, theirs = pty.openpty()
    with serving("--grace", "1s", stdout=theirs) as process:
        os.close(theirs)
        shown = ""
        while "Ctrl-C stops it" not in shown:
            shown += os.read(ours, 10_000).decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        shown += os.read(ours, 10_000).decode()
    lines = shown.replace("\r", "").splitlines()
    assert lines[:3] == [
        "plugin  tea 0.0.0: tea",
        f"tenant  acme: {folder / 'tenant.toml'}",
        f"store   sqlite:///{folder / 'jobs.db'}",
    ]
    assert lines[3].startswith("web     http://127.0.0.1:")
    assert (folder / "token.txt").read_text() == f"{lines.pop(-3).split()[1]}\n"
    assert lines[4].startswith(f"next    {datetime.now(UTC):%a %Y-%m-%d}")  # noqa: TID251  a real process
    assert [line.split()[-1] for line in lines[4:6]] == ["fail", "greet"]
    assert lines[-1] == "stopping"


def test_a_job_is_run_once_for_real(folder, capsys):
    """`run --live` uploads the file; with `--dry` it only says so."""
    code, out, _ = run(capsys, "run", "tea", "by_hand", "--live", "--dry")
    assert (code, (folder / "files/a.txt").exists()) == (0, False)
    assert "a.txt" in out
    code, out, _ = run(capsys, "run", "tea", "by_hand", "--live")
    assert (code, (folder / "files/a.txt").read_text()) == (0, "text")
    assert "  file: uploaded a.txt (4 bytes)" in out
    code, out, _ = run(capsys, "run", "tea", "fail", "--live", "--json")
    assert (code, json.loads(out)["error"]["message"]) == (1, "no tea")


def newer_store(folder):
    """Make a store of a newer version."""
    store = Store.open(f"sqlite:///{folder}/newer.db")
    with store.write() as connection:
        connection.execute(store_version.update().values(version=VERSION + 1))
    store.close()


def other_plugin(folder, name, text=MAIN, manifest='{"slug": "tea", "name": "Tea"}'):
    """Make another plugin."""
    (folder / name).mkdir()
    (folder / name / "plugin.json").write_text(manifest)
    (folder / name / "main.py").write_text(text)


BAD = {
    "serve": "serve needs the path of a plugin; see sbh-jobkit serve --help",
    "serve nowhere": "nowhere",
    "serve tea --tenant no.toml": "cannot read 'no.toml': No such file or directory; name the file that describes the"
    " tenant",
    "serve tea --store redis://h": "unknown store 'redis://h'; use sqlite://… or postgresql://…",
    "serve tea --store sqlite:///no/jobs.db": "the store '{folder}/no/jobs.db' cannot be made: there is no folder"
    " '{folder}/no'",
    "serve tea --store sqlite:///newer.db": "the store 'sqlite:///{folder}/newer.db' has version "
    f"{VERSION + 1}, and this kit knows {VERSION}; install the kit that wrote it, or name another store",
    "serve tea same": "two plugins are called 'tea': tea and same; serve one of them, or rename one",
    "serve tea broken worse": "broken: main.py:1: ",
    "serve manual": "manual have no job, no route and no hook, so there is nothing to serve",
    "serve tea --port 70000": "'70000' is not a port from 0 to 65535",
    "serve tea --port 0 --host 0.0.0.0": "--host 0.0.0.0 lets other machines in, and there is no token yet; add"
    " --token-file FILE, or make one with sbh-jobkit token add NAME",
    "serve tea --host nowhere.invalid --token-file t.txt": "there is no address 'nowhere.invalid' on this machine: ",
    "serve tea --key-file open.key": "the key file '{folder}/open.key' can be read by others (mode 644); type: chmod"
    " 600 {folder}/open.key",
    "serve tea --key-file short.key": "the key file '{folder}/short.key' has no key of 32 bytes in base64; sbh-jobkit"
    " secrets new-key prints one",
    "serve tea --port 0 --token-file short.key --key-file jobs.db.k2": "what is given is not a token: tokens begin with"
    " sbh_ and have 43 characters after it",
    "token ad x": "token cannot 'ad'; did you mean 'add'?",
    "token add": "token add needs the name of a token",
    "token list x": "token list takes no name",
    "token add x --role root": "unknown role 'root'; use one of read, operate",
    "token add /": "the name of a token is up to 60 letters, digits and ' . _ @ -', got '/'",
    "token remove x --store sqlite:///old.db": "there is no token 'x'; there are none",
    "secrets rotat": "secrets cannot 'rotat'; did you mean 'rotate'?",
    "secrets rotate --store sqlite:///old.db": "there is no key file '{folder}/old.db.key', and SBH_JOBKIT_KEY is not"
    " set; name the file with --key-file",
    "serve tea --runs 0": "'0' is not a number of runs from 1",
    "serve tea --runs-per-process 0": "--runs-per-process '0' is not a number of runs from 1 to 10000",
    "serve tea --runs-per-process 10001": "--runs-per-process '10001' is not a number of runs from 1 to 10000",
    "worker --runs-per-process many": "--runs-per-process 'many' is not a number of runs from 1 to 10000",
    "serve tea --grace soon": "'soon' is not a duration",
    "serve tea --tenant policy.toml": "{folder}/policy.toml: [policy.gret]: no plugin has a job 'gret'; did you mean"
    " 'greet'?",
    "serve tea --tenant late.toml": "{folder}/late.toml: [alerts.late.gret]: no plugin has a job 'gret'; did you mean"
    " 'greet'?",
    "serve tea --tenant retry.toml": "retry.toml: [policy.greet] retry must be a whole number from 0 to 20, got 21",
    "serve tea --tenant zone.toml": "zone.toml: timezone must be the name of a time zone, such as 'Europe/Paris', got"
    " 'Europe/Pari'; did you mean 'Europe/Paris'?",
    "serve tea --tenant limit.toml": "limit.toml: [limits] seconds must be a number of seconds above 0, and at most a"
    " day, got -1",
    "serve tea --store sqlite:///others.db": "the database '{folder}/others.db' is not a store of jobs: it has the"
    " table 'theirs'",
    "serve tea --tenant tenant.toml --tenant tenant.toml": "two tenants are called 'acme': {folder}/tenant.toml and"
    " {folder}/tenant.toml; serve one of them, or rename one",
    "serve --check --tenant down.toml": "tenant down: db cannot be used: the file of the database does not exist:"
    " '{folder}/no.db'; see db in tenant.toml",
    **{
        f"serve tea --url {url}": f"--url {url!r} is not an address that begins with https:// or http://{hint}"
        for url, hint in {
            "notaurl": ", such as https://jobs.example",
            "ftp://x": ", such as https://jobs.example",
            "http://": ", such as https://jobs.example",
            "https:/jobs.example": ", such as https://jobs.example",
            "http://jobs.example:99999": ", such as https://jobs.example",
            "htp://jobs.example": "; did you mean 'http'?",
            "https://jobs.example/?a=1": "; leave out what begins with '?' or '#'",
        }.items()
    },
    "worker --url jobs.example": "--url 'jobs.example' is not an address that begins with https:// or http://",
    "serve tea --uploads tenant.toml": "'{folder}/tenant.toml' is not a folder; name a folder with --uploads",
    "serve tea --uploads tenant.toml/a/b": "'{folder}/tenant.toml/a/b' is not a folder, since '{folder}/tenant.toml' is"
    " not one; name a folder with --uploads",
    "worker --store postgresql://h/d --cache tenant.toml": "'tenant.toml' is not a folder; name a folder with --cache",
    **{
        f"worker --tenants={given}": f"--tenants {given!r} names no tenant; write names such as acme,globex, or"
        " leave it out for all tenants"
        for given in ("", ",", ",,,")
    },
    "token add x --tenant=": "the tenant of the token 'x' must not be empty; leave it out for all tenants",
    **{
        f"{line}{url}": f"the store {url!r} is in memory, where no other process finds it; name a file:"
        " sqlite:///jobs.db"
        for line in ("serve tea --store ", "history --store ", "pause --all --store=")
        for url in ("sqlite://", "sqlite:///", "sqlite:///:memory:")
    },
    **{
        line: f"{shown} has a byte that is not UTF-8; write the name in UTF-8"
        for line, shown in {
            "token remove \udcff --store sqlite:///old.db": r"'\xff'",
            "token add x --tenant caf\udce9 --store sqlite:///old.db": r"'caf\xe9'",
            "serve tea --port 0 --store sqlite:///jobs.db\udcff": r"'sqlite:///jobs.db\xff'",
        }.items()
    },
    "history --store sqlite:///none.db": "there is no store 'sqlite:///none.db'; serve makes it, or name another one"
    " with --store",
    "history te --store sqlite:///old.db": "the store has no plugin 'te'; it has none yet",
    "run tea gret --live": "the plugin has no job 'gret'; did you mean 'greet'?",
    "run tea greet --dry": "--dry needs --live: a simulation writes nothing real",
    "run tea greet --live --at 2026-01-01": "--at belongs to a simulation; leave it out with --live, or leave"
    " out --live",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_sentence(line, folder, capsys):
    """Each is refused with exit code 2, and nothing is half done."""
    newer_store(folder)
    Store.open("sqlite:///old.db").close()
    other_plugin(folder, "same")
    other_plugin(folder, "broken", text="def f(:\n")
    other_plugin(folder, "worse", manifest='{"slug": "w"}')
    other_plugin(folder, "manual", text="", manifest='{"slug": "manual", "name": "M"}')
    (folder / "policy.toml").write_text('id = "p"\n[policy.gret]\noverlap = "allow"\n')
    (folder / "late.toml").write_text('id = "p"\n[alerts]\nwebhook = "http://h"\nlate = { gret = "1h" }\n')
    (folder / "retry.toml").write_text('id = "p"\n[policy.greet]\nretry = 21\n')
    (folder / "zone.toml").write_text('id = "p"\ntimezone = "Europe/Pari"\n')
    (folder / "limit.toml").write_text('id = "p"\n[limits]\nseconds = -1\n')
    with closing(sqlite3.connect(folder / "others.db")) as others:
        others.execute("CREATE TABLE theirs (x)")
    (folder / "down.toml").write_text('id = "down"\ndb = "sqlite:///no.db"\n')
    for name, mode in (("open.key", 0o644), ("short.key", 0o600)):
        (folder / name).write_text("c2hvcnQ=")
        (folder / name).chmod(mode)
    before = sorted(folder.iterdir())
    code, out, err = run(capsys, *line.split())
    sentence = BAD[line].format(folder=folder)
    assert (code, err.startswith("sbh-jobkit: error: ")) == (2, True)
    assert sentence in err
    assert "Traceback" not in out + err
    assert sorted(path for path in folder.iterdir() if not path.name.startswith("jobs.db")) == before


def test_every_problem_of_every_plugin_is_listed(folder, capsys):
    """One look at the messages is enough to fix all of them."""
    other_plugin(folder, "broken", text="def f(:\n")
    other_plugin(folder, "worse", manifest='{"slug": "w"}')
    _, _, err = run(capsys, "serve", "broken", "worse")
    assert [name in err for name in ("broken", "worse")] == [True, True]


def test_without_a_tenant_file_it_says_what_to_write(folder, capsys):
    """Its smallest content is one line."""
    (folder / "tenant.toml").unlink()
    code, _, err = run(capsys, "serve", "tea")
    assert code == 2
    assert err == (
        "sbh-jobkit: error: there is no tenant.toml here; name the file that describes the tenant with --tenant FILE,"
        ' or write one: its only line that must be there is id = "acme"\n'
    )


def test_the_way_of_the_readme_from_a_month_to_a_server(folder, capsys):
    """Its five commands, one after the other, on the example that it names."""
    root = Path(__file__).parents[2]
    (block,) = re.findall(r"## For real.*?```sh\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    lines = [line.removeprefix("sbh-jobkit ").split() for line in block.splitlines()]
    assert [line[0] for line in lines] == ["simulate", "parity", "serve", "serve", "history"]
    (folder / "examples").symlink_to(root / "examples")
    for line in lines[:3]:
        code, out, err = run(capsys, *line)
        assert (code, err) == (0, ""), out
    with serving(*lines[3][2:], plugin=lines[3][1]) as process:
        assert json.loads(process.stdout.readline())["kind"] == "serving"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert run(capsys, *lines[4])[:2] == (0, "no run has ended in sqlite:///jobs.db\n")
