"""Snapshots by things: how series are written, what a difference says, and how large a busy month is."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from pytest_sbhjobs.columns import MISSING, decode, encode
from pytest_sbhjobs.differences import differences
from pytest_sbhjobs.snapshot import format_snapshot
from sbh_jobkit import Plugin, Policy, World, simulate
from sbh_jobkit.clock import now
from sbh_jobkit.plugin.sdk import job

SERIES = {
    "nothing": ([], ""),
    "one number": ([7], "7"),
    "equal texts": (["ok"] * 30, "ok*30"),
    "some numbers": ([5, 0, 0, 5, 2.5], "5 0*2 5 2.5"),
    "a whole float": ([2.0, 10], "2 10"),
    "digits": ([0, 1, 2, 0, 1, 0, 2, 1, 0], "digits 012010210"),
    "few digits": ([0, 1], "0 1"),
    "nothing in between": ([MISSING, MISSING, "x", MISSING], "-*2 x -"),
    "dates": (["2026-01-01", "2026-01-02"], "2026-01-01 2026-01-02"),
    "texts like other things": (
        ["-", "7", "true", "a b", "a*2", "", "[x", "{y", '"', "null", "NaN", None, True],
        '"-" "7" "true" "a b" "a*2" "" "[x" "{y" "\\"" "null" "NaN" null true',
    ),
    "lists and objects": ([[1, "a b"], [1, "a b"], {"x": "é"}], '[1,"a b"]*2 {"x":"é"}'),
    "the word digits": (["digits", 12], '"digits" 12'),
    "negative": ([-1, -1, -2], "-1*2 -2"),
}


@pytest.mark.parametrize(("values", "text"), SERIES.values(), ids=SERIES)
def test_a_series_is_written_and_read(values, text):
    """What is written is read as it was."""
    assert (encode(values), decode(text)) == (text, values)


@pytest.mark.parametrize("text", ["1*x", "[1", '"a"b', "1*2x", "digits x", '"a"*'])
def test_what_is_no_series(text):
    """Nothing is guessed."""
    with pytest.raises(ValueError):  # noqa: PT011  its text is Python's
        decode(text)


def busy(**changes):
    """Make the jobs of an office: letters to many, a file each day, triage every 15 minutes, warnings each hour."""
    parts = {"team": "billing", "day": "%Y-%m-%d", "letters": 130, "warn": 8} | changes

    @job("letters", schedule="0 9 * * 1-5")
    def letters(ctx):
        sent = 0
        for number in range(parts["letters"]):
            if not ctx.files.get(mark := f"letters/{number}/{(now(UTC).day + number) // 9}"):
                ctx.http.post("https://post.example.com/v1/letters", json={"to": f"r{number}@example.com"})
                ctx.files.upload(mark, b"x")
                sent += 1
        return {"status": "success", "sent": sent, "parts": [{"name": "all", "of": parts["letters"]}]}

    @job("export", schedule="30 2 * * *")
    def export(ctx):
        ctx.files.upload(f"export/orders-{now(UTC):{parts['day']}}.csv", f"{now(UTC):%j}")
        return {"status": "success"}

    @job("triage", schedule="*/15 * * * *")
    def triage(ctx):
        seed = int(now(UTC).timestamp()) // 900
        new = (seed * 7919 % 13) % 4 if seed % 2 else 0
        spent = sum(len(file["key"]) for file in ctx.files.list(f"spent/{now(UTC):%Y-%m-%d}/"))
        for number in range(new):
            ctx.emit("ticket.sorted", {"id": seed * 10 + number, "team": parts["team"]})
            ctx.files.upload(f"sorted/{seed}{number}", parts["team"])
        if new:
            ctx.files.upload(f"spent/{now(UTC):%Y-%m-%d}/{spent}", "")
        return {"status": "success", "sorted": new, "spent": spent}

    @job("warn", schedule="0 * * * *")
    def warn(ctx):
        if now(UTC).hour == parts["warn"] and now(UTC).day % 7 == 3:
            ctx.emit("licence.ending", {"id": now(UTC).day})
        return {"status": "success"}

    return Plugin.load({each._plugin_job_name: each for each in (letters, export, triage, warn)})  # noqa: SLF001


def snapshot(duration="30d", policy=None, values=True, **changes):
    """Simulate the office, and return the text of its snapshot."""
    world = World(tz="UTC")
    world.http.post("https://post.example.com/v1/letters").respond(202)
    return format_snapshot(simulate(busy(**changes), world, duration=duration, policy=policy), values=values)


def test_a_busy_month_is_small():
    """Under 20 KB for thousands of runs and effects, with one line for each thing; equal simulations are equal."""
    text = snapshot()
    jobs = json.loads(text)["jobs"]
    assert len(text.encode()) < 20_000
    assert len(text.splitlines()) == sum(map(len, jobs.values())) + 2 * len(jobs) + 8
    assert jobs["letters"]["file uploaded letters/#/#"] == "= value.sent"
    assert list(differences(json.loads(text), json.loads(snapshot()))) == []


CHANGES = {
    "an effect less": (
        {"warn": 25},
        [
            (
                "warn on 2026-01-03 08:00: event licence.ending: 1 saved, 0 now; "
                "5 runs in all, the last on 2026-01-31 08:00"
            ),
        ],
    ),
    "another name": (
        {"day": "%Y-12-%d"},
        [
            (
                'export on 2026-01-01 02:30: file uploaded export/orders-#.csv: "2026-01-01" saved, "2026-12-01" now; '
                "31 runs in all, the last on 2026-01-31 02:30"
            )
        ],
    ),
    "another content": (
        {"team": "sales"},
        [
            (
                "triage on 2026-01-01: event ticket.sorted: as many, but with other content; "
                "compare the versions with --against"
            ),
            (
                "triage on 2026-01-01: file uploaded sorted/#: as many, but with other content; "
                "compare the versions with --against"
            ),
        ],
    ),
    "an item of a list": (
        {"letters": 129},
        [
            "letters on 2026-01-01 09:00: value.sent: 130 saved, 129 now; 4 runs in all, the last on 2026-01-26 09:00",
            (
                "letters on 2026-01-01 09:00: value.parts[0].of: 130 saved, 129 now; 22 runs in all, "
                "the last on 2026-01-30 09:00"
            ),
        ],
    ),
}


@pytest.mark.parametrize(("change", "lines"), CHANGES.values(), ids=CHANGES)
def test_a_difference_names_run_path_and_both_values(change, lines):
    """The first run of each thing that differs, and how many there are."""
    found = list(differences(json.loads(snapshot("31d")), json.loads(snapshot("31d", **change))))
    assert found[: len(lines)] == lines


def test_values_can_be_left_out():
    """Contents are not compared then either."""
    one, other = (json.loads(snapshot("3d", values=False, team=team)) for team in ("billing", "sales"))
    assert list(differences(one, other)) == []


def test_runs_and_jobs_that_only_one_has():
    """The range is named first."""
    one, other = json.loads(snapshot("3d")), json.loads(snapshot("2d"))
    del other["jobs"]["warn"]
    assert list(differences(one, other)) == [
        'end: "2026-01-04T00:00:00+00:00" saved, "2026-01-03T00:00:00+00:00" now',
        "letters: 1 run only saved, the first on 2026-01-03 09:00" if "2026-01-03T09" in json.dumps(one) else
        "export: 1 run only saved, the first on 2026-01-03 02:30",
        "triage: 96 runs only saved, the first on 2026-01-03 00:00",
        "warn: a job that is only saved",
    ]  # fmt: skip
    assert "warn: a job that is only there now" in list(differences(other, one))


def test_runs_on_a_day_on_which_clocks_change():
    """Fire times are kept exactly, also where a local time occurs twice."""
    plugin = busy()
    month = simulate(plugin, World(tz="Europe/Madrid"), start="2026-10-24", duration="3d", jobs=["warn"])
    saved = json.loads(format_snapshot(month))
    later = json.loads(json.dumps(saved).replace("success*73", "success*26 error success*46"))
    assert saved["jobs"]["warn"]["runs"] == "2026-10-24T00:00+02:00 60*72"
    assert list(differences(saved, later)) == ['warn on 2026-10-25 02:00: value.status: "success" saved, "error" now']


def test_runs_that_did_not_start_are_in_it():
    """With the reason."""
    slow = job("slow", schedule="* * * * *")(lambda ctx: ctx.emit("done", __import__("time").sleep(90)))
    month = simulate(Plugin.load({"slow": slow}), World(time_limit=100), duration="4m", policy=Policy())
    things = json.loads(format_snapshot(month))["jobs"]["slow"]
    assert (things["verdict"], things["seconds"]) == ("ok skipped ok skipped", "90 0 90 0")
    assert things["why"].startswith('- "')
    assert datetime.fromisoformat(things["runs"].split(" ")[0]) == month.start
