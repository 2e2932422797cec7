"""The one place of a dashboard where errors show: a browser shows nothing of what a callback raises."""

from __future__ import annotations

from contextlib import contextmanager
from traceback import format_exc
from typing import TYPE_CHECKING

from ipywidgets import HTML

from sbh_jobkit.errors import JobkitError
from sbh_jobkit.report.notebook.elements import COLOURS, fold, pre, word
from sbh_jobkit.report.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOX = f"border-left:3px solid {COLOURS['bad']};padding:2px 10px;margin:4px 0;line-height:1.5;white-space:pre-line"


class ErrorBanner:
    """What went wrong last, until the next thing is done."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self.widget = HTML()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Show what is raised inside, and go on: a mistake as its sentence, a fault of the kit with its traceback."""
        self.widget.value = ""
        try:
            yield
        except KeyboardInterrupt as stop:
            self.tell(f"{stop}" or "interrupted")
        except JobkitError as error:
            self.tell(f"{error}")
        except Exception as error:  # noqa: BLE001  raised into the browser it would be lost
            self.tell(
                f"{type(error).__name__}: {error}; this is a fault of sbh-jobkit", fold("Traceback", pre(format_exc()))
            )

    def tell(self, text: str, more: str = "") -> None:
        """Show a text, and more as HTML, aloud to who does not see it."""
        self.widget.value = f'<div role="alert" style="{_BOX}">{word("!", COLOURS["bad"])} {safe(text)}{more}</div>'
