"""A simulation, as a notebook shows it: how it went, on a timeline, by job, and each kind of failure once."""

from __future__ import annotations

from collections import defaultdict
from io import StringIO
from typing import TYPE_CHECKING

from sbh_jobkit.report.axis import Axis
from sbh_jobkit.report.html.failures import choose
from sbh_jobkit.report.html.simulation import headline, title
from sbh_jobkit.report.notebook import run as _run
from sbh_jobkit.report.notebook.elements import COLOURS, card, code, fold, line, soft, table, word
from sbh_jobkit.report.notebook.timeline import lanes_picture
from sbh_jobkit.report.rows import job_lines, summarise
from sbh_jobkit.report.terminal.runs import expected_runs, failing_runs, summary_table
from sbh_jobkit.report.terminal.runs import moment as with_zone
from sbh_jobkit.report.text import count, moment, safe, took

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sbh_jobkit.report.rows import JobSummary
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.result import Simulation

_MOST_FAILURES = 20
_NUMBERS: Mapping[str, Callable[[JobSummary], int]] = {
    "runs": lambda job: job.runs,
    "failed": lambda job: job.failures,
    "expected": lambda job: job.expected,
    "http": lambda job: job.http_calls,
    "emits": lambda job: job.emits,
}


def text(simulation: Simulation) -> str:
    """Sum it up by job, for a terminal."""
    from rich.console import Console

    out = StringIO()
    console = Console(file=out, width=_run.WIDTH, color_system=None, highlight=False, force_jupyter=False)
    console.print(summary_table(summarise(job_lines(simulation.due), simulation.runs)))
    told = [line.rstrip() for line in out.getvalue().splitlines()]
    more = [*expected_runs(simulation.runs), *failing_runs(simulation.failures, _run.WIDTH)]
    heading, ending = f"{title(simulation)}: {_range(simulation)}", headline(simulation.runs)
    return "\n".join([heading, "", *told, "", *more, *([""] if more else []), ending])


def html(simulation: Simulation) -> str:
    """Draw it, sum it up by job, and tell what failed."""
    runs, axis = simulation.runs, Axis(simulation.start, simulation.end)
    summaries = summarise(job_lines(simulation.due), runs)
    colour = "good" if simulation.ok else "bad"
    return card(
        line(word(headline(runs), COLOURS[colour])),
        line(f"<strong>{safe(title(simulation))}</strong>", soft(_range(simulation))),
        lanes_picture(summaries, runs, axis, choose(summaries, runs).shown),
        _jobs(summaries),
        *(line(safe(told)) for told in expected_runs(runs)),
        *_calm(runs),
        *_failures(simulation.failures),
    )


def _range(simulation: Simulation) -> str:
    return f"{with_zone(simulation.start)} to {with_zone(simulation.end)}"


def _jobs(summaries: Sequence[JobSummary]) -> str:
    if not summaries:
        return line("There is no job.")
    rows = [
        (
            f"<strong>{safe(job.name)}</strong>",
            f"{code(job.schedule)} {soft(job.english or '')}" if job.schedule else soft("by hand"),
            *(f"{number(job):,}" for number in _NUMBERS.values()),
            took(job.longest),
        )
        for job in summaries
    ]
    return table(("job", "schedule", *_NUMBERS, "longest"), rows, numbers=range(2, 8))


def _calm(runs: Sequence[Run]) -> Iterator[str]:
    """Tell of the runs that were not started by rule, by job and outcome, with the reason of the first."""
    groups: defaultdict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        if run.ok and not run.outcome.started:
            groups[run.job, run.verdict].append(run)
    for (job, verdict), those in groups.items():
        reasons = [(safe(moment(run.fire_time)), safe(run.reason or "")) for run in those[:_MOST_FAILURES]]
        left_out = len(those) - len(reasons)
        more = f"<p>and {left_out:,} more</p>" if left_out else ""
        yield fold(f"{count(len(those), 'run')} of {code(job)} {safe(verdict)}", table((), reasons) + more)


def _failures(failures: Sequence[Run]) -> Iterator[str]:
    """Tell of runs that failed alike once, by the first of them."""
    alike: defaultdict[tuple[str, str, str], list[Run]] = defaultdict(list)
    for run in failures:
        alike[run.job, run.verdict, run.summary].append(run)
    for first, *others in list(alike.values())[:_MOST_FAILURES]:
        last = f"and {len(others):,} more like it, the last on {moment(others[-1].fire_time)}" if others else ""
        summary = " ".join([_run.in_a_line(first), *([soft(last)] if last else [])])
        yield fold(summary, "".join(_run.particulars_of(first)))
    left_out = len(alike) - _MOST_FAILURES
    if left_out > 0:
        yield line(soft(f"and failures of {count(left_out, 'other kind')}"))
