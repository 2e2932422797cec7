"""The sections of failing runs, and the note about runs without a section."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit.run.run import Event, Fault, HttpCall, RunError

PARIS = ZoneInfo("Europe/Paris")


def test_every_failing_run_has_its_command(written, every_verdict):
    """Each failing run's section holds the one command that reruns it; the others have none."""
    commands = re.findall(r'<code tabindex="0">([^<]*)</code></p></div></details>', written(every_verdict))
    failing = [run for run in every_verdict if not run.ok]
    assert len(failing) == 9
    assert commands == [f"sbh-jobkit run hub_ops {run.job} --at {run.fire_time.isoformat()}" for run in failing]


def test_a_section_tells_all_that_was_seen(written, ran):
    """Time, verdict, error, place, fault with advice, output, calls and emits stand in the section."""
    at = datetime.fromisoformat("2026-01-05T02:00+01:00")
    run = ran(
        "sync",
        at,
        "crashed",
        reason="the last attempt of 3",
        error=RunError(type="KeyError", message="'source'", place="main.py:84", traceback="File main.py\nKeyError"),
        stdout="412 rows\n",
        logs=("INFO began", "ERROR ended"),
        events=(Event(type="sync.done", payload={"n": 3}, at=at.astimezone(UTC)),),
        http_calls=(HttpCall(method="GET", url="https://a/b", status=503, matched=True, at=at),) * 22,
        faults=(Fault(kind="secret-missing", member="ctx.secrets.get", message="no secret 'K'", advice="world.x"),),
    )
    html = written([run])
    assert '<details open id="run-1" class="run v-crashed">' in html
    section = re.sub(r"<[^>]+>", "|", html.split('id="run-1"')[1].split("</details>")[0])
    shown = [part.strip() for part in section.split("|") if part.strip()][1:]
    calls = ["02:00", "GET https://a/b", "→ 503"] * 20
    assert shown == [
        *("Mon 2026-01-05 02:00", "crashed"),
        "the last attempt of 3; KeyError: &#x27;source&#x27;; secret-missing: no secret &#x27;K&#x27;",
        *("Error", "KeyError", ": &#x27;source&#x27;", "at main.py:84"),
        *("Reason", "the last attempt of 3"),
        *("Virtual duration", "2 s"),
        *("Faults", "secret-missing", "ctx.secrets.get", ": no secret &#x27;K&#x27;", "To fix:", "world.x"),
        *("Traceback", "File main.py\nKeyError"),
        *("Output", "412 rows"),
        *("Log", "INFO began\nERROR ended"),
        *("HTTP calls", *calls, "and 2 more"),
        *("Emitted", "02:00", "sync.done", "{&quot;n&quot;: 3}"),
        *("Run it again", "sbh-jobkit run hub_ops sync --at 2026-01-05T02:00:00+01:00"),
    ]


def test_long_output_is_cut_and_says_so(written, ran):
    """A megabyte of output does not drown the page, and what is left out is counted."""
    html = written([ran("a", "2026-01-05T02:00+01:00", "failed", stdout="x" * 1_000_000)])
    assert "[… 980,000 characters not shown …]" in html
    assert len(html) < 100_000


def test_more_failures_of_a_job_are_announced(written, ran):
    """A job has ten sections, and the rest is counted with its first and last time."""
    runs = [ran("a", datetime(2026, 1, day, 2, 0, tzinfo=PARIS), "crashed") for day in range(1, 15)]
    html = written(runs)
    assert len(re.findall(r'<details[^>]* id="run-', html)) == 10
    assert "14 of 14 runs failed" in html
    assert (
        re.sub(r"<[^>]*>", "", html).count("and 4 more of this job, from Sun 2026-01-11 02:00 to Wed 2026-01-14") == 1
    )
    assert "Failing runs with a sign have a section below" in html


def test_a_loud_job_does_not_hide_a_quiet_one(written, ran):
    """Of many failing jobs each shows its first failure before any shows its second; the rest is named."""
    loud = [ran(f"job_{number}", datetime(2026, 1, 2, number, tzinfo=PARIS), "crashed") for number in range(20)] * 4
    quiet = [ran("quiet", "2026-01-30T02:00+01:00", "crashed")]
    html = written(loud + quiet)
    assert len(re.findall(r'<details[^>]* id="run-', html)) == 50
    assert "<h3>quiet</h3>" in html
    many = written([ran(f"job_{number}", "2026-01-02T02:00+01:00", "crashed") for number in range(52)])
    assert "2 failing runs of 2 further jobs without a section here: job_50 (1), job_51 (1)." in many


def test_a_run_that_fails_as_one_before_is_folded(written, ran):
    """The first of its kind is open in each job, so that what differs stands out; all have their section."""
    refused, gone = RunError(type="HTTPError", message="503"), RunError(type="HTTPError", message="404")
    runs = [
        *(ran("a", datetime(2026, 1, day, tzinfo=PARIS), "crashed", error=refused) for day in (3, 4, 5)),
        ran("a", datetime(2026, 1, 6, tzinfo=PARIS), "crashed", error=gone),
        ran("b", datetime(2026, 1, 7, tzinfo=PARIS), "crashed", error=gone),
    ]
    sections = re.findall(r'<details( open)? id="run-(\d)" class="run', written(runs))
    assert sections == [(" open", "1"), ("", "2"), ("", "3"), (" open", "4"), (" open", "5")]


def test_the_reason_does_not_repeat_the_verdict(written, ran):
    """A limit's reason begins with the verdict's word, which stands before it already."""
    html = written([ran("a", "2026-01-05T02:00+01:00", "timed_out", reason="timed out: the limit is 30 s")])
    assert '<strong>timed out</strong> <span class="why">the limit is 30 s</span>' in html


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        (0, "No run failed."),
        (1, "No run failed, apart from the one that was expected to."),
        (2, "No run failed, apart from the 2 that were expected to."),
    ],
)
def test_that_none_failed_is_one_calm_line(written, ran, expected, line):
    """Without failing runs the section is one sentence, and expected failures follow it."""
    runs = [
        ran("a", "2026-01-05T02:00+01:00"),
        *[ran("a", "2026-01-06T02:00+01:00", "failed", expected="x")] * expected,
    ]
    assert f'<p class="note">{line}</p>' in written(runs)


def test_expected_and_skipped_runs_are_folded_with_their_reason(written, ran):
    """Expected, skipped and coalesced runs are counted by job and reason, and folded."""
    error = RunError(type="HTTPError", message="503")
    runs = [
        ran("a", datetime(2026, 1, day, tzinfo=PARIS), "crashed", expected="the API is down", error=error)
        for day in (3, 4, 5)
    ]
    runs.append(ran("b", "2026-01-06T00:00+01:00", "skipped", started_at=None, reason="max instances"))
    html = written(runs)
    folded = [re.sub(r"<[^>]+>", " ", part) for part in re.findall(r'<details class="quiet v.*?</details>', html)]
    assert [" ".join(part.split()).split(" Job Reason Runs First Last ") for part in folded] == [
        [
            "3 expected failures These runs failed, and the world says that they do.",
            "a the API is down HTTPError: 503 3 Sat 2026-01-03 00:00 Mon 2026-01-05 00:00",
        ],
        [
            "1 skipped run These runs were due, but a policy kept them from starting.",
            "b max instances 1 Tue 2026-01-06 00:00 Tue 2026-01-06 00:00",
        ],
    ]
    assert "4 runs, all as expected" in html


def test_a_skipped_run_with_a_fault_counts_as_faulty(written, ran):
    """A fault is not hidden by the outcome."""
    fault = Fault(kind="network", member="socket", message="real network")
    html = written([ran("a", "2026-01-06T00:00+01:00", "skipped", faults=(fault,))])
    assert "1 of 1 run failed" in html
    assert '<details open id="run-1" class="run v-faulty">' in html
