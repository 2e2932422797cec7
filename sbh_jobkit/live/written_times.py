"""Times that a database has as text: which texts are near a time, which are far from it, and in what form they sort."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sbh_jobkit.live.numbers import ABOVE

if TYPE_CHECKING:
    Sql = sa.ColumnElement[bool]
    Window = tuple[tuple[str, str], tuple[str, str]]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def bind_text(text: str) -> Any:
    """Return a text as a statement has it."""
    return sa.literal(text, sa.String)


def days_around(at: timedelta) -> Window | None:
    """Return between which texts all times lie that are less than a day away, with and without dashes."""
    try:
        day = (EPOCH + at).date()
        low, high = (day - DAY).isoformat(), (day + 2 * DAY).isoformat()
    except OverflowError:
        return None
    return (low, high), (low.replace("-", ""), high.replace("-", ""))


def at_a_glance(sql: Any, operator: str, window: Window, *, dashed: bool) -> tuple[Sql, Sql]:
    """Return which texts are near enough to look at, for which an index serves, and which are far enough to be sure.

    Only text with dashes is sure: next to any other operand, text that is not a time does not match.
    """
    (low, high), (before_compact, compact) = window
    text, after = sa.collate(sql, "BINARY"), bind_text(f"{compact}:")  # which SQLite cannot take for a number
    if operator == "$eq":
        near = sa.or_(text < bind_text(high), text > bind_text(f"{before_compact[:-1]}/"))
        return sa.and_(text >= bind_text(low), near, text < after), sa.false()
    if operator in ABOVE:
        far = sa.and_(text >= bind_text(high), sa.func.substr(sql, 5, 1) == bind_text("-"))
        return text >= bind_text(low), far if dashed else sa.false()
    return text < after, text < bind_text(low) if dashed else sa.false()


def usual_time(sql: Any) -> tuple[Sql, Any]:
    """Return whether a text of SQLite is a valid time as programs write it, and that time in a form that sorts.

    SQLite writes the time that it reads: only a valid one, without more behind it, comes back the same. It adds no
    days, so that it counts again, and 24 o'clock or 30 February come back as another time.
    """
    cut, spaced = sa.func.substr, sa.func.replace(sql, "T", " ")
    second, fraction = sa.func.strftime("%Y-%m-%d %H:%M:%S", cut(sql, 1, 19), "+0 days"), cut(sql, 20, 7)
    length, lengths = sa.func.length(sql), (len("2026-01-05"), len("2026-01-05 09:00:00"))
    sixth = fraction.op("GLOB")("." + "[0-9]" * 6)
    usual = sa.case(
        (length == lengths[0], sa.func.strftime("%Y-%m-%d", sql, "+0 days") == sql),
        (length == lengths[1], second == spaced),
        (length == len("2026-01-05 09:00:00.000000"), sa.and_(second.concat(fraction) == spaced, sixth)),
        else_=sa.false(),
    )
    sortable = sa.case(
        (length == lengths[0], spaced.concat(" 00:00:00.000000")),
        (length == lengths[1], spaced.concat(".000000")),
        else_=spaced,
    )
    return sa.func.coalesce(usual, sa.false()), sa.collate(sortable, "BINARY")
