"""Fault plans on the command line: given by file and by line, told, and carried by the command that repeats a run."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

import pytest

from sbh_jobkit.cli.main import FAILED, OK, WRONG_USE, main
from sbh_jobkit.fakes.faults.parse import parse

MAIN = """\
from src.ext.sdk import job

@job("sync", schedule="0 6 * * *")
def sync(ctx):
    codes = [ctx.http.get("https://api.example.com/data")["status_code"] for _ in range(3)]
    answer = ctx.llm.run("Well?")
    ctx.emit("synced", {"codes": codes, "answer": answer["text"]})
    if 200 not in codes:
        raise RuntimeError(f"no data: {codes}")
    return {"status": "success"}
"""
WORLD = """\
def setup(world):
    world.http.get("https://api.example.com/data").respond(json=[1])
    world.llm.reply(lambda prompt: f"well, {world.random.random()}")
"""
PLAN = """\
seed = 7

[[errors]]
of = "api.example.com"
rate = 0.6

[[latency]]
of = "llm"
median = "2s"
p99 = "25s"

[[crash]]
job = "sync"
rate = 0.1
call = 5
"""
DOWN = "outage of=api.example.com start=2026-01-02T05:00 end=2026-01-02T07:00"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Stand beside a plugin and a plan."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "p").mkdir()
    for name, text in {"main.py": MAIN, "world.py": WORLD, "plugin.json": '{"slug": "p", "name": "P"}'}.items():
        (tmp_path / "p" / name).write_text(text)
    (tmp_path / "plan.toml").write_text(PLAN)
    return tmp_path


@pytest.fixture
def said(here, capsys):
    """Run a command; return its exit code and what it printed."""
    del here

    def run_cli(*arguments):
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_cli


def test_a_failing_run_says_what_the_plan_did(said):
    """In the summary, with the command that repeats it; faults of files and of lines."""
    code, out, err = said("simulate", "p", "--for", "3d", "--fault", DOWN, "--fault", "slow job=sync by=3s")
    assert (code, err) == (FAILED, "")
    assert (
        out
        == """\
P: Thu 2026-01-01 00:00 UTC to Sun 2026-01-04 00:00 UTC

job   schedule   runs  failed  expected  http  emits
sync  0 6 * * *     3       1         0     9      3

Fri 2026-01-02 06:00 UTC  sync  crashed
    main.py:9: RuntimeError: no data: [0, 0, 0]
    injected faults: outage of api.example.com (3 requests)

rerun the first: sbh-jobkit run p sync --from 2026-01-01T00:00Z --at 2026-01-02T06:00Z --fault '\
outage of=api.example.com start=2026-01-02T05:00 end=2026-01-02T07:00' --fault 'slow job=sync by=3s'

injected faults, and what came of them:
  sync was slow (3s longer): 2 runs, none failed
  outage of api.example.com: 3 requests in 1 run, 1 failed

used: 9 HTTP calls to api.example.com, 3 LLM calls (9 tokens), 3 emits

1 of 3 runs failed
"""
    )


def test_one_run_under_a_plan(said):
    """`run` takes the same words, and tells of the plan also where the run went well."""
    code, out, err = said("run", "p", "sync", "--at", "2026-01-02T08:00", "--fault", "slow job=* by=3s")
    assert (code, err) == (OK, "")
    assert out.splitlines()[:2] == [
        "sync  Fri 2026-01-02 08:00 UTC  ok  took 3 s",
        "  injected faults: sync was slow (3s longer)",
    ]


def test_what_did_nothing_is_told(said):
    """Perhaps its host is misspelt."""
    code, out, _ = said("simulate", "p", "--for", "3d", "--fault", "errors of=api.exmaple.com rate=1")
    unused = ["unused faults:", "  errors of=api.exmaple.com rate=1", ""]
    start = out.splitlines().index(unused[0])
    assert (code, out.splitlines()[start : start + 3], out.splitlines()[-1]) == (OK, unused, "3 runs, all as expected")


@pytest.mark.parametrize(
    "words",
    [
        ["--faults", "plan.toml"],
        ["--faults", "plan.toml", "--seed", "0"],
        ["--faults", "plan.toml", "--seed", "12", "--fault", 'crash job="sync" at=2026-01-03T06:00'],
        ["--fault", "scheduler_down start=2026-01-05T05:00 end=2026-01-05T09:00:30", "--fault", "crash job=*"],
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_the_printed_command_repeats_each_failing_run(said, words):
    """To the last figure: it carries the plan, and the seed where one was given."""
    _, out, _ = said("simulate", "p", "--from", "2026-01-01T00:00:30", "--for", "12d", *words, "--json")
    failing = [run for run in json.loads(out)["runs"] if not run["ok"]]
    assert len(failing) >= 3
    for run in failing[:4]:
        rerun = run.pop("rerun")
        code, again, err = said(*shlex.split(rerun)[1:], "--json")
        assert (code, json.loads(again), err) == (FAILED, run, "")


def test_the_seed_is_over_that_of_the_file(said):
    """Another seed is another month, of the world and of the plan; without one the file's counts."""

    def month(*words):
        return said("simulate", "p", "--faults", "plan.toml", *words, "--json")[1].replace(f" --seed {words[-1:]}", "")

    runs = [json.loads(month(*words))["runs"] for words in ([], ["--seed", "7"], ["--seed", "8"])]
    told = [[run["troubles"] for run in each] for each in runs]
    drawn = [next(run["events"] for run in each if run["events"])[0]["payload"]["answer"] for each in runs]
    assert (told[0] == told[1], told[0] == told[2]) == (True, False)
    assert len(set(drawn)) == 3


def test_a_month_is_the_same_anywhere(here):
    """Byte for byte, in another process, zone of the machine, and order of hashes."""

    def month(zone, seed):
        words = ["simulate", "p", "--faults", "plan.toml", "--tz", "Europe/Paris", "--seed", "3", "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "sbh_jobkit", *words],
            cwd=here,
            env={**os.environ, "TZ": zone, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.stderr == b""
        return done.stdout

    first = month("Asia/Tokyo", "1")
    assert month("America/New_York", "2") == first
    assert len({tuple(run["troubles"]) for run in json.loads(first)["runs"]}) > 10


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--faults", "nope.toml"], "cannot read the fault plan 'nope.toml': No such file or directory"),
        (["--fault", "outage"], "outage needs of and start and end; it takes of, start, end, status, answer, expect"),
        (["--fault", "slow job=snyc by=2s"], "slow: there is no job 'snyc'; did you mean 'sync'?"),
        (
            ["--fault", "outage of=lm start=2026-01-01 end=2026-01-02"],
            (
                "outage: of must be a host such as 'api.example.com', '*' for every host, or one of llm, db, files; "
                "got 'lm'; did you mean 'llm'?"
            ),
        ),
    ],
)
@pytest.mark.parametrize("command", [["simulate", "p"], ["run", "p", "sync"]], ids=["simulate", "run"])
def test_what_is_no_plan_is_one_sentence(said, command, words, message):
    """And the exit code of wrong use."""
    assert said(*command, *words) == (WRONG_USE, "", f"sbh-jobkit: error: {message}\n")


def test_the_report_says_what_the_plan_did(said, here):
    """In the section of a failing run, with the command that repeats it."""
    said("simulate", "p", "--for", "3d", "--fault", DOWN, "--html", "report.html")
    report = (here / "report.html").read_text(encoding="utf-8")
    assert "<dt>Injected faults</dt><dd>outage of api.example.com (3 requests)</dd>" in report
    assert "--fault &#x27;outage of=api.example.com" in report


REPORTING = """\
from src.ext.sdk import job

@job("sync", schedule="0 6 * * *")
def sync(ctx):
    answer = ctx.http.get("https://api.example.com/data")
    if answer["status_code"] != 200:
        return BAD
    ctx.emit("synced", {"n": len(answer["json"])})
    return {"status": "success"}
"""
GOOD, WRONG = '{"status": "error", "error": "the API is down"}', '{"status": "success"}'
JUDGED = {
    "a report is right": (GOOD, DOWN, OK, "3 runs, 1 of them failed because of injected faults"),
    "a report is right where a failure is expected": (
        GOOD,
        f"{DOWN} expect=failed",
        OK,
        "3 runs, all as expected",
    ),
    "success is wrong where a failure is expected": (
        WRONG,
        f"{DOWN} expect=failed",
        FAILED,
        "1 of 3 runs passed unexpectedly",
    ),
    "an exception is not a report": (
        "1 / 0",
        DOWN,
        FAILED,
        "1 of 3 runs failed",
    ),
    "an exception is right where a failure is expected": ("1 / 0", f"{DOWN} expect=failed", OK, "3 runs, all as"),
    "to be killed is nobody's fault": (
        GOOD,
        "crash job=sync at=2026-01-02T06:00 call=1",
        OK,
        "3 runs, 1 of them failed because of injected faults",
    ),
}


@pytest.mark.parametrize("case", JUDGED.values(), ids=JUDGED)
def test_the_exit_code_is_that_of_stress(here, said, case):
    """A job that reports an injected fault is right, unless its fault says what the runs must do."""
    bad, fault, code, line = case
    (here / "p/main.py").write_text(REPORTING.replace("BAD", bad))
    found, out, _ = said("simulate", "p", "--for", "3d", "--fault", fault)
    assert (found, out.splitlines()[-1].startswith(line)) == (code, True)
    assert json.loads(said("simulate", "p", "--for", "3d", "--fault", fault, "--json")[1])["ok"] is (code == OK)


def test_some_failures_are_reports_and_some_are_not(here, said):
    """Both numbers are in the line."""
    both = REPORTING.replace("BAD", GOOD).replace('ctx.emit("synced"', '1 / 0; ctx.emit("synced"')
    (here / "p/main.py").write_text(both)
    code, out, _ = said("simulate", "p", "--for", "3d", "--fault", DOWN)
    assert (code, out.splitlines()[-1]) == (FAILED, "3 of 3 runs failed, 1 of them because of injected faults")


def test_what_a_plan_expects_is_no_part_of_its_chance():
    """The same requests fail with and without it, and line and expression give it back."""
    plain, must = (parse(f"errors of=llm rate=0.5{end}") for end in ("", " expect=failed"))
    assert (plain.chance, f"{must}") == (must.chance, "errors of=llm rate=0.5 expect=failed")
    assert (repr(must), repr(plain)) == (
        "Errors(of='llm', rate=0.5, status=503, start=None, end=None, expect='failed')",
        "Errors(of='llm', rate=0.5, status=503, start=None, end=None)",
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("outage of=llm start=2026-01-01 end=2026-01-02 expect=ok", "outage: expect must be 'failed', or left out; "),
        (
            "scheduler_down start=2026-01-01 end=2026-01-02 expect=failed",
            "scheduler_down: no run meets it, so it takes",
        ),
    ],
)
def test_an_expectation_that_is_none(said, line, message):
    """One sentence, and wrong use."""
    code, _, err = said("simulate", "p", "--fault", line)
    assert (code, err.startswith(f"sbh-jobkit: error: {message}"), err.count("\n")) == (WRONG_USE, True, 1)
