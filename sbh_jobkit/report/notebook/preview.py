"""A preview, as a notebook shows it: plain English, the next fire times, a calendar, and jobs due at the same times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.axis import Axis
from sbh_jobkit.report.notebook.calendar import calendar
from sbh_jobkit.report.notebook.schedule import debian_note
from sbh_jobkit.report.sentence import sentence
from sbh_jobkit.report.template import macros
from sbh_jobkit.report.terminal.runs import fire_lines
from sbh_jobkit.report.terminal.runs import time_with_zone as with_zone
from sbh_jobkit.report.text import DAYS, distance, format_offset, format_time
from sbh_jobkit.run.run import Fire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.schedule.preview import Preview

_FEW, _MOST = 7, 40
_TOGETHER = "Due in the same minute:"


def text(preview: Preview) -> str:
    """List the fire times, for a terminal."""
    name = preview.job or preview.schedule.expression
    fires = [Fire(plugin="", job="", at=at, note=preview.schedule.note(at)) for at in preview.fires[:_MOST]]
    schedule = preview.schedule
    notes = [f"note: {note}" for note in (*schedule.cron.notes, *schedule.clock_notes(preview.start))]
    lines = [f"{name}: {preview.schedule.describe(clocks=False)}", *notes, ""]
    lines += fire_lines(fires, preview.start, with_jobs=False) if fires else [_nothing(preview)]
    if len(preview.fires) > _MOST:
        lines.append(f"… and {len(preview.fires) - _MOST:,} more")
    collisions = list(_collisions(preview))
    heading = ["", _TOGETHER] if collisions else []
    return "\n".join([*lines, *heading, *(f"  {job}: {often}" for job, often in collisions)])


def html(preview: Preview) -> str:
    """List the fire times, with a drawing of the calendar."""
    fires = [
        {"at": at, "distance": distance(at, preview.start), "note": preview.schedule.note(at) or ""}
        for at in preview.fires[:_MOST]
    ]
    written: str = macros("schedule_card").preview_card(
        preview.schedule,
        job=preview.job,
        sentences=[*debian_note(preview.schedule), *_clock_sentences(preview)],
        fires=fires[:_FEW],
        later=fires[_FEW:],
        left_out=len(preview.fires) - len(fires),
        nothing="" if fires else _nothing(preview),
        calendar=calendar(preview),
        clock_changes=list(_clock_changes(preview)),
        collisions=list(_collisions(preview)),
    )
    return written


def _nothing(preview: Preview) -> str:
    following = f"{with_zone(preview.next)}, {distance(preview.next, preview.start)}"
    return f"not due until {format_time(preview.end)}; next: {following}"


def _clock_changes(preview: Preview) -> Iterator[str]:
    for change in Axis(preview.start, preview.end).clock_changes():
        gap = change.after > change.before
        yield (
            f"Clocks go {'forward' if gap else 'back'} on {DAYS[change.at.weekday()]} {change.at:%Y-%m-%d}, "
            f"from {format_offset(change.before)} to {format_offset(change.after)}: a {'gap' if gap else 'fold'}."
        )


def _clock_sentences(preview: Preview) -> Iterator[str]:
    for note in preview.schedule.clock_notes(preview.start):
        yield sentence(note)


def _collisions(preview: Preview) -> Iterator[tuple[str, str]]:
    for collision in preview.collisions:
        whole = collision.times == len(preview.fires)
        often = "every time" if whole else f"{collision.times:,} of {len(preview.fires):,} times"
        yield collision.job, f"{often}, first {format_time(collision.first)}"
