"""Drawings for notebooks: SVG inside an `<img>`, so that it is shown also in a notebook that is not trusted.

An SVG inside an `<img>` knows nothing of its page, so a drawing has no background, a few style rules of its own, and
colours that are visible on white and on black.
"""

from __future__ import annotations

from base64 import b64encode

from markupsafe import Markup

from sbh_jobkit.report.text import escape

INKS = {
    "ok": "#5587a2",
    "coalesced": "#7b8792",
    "skipped": "#7b8792",
    "expected": "#8a7fc0",
    "faulty": "#a87800",
    "missed": "#70777f",
    "cancelled": "#5a7d4f",
    "lost": "#2f8f83",
    "unexpected_ok": "#3b6fe0",
    "timed_out": "#c06a10",
    "out_of_memory": "#9a4fc0",
    "failed": "#d9480f",
    "crashed": "#d02f6c",
    "text": "#737a83",
    "grid": "#8b949e",
}
"""Each is visible on a white page and on a dark one; a test measures it."""
FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',sans-serif"
SMALL = f"text{{{FONT};font-size:11px;fill:{INKS['text']}}}"
"""The style rule for the texts of small drawings."""


def img(svg: str, alt: str) -> Markup:
    """Return an element that shows a drawing; `alt` says what is on it."""
    data = b64encode(svg.encode()).decode()
    return Markup(
        '<img alt="{}" src="data:image/svg+xml;base64,{}" style="max-width:100%;height:auto;border:0"/>'
    ).format(Markup(escape(alt)), data)  # noqa: S704  it is escaped


def document(width: int, height: int, rules: str, inner: str) -> str:
    """Return a complete SVG document."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f"<style>{rules}</style>{inner}</svg>"
    )
