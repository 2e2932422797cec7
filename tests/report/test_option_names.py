"""An unknown option suggests one that this command or magic takes, and that means the same; or none."""

from __future__ import annotations

import json

import pytest

from sbh_jobkit.cli.main import main
from sbh_jobkit.report.option_names import option_hint

SIMULATE = ("--from", "--for", "--to", "--job", "--jobs", "--tz", "--target", "--seed", "--html", "--json", "--twice")
RUN = ("--at", "--tenant", "--from", "--tz", "--target", "--on", "--token-file", "--world")
CHECK = ("--target", "--format", "--output", "--level", "--fix", "--list")

HINTS = {
    "another word for the start": (SIMULATE, ["--start", "--since", "--begin", "--START"], "--from"),
    "another word for the end": (SIMULATE, ["--end", "--until", "--till", "--stop"], "--to"),
    "another word for the length": (SIMULATE, ["--duration", "--length", "--days", "--period"], "--for"),
    "another word for the zone": (SIMULATE, ["--timezone", "--zone", "--time-zone", "--time_zone"], "--tz"),
    "another word for processes": (SIMULATE, ["--parallel", "--workers", "--processes", "--cores"], "--jobs"),
    "another word for a job": (SIMULATE, ["--only", "--name"], "--job"),
    "another word for a time": (RUN, ["--time", "--when", "--date"], "--at"),
    "another word for a server": (RUN, ["--host", "--url", "--server"], "--on"),
    "a misspelling": (SIMULATE, ["--form", "--frm", "--form"], "--from"),
    "another misspelling": (SIMULATE, ["--jsn", "--josn", "--jason"], "--json"),
    "one of a short word": (RUN, ["--tzz", "--tz_"], "--tz"),
    "capitals and underscores": (SIMULATE, ["--HTML", "--Html"], "--html"),
    "a misspelt target": (CHECK, ["--targt", "--tarrget", "--tagret"], "--target"),
    "a misspelt format": (CHECK, ["--fromat", "--formt", "--fmt-format"], "--format"),
    "what this one does not take: an end": (RUN, ["--to", "--until", "--end"], None),
    "what this one does not take: a length": (RUN, ["--for", "--duration", "--days"], None),
    "what this one does not take: a job": (CHECK, ["--job", "--jobs", "--only"], None),
    "what this one does not take: a time": (CHECK, ["--at", "--time", "--time-limit", "--timeout"], None),
    "what belongs to another command": (SIMULATE, ["--fix", "--format", "--level", "--port", "--live"], None),
    "what no command takes": (SIMULATE, ["--verbose", "--quiet", "--colour"], None),
}


@pytest.mark.parametrize(("options", "words", "meant"), HINTS.values(), ids=HINTS)
def test_the_hint_means_the_same(options, words, meant):
    """By spelling, or as another word; a word with a meaning of its own is no misspelling."""
    expected = f"; did you mean {meant!r}?" if meant else ""
    assert {word: option_hint(word, options) for word in words} == dict.fromkeys(words, expected)


COMMANDS = {
    "simulate": ("simulate . --start 2026-01-01", "simulate has no option '--start'; did you mean '--from'?"),
    "simulate, a length": ("simulate --days=3", "simulate has no option '--days'; did you mean '--for'?"),
    "preview": ("preview @daily --until 2027", "preview has no option '--until'; did you mean '--to'?"),
    "run": ("run . greet --to 2026-02-01", "run has no option '--to';"),
    "run, a time": ("run . greet --when now", "run has no option '--when'; did you mean '--at'?"),
    "check": ("check --form json", "check has no option '--form'; did you mean '--format'?"),
}


@pytest.mark.parametrize(("line", "message"), COMMANDS.values(), ids=COMMANDS)
def test_the_command_line_says_it(capsys, line, message):
    """With the command and where its help is."""
    assert main(line.split()) == 2
    command = line.partition(" ")[0]
    assert capsys.readouterr().err == f"sbh-jobkit: error: {message} see sbh-jobkit {command} --help\n"


MAIN = """
from src.ext.sdk import job

@job("end", schedule="0 9 31 * *")
def end(ctx): pass

@job("leap", schedule="0 0 29 2 *")
def leap(ctx): pass

@job("feast", schedule="0 0 24 12 *")
def feast(ctx): pass

@job("daily", schedule="0 9 * * *")
def daily(ctx): pass
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Stand in the folder of a plugin with jobs that wait for rare days."""
    (tmp_path / "plugin.json").write_text(json.dumps({"slug": "p", "name": "P"}))
    (tmp_path / "main.py").write_text(MAIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


NEXT = {"end": "2026-01-31 09:00 UTC", "leap": "2028-02-29 00:00 UTC", "feast": "2026-12-24 00:00 UTC"}


@pytest.mark.usefixtures("here")
def test_a_job_that_waits_beyond_the_range_says_so(capsys):
    """The default range ends before the 31st, 29 February and a day of the year; each has its next fire time."""
    assert main(["simulate"]) == 0
    shown = capsys.readouterr().out
    assert [f"{job}: is not due in the range; next on {at} [job-not-due]" in shown for job, at in NEXT.items()] == [
        True
    ] * 3
    assert main(["preview", ".", "--from", "2026-01-01", "--for", "30d"]) == 0
    shown = capsys.readouterr().out
    weekday = {"end": "Sat", "leap": "Tue", "feast": "Thu"}
    lines = [f"  not due before Sat 2026-01-31 00:00 UTC; next: {weekday[job]} {at}" for job, at in NEXT.items()]
    assert [line for line in shown.splitlines() if "not due" in line] == lines


RANGES = {
    "an end": (["--to", "2026-01-04"], 3),
    "an end with a time and an offset": (["--to", "2026-01-04T10:01+01:00"], 4),
    "a month": (["--for", "1mo"], 31),
    "a year": (["--for", "1y"], 365),
    "a month by ISO 8601": (["--for", "P1M"], 31),
    "from and to": (["--from", "2028-02-28", "--to", "2028-03-01"], 2),
    "a month from its end": (["--from", "2028-01-31", "--for", "1mo"], 29),
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("words", "count"), RANGES.values(), ids=RANGES)
@pytest.mark.parametrize("command", ["simulate . --job daily", "preview ."])
def test_a_range_has_an_end_or_a_length(capsys, words, count, command):
    """Of simulate and of preview."""
    start = [] if "--from" in words else ["--from", "2026-01-01"]
    assert main([*command.split(), *start, *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = found["runs"] if "runs" in found else [row for row in found["fires"] if row["job"] == "daily"]
    assert len(rows) == count


WRONG = {
    "both": (["--to", "2026-02-01", "--for", "3d"], "give an end or a duration, not both"),
    "an end before the start": (
        ["--to", "2025-12-31"],
        "the end 2025-12-31T00:00:00+00:00 is not after the start 2026-01-01T00:00:00+00:00",
    ),
    "no time": (
        ["--to", "tomorrow"],
        "'tomorrow' is not a time; use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'",
    ),
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("command", ["simulate .", "preview .", "preview @daily"])
def test_a_wrong_range_is_one_sentence(capsys, words, message, command):
    """The same one for each command."""
    assert main([*command.split(), "--from", "2026-01-01", *words]) == 2
    assert capsys.readouterr().err == f"sbh-jobkit: error: {message}\n"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "words", [["simulate", "--for", "1d"], ["check", "--level", "error"], ["run", "daily", "--at", "2026-01-01"]]
)
def test_the_current_folder_is_the_default(words, capsys):
    """`simulate`, `check` and `run` take it where no path is given, also below the folder of another plugin."""
    assert main(words) == 0, capsys.readouterr()
