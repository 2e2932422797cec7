"""What cards in a notebook are made of: tables, folds and words in colour, by style attributes alone.

A notebook that is opened untrusted, and most pages that host code, drop style sheets, scripts and inline SVG, and
some drop style attributes, too; what is left still reads. Colours are of a middle lightness: they stand out from a
white page and from a dark one alike, since nobody tells an output which of the two it is on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.text import safe

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

COLOURS = {
    "good": "#1a7f37",
    "note": "#9a6700",
    "bad": "#cf222e",
    "soft": "#737a83",
}
_CELL = "vertical-align:top;padding:2px 16px 2px 0;border:0;background:none"
_PRE = "font-family:monospace;white-space:pre-wrap;overflow-wrap:anywhere;max-height:24em;overflow:auto;margin:0 1em"


def card(*parts: str) -> str:
    """Put the parts of one output below each other."""
    return f'<div style="margin:4px 0">{"".join(parts)}</div>'


def line(*parts: str) -> str:
    """Write a line of a card; its parts are HTML."""
    return f'<p style="margin:2px 0">{" ".join(filter(None, parts))}</p>'


def word(text: str, colour: str) -> str:
    """Write a text in bold and in colour; it means the same without."""
    return f'<strong style="color:{colour}">{safe(text)}</strong>'


def soft(text: str) -> str:
    """Write a text that is beside the point."""
    return f'<span style="color:{COLOURS["soft"]}">{safe(text)}</span>'


def code(text: object) -> str:
    """Write a name or a value."""
    return f"<code>{safe(text)}</code>"


def fold(summary: str, body: str, *, unfolded: bool = False) -> str:
    """Write something that opens at a click; the summary is HTML."""
    return (
        f'<details{" open" if unfolded else ""} style="margin:2px 0"><summary>{summary}</summary>'
        f'<div style="margin-left:1em">{body}</div></details>'
    )


def pre(text: str) -> str:
    """Write a text as it was printed."""
    return f'<pre style="{_PRE}">{safe(text)}</pre>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Collection[int] = ()) -> str:
    """Write a table of cells that are HTML; columns of numbers are named by their place, and aligned."""

    def cells(row: Sequence[str], tag: str) -> str:
        sides = ["right" if place in numbers else "left" for place in range(len(row))]
        return "".join(
            f'<{tag} style="text-align:{side};{_CELL}">{cell}</{tag}>' for side, cell in zip(sides, row, strict=True)
        )

    above = f"<thead><tr>{cells(list(map(safe, head)), 'th')}</tr></thead>" if any(head) else ""
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f'<table style="border-collapse:collapse;margin:2px 0 6px">{above}<tbody>{body}</tbody></table>'


def items(rows: Iterable[str]) -> str:
    """Write a list of HTML."""
    return f'<ul style="margin:2px 0 6px">{"".join(f"<li>{row}</li>" for row in rows)}</ul>'
