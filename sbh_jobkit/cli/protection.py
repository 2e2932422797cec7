"""Standard output and standard error of the command: a reader that has gone, or a full disk, ends no work half-way."""

from __future__ import annotations

import io
import os
import re
import sys
from typing import Any

from sbh_jobkit.errors import JobkitError


class _Raw(io.FileIO):
    """A descriptor that goes on as if it took everything after it has failed once, and keeps why."""

    problem: OSError | None = None

    def write(self, data: Any) -> int:
        if self.problem is None:
            try:
                return super().write(data) or 0
            except OSError as error:
                self.problem = error
        return len(data)


class _Text(io.TextIOWrapper):
    """Text in which control characters that came from a plugin are visible signs; colours are for a terminal only."""

    def write(self, text: str) -> int:
        super().write(visible(text, colours=self.isatty()))
        return len(text)


_HIDDEN: dict[int, Any] = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}
_HIDDEN |= {0x7F: 0x2421} | {code: f"⟨U+{code:04X}⟩" for code in range(0x80, 0xA0)}
_COLOUR = re.compile(r"(\x1b\[[\d;]*m)")
_raws: list[_Raw] = []


def visible(text: str, *, colours: bool = False) -> str:
    """Return a text with signs in place of control characters, except tabs, line ends and, if asked, colours."""
    if colours and "\x1b" in text:
        return "".join(each if _COLOUR.fullmatch(each) else each.translate(_HIDDEN) for each in _COLOUR.split(text))
    return text.translate(_HIDDEN)


def protect() -> None:
    """Replace both streams by ones that never raise; raises JobkitError if standard output is closed."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  it stays open
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  as above
        msg = "standard output is closed; send it to a file, or to /dev/null"
        raise JobkitError(msg)
    sys.stdout = sys.__stdout__ = _protected(sys.stdout)  # type: ignore[misc] # what is captured is flushed by this name
    sys.stderr = sys.__stderr__ = _protected(sys.stderr)  # type: ignore[misc] # as above


def check() -> None:
    """Write what is left; raises JobkitError if output was lost, except to a reader that had enough of it."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    for raw in _raws:
        if raw.problem is not None and not isinstance(raw.problem, BrokenPipeError):
            msg = f"cannot write standard output: {raw.problem.strerror}"
            raise JobkitError(msg)


def _protected(stream: Any) -> Any:
    if type(stream) is not io.TextIOWrapper:  # someone has replaced it, who knows what to do
        return stream
    stream.flush()
    raw = _Raw(stream.fileno(), "w", closefd=False)
    _raws.append(raw)
    return _Text(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="backslashreplace",  # a job can print what the terminal cannot show
        line_buffering=stream.line_buffering or stream.isatty(),
        write_through=stream.write_through,
    )
