"""Where a dashboard shows errors: below the buttons that were clicked. A browser drops what a callback raises."""

from __future__ import annotations

from contextlib import contextmanager
from traceback import format_exc
from typing import TYPE_CHECKING

from ipywidgets import HTML

from sbh_jobkit.errors import JobkitError
from sbh_jobkit.report.notebook.elements import coloured, fold, pre
from sbh_jobkit.report.text import escape
from sbh_jobkit.report.verdicts import COLOURS

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOX = f"border-left:3px solid {COLOURS['bad']};padding:2px 10px;margin:4px 0;line-height:1.5;white-space:pre-line"


class ErrorBanner:
    """The latest error of one part of the dashboard."""

    def __init__(self) -> None:
        """Start empty."""
        self.widget = HTML()

    @contextmanager
    def catch_errors(self) -> Iterator[None]:
        """Show an error raised inside, and go on: a user's by its message, one of the kit with a traceback."""
        try:
            yield
        except KeyboardInterrupt as stop:
            self.show(f"{stop}" or "interrupted")
        except JobkitError as error:
            self.show(f"{error}")
        except Exception as error:  # noqa: BLE001  a browser would drop it
            traceback = fold("Traceback", pre(format_exc()))
            self.show(f"{type(error).__name__}: {error}; this is a bug in sbh-jobkit", traceback)

    def show(self, text: str, details: str = "") -> None:
        """Show a text, with details as HTML; a screen reader reads it out at once."""
        self.widget.value = f'<div role="alert" style="{_BOX}">{coloured("!", "bad")} {escape(text)}{details}</div>'

    def clear(self) -> None:
        """Remove the error."""
        self.widget.value = ""
