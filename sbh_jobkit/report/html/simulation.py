"""A simulation as one HTML file that loads nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sbh_jobkit.report.axis import Axis
from sbh_jobkit.report.html.failures import choose, sections
from sbh_jobkit.report.html.heatmap import heat
from sbh_jobkit.report.html.idempotency import repeats
from sbh_jobkit.report.html.page import clock_changes, document, offsets, span
from sbh_jobkit.report.html.tables import job_table
from sbh_jobkit.report.html.timeline import timeline
from sbh_jobkit.report.html.unstarted import calm
from sbh_jobkit.report.rows import job_lines, summarise
from sbh_jobkit.report.text import count, safe
from sbh_jobkit.report.usage import usage_table
from sbh_jobkit.report.verdicts import SIGNS, glyph, sign_of
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.simulation.idempotency import unsafe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sbh_jobkit.report.rows import JobLine
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.run.usage import Usage
    from sbh_jobkit.simulation.budget import Budget
    from sbh_jobkit.simulation.result import Simulation

_SIGNED = '<p class="note">Failing runs with a sign on top have a section below; the others are tall marks only.</p>'


def page(
    simulation: Simulation,
    rerun: Callable[[Run], str],
    budget: Budget | None = None,
    interrupted: str | None = None,
) -> str:
    """Return the report of a simulation as HTML; `rerun` gives the command that repeats a run."""
    return report(
        title=f"{title(simulation)}: {simulation.start:%Y-%m-%d} to {simulation.end:%Y-%m-%d}",
        plugin=simulation.plugin.slug,
        start=simulation.start,
        end=simulation.end,
        zone=simulation.zone.key,
        jobs=job_lines(simulation.due),
        runs=simulation.runs,
        rerun=rerun,
        usage=simulation.usage,
        budget=budget,
        interrupted=interrupted,
    )


def title(simulation: Simulation) -> str:
    """Return the plugin's name, and "on today's host" where the simulation followed that host's rules."""
    where = " on today's host" if simulation.world.target == "host" else ""
    return f"{simulation.plugin.manifest.name}{where}"


def report(
    *,
    title: str,
    plugin: str,
    start: datetime,
    end: datetime,
    zone: str,
    jobs: Sequence[JobLine],
    runs: Sequence[Run],
    rerun: Callable[[Run], str],
    usage: Usage | None = None,
    budget: Budget | None = None,
    interrupted: str | None = None,
) -> str:
    """Write the report: a timeline, a heat strip, a table by job, and each failing run with the command that reruns it.

    `start` and `end` are aware and in `zone`; `rerun` gives the command that repeats a run; `usage` is what the runs
    used, and `budget` what they were to use at most; `interrupted` says how far the simulation came, where it did not
    come to its end.
    """
    axis = Axis(start, end)
    summaries = summarise(jobs, runs)
    failures = choose(summaries, runs)
    failing = sum(job.failures for job in summaries)
    over = budget.exceeded(usage) if budget and usage else []
    told = headline(runs, over_budget=bool(over))
    verdict = f"Interrupted: {told}" if interrupted else told
    second_runs = repeats(runs)
    return document(
        title,
        verdict,
        f"""<header class="{"bad" if failing or over or unsafe(runs) else "good"}">
<p class="title">{safe(title)}</p>
<h1>{verdict}</h1>
<dl class="meta">
<div><dt>Plugin</dt><dd>{safe(plugin)}</dd></div>
<div><dt>Range</dt><dd>{span(axis)}</dd></div>
<div><dt>Zone</dt><dd>{safe(zone)} {offsets(axis)}</dd></div>{_stopped(interrupted)}
</dl>{_over(over)}
<nav aria-label="Sections"><a href="#timeline">Timeline</a> <a href="#heat">Pile-ups</a> <a href="#jobs">Jobs</a> \
{'<a href="#repeats">Second runs</a> ' if second_runs else ""}\
<a href="#failures">{count(failing, "failing run") if failing else "Failing runs"}</a></nav>
</header>
<main id="main" tabindex="-1">
<section id="timeline" aria-labelledby="timeline-head">
<h2 id="timeline-head">Timeline</h2>
{_legend(runs)}{_SIGNED if failures.rest else ""}{clock_changes(axis)}
{timeline(summaries, runs, axis, failures.shown)}
</section>
<section id="heat" aria-labelledby="heat-head">
<h2 id="heat-head">Pile-ups</h2>
{heat(runs, axis)}
</section>
<section id="jobs" aria-labelledby="jobs-head">
<h2 id="jobs-head">Jobs</h2>
{job_table(summaries, failures.first_section)}
{usage_table(usage, budget.limits if budget else {}) if usage else ""}
</section>
{second_runs}\
<section id="failures" aria-labelledby="failures-head">
<h2 id="failures-head">Failing runs</h2>
{sections(failures, rerun, expected=sum(job.expected for job in summaries))}
{calm(runs)}
</section>
</main>""",
    )


def headline(runs: Sequence[Run], *, over_budget: bool = False) -> str:
    """Say in one line how the runs went."""
    failing = [run for run in runs if not run.ok]
    if not runs:
        return "No run was due"
    skipped = sum(run.outcome is Outcome.SKIPPED for run in runs)
    but = [f"{skipped:,} skipped"] if skipped and not failing else []
    but += ["over budget"] if over_budget else []
    but += [f"{count(len(found), 'job')} not safe to repeat"] if (found := unsafe(runs)) else []
    if not failing:
        told = "1 run, as expected" if len(runs) == 1 else f"{len(runs):,} runs, all as expected"
        return f"{told}, but {' and '.join(but)}" if but else told
    how = "passed unexpectedly" if all(run.verdict == "unexpected_ok" for run in failing) else "failed"
    return ", ".join([f"{len(failing):,} of {count(len(runs), 'run')} {how}", *but])


def _over(over: Sequence[str]) -> str:
    return "".join(f'\n<p class="over">Over budget: <a href="#usage">{safe(sentence)}</a></p>' for sentence in over)


def _stopped(told: str | None) -> str:
    return f"<div><dt>Interrupted</dt><dd>{safe(told)}</dd></div>" if told else ""


def _legend(runs: Sequence[Run]) -> str:
    counted = Counter(sign_of(run).verdict for run in runs)
    items = "".join(
        f"<li>{glyph(sign)}<strong>{counted[sign.verdict]:,}</strong> {sign.word}<span> {sign.meaning}</span></li>"
        for sign in reversed(SIGNS.values())
        if counted[sign.verdict]
    )
    return f'<ul class="legend" aria-label="Runs by verdict">{items}</ul>' if items else ""
