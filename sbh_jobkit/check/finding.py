"""One problem that a check found: its place, its rule, how serious it is, what is wrong, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

LEVELS = ("error", "warning", "note")
"""How serious a finding is: `error` fails when it is reached, `warning` at times, `note` is a hint."""


class Span(NamedTuple):
    """A place in a file; lines and columns count from 1, in characters, and 0 stands for an end that is not known."""

    line: int = 1
    column: int = 1
    end_line: int = 0
    end_column: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Edit:
    """A change of one file that is safe to make: the text between two places is replaced."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One problem in a plugin; lines and columns count from 1, in characters."""

    file: str
    """The path in the plugin's folder."""
    line: int
    column: int = 1
    end_line: int = 0
    """The last line of what is wrong; 0 if only its start is known."""
    end_column: int = 0
    """The column after what is wrong; 0 if only its start is known."""
    level: str = "error"
    """One of LEVELS."""
    rule: str
    """One of the rules, or the id of a divergence."""
    message: str
    advice: str = ""
    edits: tuple[Edit, ...] = ()
    """What `--fix` changes."""

    @property
    def sentence(self) -> str:
        """The message with its advice, in one text."""
        return f"{self.message}; {self.advice}" if self.advice else self.message
