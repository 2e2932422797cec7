"""`parity`: the scheduler's core decides on each fire time as the simulation does, and what differs is printed."""

import json

import pytest

from sbh_jobkit.cli.main import main

SLOW = """
import time

from src.ext.sdk import job


@job("often", schedule="*/5 * * * *")
def often(ctx):
    time.sleep(420)


@job("local", schedule="30 2 * * *")
def local(ctx):
    pass
"""


@pytest.fixture
def slow(tmp_path, monkeypatch):
    """Make a plugin one of whose jobs takes seven minutes every five minutes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow/main.py").write_text(SLOW)
    manifest = {"slug": "slow", "name": "Slow", "timezone": "Europe/Berlin"}
    (tmp_path / "slow/plugin.json").write_text(json.dumps(manifest))
    return tmp_path


def parity(capsys, *arguments):
    """Run the command with runs that may take long; return its exit code, and what it printed."""
    code = main(["parity", "slow", "--time-limit", "3600", *arguments])
    return code, capsys.readouterr().out


RANGES = {
    "skipped runs": ["--for", "1d"],
    "one waits": ["--for", "1d", "--policy", "overlap=queue_one"],
    "two at a time": ["--for", "6h", "--policy", "max_instances=2"],
    "beside each other": ["--for", "6h", "--policy", "overlap=allow"],
    "a grace": ["--for", "6h", "--policy", "overlap=queue_one", "--policy", "misfire_grace=1m"],
    "the gap": ["--from", "2026-03-28", "--for", "3d"],
    "the fold": ["--from", "2026-10-24", "--for", "3d"],
    "down, only the latest": ["--for", "6h", "--fault", "scheduler_down start=2026-01-01T02:00 end=2026-01-01T04:02"],
    "down, none": [
        *("--for", "6h", "--policy", "catch_up=none"),
        *("--fault", "scheduler_down start=2026-01-01T02:00 end=2026-01-01T04:02"),
    ],
    "down at the end": ["--for", "3h", "--fault", "scheduler_down start=2026-01-01T02:00 end=2026-01-01T05:00"],
    "down twice": [
        *("--for", "9h", "--fault", "scheduler_down start=2026-01-01T01:00 end=2026-01-01T02:31"),
        *("--fault", "scheduler_down start=2026-01-01T05:00 end=2026-01-01T06:00"),
    ],
    "a crash": ["--for", "6h", "--fault", "scheduler_crash start=2026-01-01T02:01 end=2026-01-01T03:02"],
}


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.usefixtures("slow")
def test_no_difference(name, capsys):
    """Under the same durations, policies and downtime both have the same rows."""
    code, out = parity(capsys, *RANGES[name])
    assert (code, out.endswith("fire times, no difference\n")) == (0, True), out


def test_a_policy_that_differs_is_printed(slow, capsys):
    """Each fire time on which both decide differently, with what each decides; the exit code is 1."""
    (slow / "tenant.toml").write_text('id = "acme"\n[policy.often]\noverlap = "allow"\n')
    code, out = parity(capsys, "--for", "15m", "--tenant", "tenant.toml")
    assert (code, out.splitlines()) == (
        1,
        [
            "Thu 2026-01-01 00:05 CET  often",
            "  simulation: skipped: the run of 00:00 was still running (max_instances=1)",
            "  scheduler:  started 00:05:00",
            "Slow: 3 fire times, 1 decided differently",
            "note: the simulation does not have the policies of tenant.toml: add --policy often:overlap=allow",
        ],
    )
    code, out = parity(capsys, "--for", "15m", "--tenant", "tenant.toml", "--policy", "often:overlap=allow")
    assert (code, out.splitlines()[-1]) == (0, "Slow: 3 fire times, no difference")
    code, out = parity(capsys, "--for", "15m", "--tenant", "tenant.toml", "--json")
    assert (code, json.loads(out)["fire_times"], len(json.loads(out)["differences"])) == (1, 3, 1)


@pytest.mark.usefixtures("slow")
def test_a_range_without_fire_times(capsys):
    """It has no difference."""
    code, out = parity(capsys, "--from", "2026-01-01T00:01", "--for", "1m")
    assert (code, out) == (0, "Slow: 0 fire times, no difference\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere"], "nowhere"),
        (["slow", "--for", "soon"], "'soon' is not a duration"),
        (["slow", "--tenant", "no.toml"], "cannot read 'no.toml'"),
        (["slow", "--fault", "scheduler_crash start=now"], "scheduler_crash"),
    ],
)
@pytest.mark.usefixtures("slow")
def test_bad_input_is_one_sentence(words, sentence, capsys):
    """Exit code 2."""
    assert main(["parity", *words]) == 2
    err = capsys.readouterr().err
    assert err.startswith("sbh-jobkit: error: ")
    assert sentence in err
