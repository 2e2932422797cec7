"""What two simulations did differently, job by job, as plain text."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from sbh_jobkit.report.terminal.runs import time_with_zone, wrap_line
from sbh_jobkit.report.text import compact, count
from sbh_jobkit.simulation.compare.matching import EffectChange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.run.effects import Effect
    from sbh_jobkit.simulation.compare.comparison import Comparison, Group, RunChange

_MOST_GROUPS = 8
"""How many groups of changes are shown of a job."""
_LONGEST = 160


def comparison_lines(found: Comparison, width: int | None = None) -> Iterator[str]:
    """Write the changes in groups of like ones, each with its first example."""
    by_job = sorted(found.groups, key=lambda group: group.job)
    for job, those in groupby(by_job, key=lambda group: group.job):
        groups = list(those)
        yield job
        for group in groups[:_MOST_GROUPS]:
            yield from wrap_line(group_line(group), "  ", width)
            for line in example(group.first):
                yield from wrap_line(line, "    ", width)
        if len(groups) > _MOST_GROUPS:
            yield f"  … and {count(len(groups) - _MOST_GROUPS, 'more group')} of changes"


def group_line(group: Group) -> str:
    """Write how many changes are alike, and when the first was."""
    what = count(group.count, "run") if group.word == "run" else group.word
    text = f"{what}: {group.what}"
    number = f", {group.count:,} times" if group.count > 1 and group.word != "run" else ""
    first = _fire_time(group.first)
    return f"{text}{number}; {'the first ' if group.count > 1 else ''}on {time_with_zone(first)}"


def example(change: EffectChange | RunChange) -> Iterator[str]:
    """Write what a change was about: the content before, and after."""
    if not isinstance(change, EffectChange):
        if change.before is not None and change.after is not None:
            same = change.before.verdict == change.after.verdict
            yield from _sides(*((run.value if same else run.summary or None) for run in (change.before, change.after)))
        return
    old, new = change.before, change.after
    if old is not None and new is not None:
        if change.word == "changed":
            yield from _sides(_content(old), _content(new))
        else:
            yield f"came on {time_with_zone(new.fire_time)}"
    elif (content := _content(change.effect)) is not None:
        yield _short(content)


def _content(effect: Effect) -> Any:
    return f"{effect.size:,} bytes, digest {effect.content}" if effect.kind == "file" else effect.content


def _sides(before: Any, after: Any) -> Iterator[str]:
    yield f"- {_short(before)}"
    yield f"+ {_short(after)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else compact(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _fire_time(change: EffectChange | RunChange) -> Any:
    return change.effect.fire_time if isinstance(change, EffectChange) else change.run.fire_time
