"""A schedule, as a notebook shows it: plain English, and the hours of a week in which it is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.notebook.svg import INKS, SMALL, document, img
from sbh_jobkit.report.sentence import sentence
from sbh_jobkit.report.template import macros
from sbh_jobkit.report.text import DAYS, count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markupsafe import Markup

    from sbh_jobkit.schedule.cron import Cron
    from sbh_jobkit.schedule.schedule import Schedule

_HOURS, _MINUTES = 24, 60
_LEFT, _TOP, _CELL = 36, 18, 18
_FAINTEST = 0.35


def text(schedule: Schedule) -> str:
    """Return it in plain English, for a terminal."""
    return f"{schedule.expression}: {schedule.describe()}"


def html(schedule: Schedule) -> str:
    """Return it in plain English, with a drawing of its week."""
    sentences = [*clock_rule(schedule), *debian_note(schedule)]
    written: str = macros("schedule_card").schedule_card(schedule, sentences, _week(schedule.cron))
    return written


def clock_rule(schedule: Schedule) -> Iterator[str]:
    """Yield a note about days on which clocks change; none in UTC, where they do not."""
    if schedule.tz.key != "UTC":
        rule = "once, right after a gap and the first time in a fold" if schedule.cron.fixed else "by elapsed time"
        yield f"Where clocks change it fires {rule}."


def debian_note(schedule: Schedule) -> Iterator[str]:
    """Yield a note if Debian cron reads the expression differently, and what steps come to that are too long."""
    if schedule.cron.debian_differs:
        yield "Read as croniter and Kubernetes do; Debian cron would combine the two day fields by AND."
    yield from (sentence(note) for note in schedule.cron.notes)


def _week(cron: Cron) -> Markup:
    """Draw the hours of a week; the colour is stronger if it is due in more minutes of an hour."""
    either = cron.days is not None or cron.weekdays is None
    days = range(7) if either else sorted((day + 6) % 7 for day in cron.weekdays or ())
    strength = _FAINTEST + (1 - _FAINTEST) * len(cron.minutes) / _MINUTES
    cells = [
        f'<rect x="{_LEFT + hour * _CELL}" y="{_TOP + day * _CELL}" width="{_CELL - 2}" height="{_CELL - 2}" rx="2" '
        f'class="{"due" if day in days and hour in cron.hours else "free"}"/>'
        for day in range(7)
        for hour in range(_HOURS)
    ]
    names = [f'<text x="0" y="{_TOP + day * _CELL + 12}">{name}</text>' for day, name in enumerate(DAYS)]
    hours = [f'<text x="{_LEFT + hour * _CELL}" y="12">{hour:02}</text>' for hour in range(0, _HOURS, 3)]
    rules = f"{SMALL}.due{{fill:{INKS['ok']};fill-opacity:{strength:.2f}}}.free{{fill:{INKS['grid']};fill-opacity:.15}}"
    width, height = _LEFT + _HOURS * _CELL, _TOP + 7 * _CELL
    which = "on any day that is due" if either else f"on {', '.join(DAYS[day] for day in days)}"
    alt = f"The hours of a week: due {which}, in {count(len(cron.hours), 'hour')} of the day"
    return img(document(width, height, rules, "".join([*names, *hours, *cells])), alt)
