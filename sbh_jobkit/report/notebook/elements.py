"""Elements of cards, for widgets that put them together themselves; whole cards are templates.

A notebook that is opened untrusted, and most pages that host code, drop style sheets, scripts and inline SVG, and some
drop style attributes, too; the rest is still readable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.template import macros

if TYPE_CHECKING:
    from collections.abc import Callable

    from markupsafe import Markup

_elements = macros("cards")

line: Callable[..., Markup] = _elements.line
"""Takes the parts of a line; empty parts are left out."""
bold: Callable[[str], Markup] = _elements.bold
coloured: Callable[[str, str], Markup] = _elements.coloured
"""Takes a text and the name of one of the COLOURS."""
muted: Callable[[str], Markup] = _elements.muted
"""Writes in grey what is less important."""
fold: Callable[[str, str], Markup] = _elements.fold
"""Takes a summary, and what a click on it opens."""
pre: Callable[[str], Markup] = _elements.pre
