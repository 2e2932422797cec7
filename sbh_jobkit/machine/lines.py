"""Which lines of some code run.

From Python 3.12 on the interpreter itself tells each line once (`sys.monitoring`), which costs next to nothing. Python
3.11 has only trace functions, which are called for every line, so that runs take about twice as long.
"""

from __future__ import annotations

import sys
import threading
from types import CodeType
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from types import FrameType

    Line = tuple[str, int]
    Trace = Callable[[FrameType, str, Any], Any]

_MONITORING: Any = getattr(sys, "monitoring", None)
_TOOLS = (3, 4, 2, 5)
"""The numbers that a tool may have, without those of debuggers and of coverage."""
_watching: list[LineWatch] = []


def is_cheap() -> bool:
    """Return whether lines can be watched at next to no cost."""
    return _MONITORING is not None and _free_tool() is not None


def nested(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and all those inside it."""
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from nested(each)


def compiled(code: CodeType) -> None:
    """Let the open watches know of a module that is imported only now."""
    for watch in _watching:
        watch.add(code)


class Means(Protocol):
    """A way to note lines."""

    def begin(self) -> None:
        """Start."""

    def add(self, code: CodeType) -> None:
        """Note the lines of this code, too; only between `begin` and `end`."""

    def renew(self) -> None:
        """Go on, also if an error in a run has ended it."""

    def end(self) -> None:
        """Stop, and leave the process as it was."""


class LineWatch:
    """Notes the lines that run while it is open, as often as it is opened."""

    def __init__(self, codes: Iterable[CodeType], root: Path | None = None, means: type[Means] | None = None) -> None:
        """Watch this code, and what is imported from the folder `root` meanwhile."""
        self.reached: set[Line] = set()
        """The file and the number of each line."""
        self._codes = list(codes)
        self._root = None if root is None else f"{root}/"
        self._means = (means or (Monitoring if is_cheap() else Tracing))(self.reached)  # type: ignore[call-arg]  # both do

    def __enter__(self) -> Self:
        """Start."""
        self._means.begin()
        for code in self._codes:
            self._means.add(code)
        _watching.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        _watching.remove(self)
        self._means.end()

    def add(self, code: CodeType) -> None:
        """Watch a module, too, if it is of this folder."""
        if self._root is not None and code.co_filename.startswith(self._root):
            self._codes.append(code)
            self._means.add(code)

    def renew(self) -> None:
        """Go on after a run, also if the run has ended in an error that ended the watch."""
        self._means.renew()


class Monitoring:
    """By `sys.monitoring`, in all threads; each line is reported once."""

    def __init__(self, reached: set[Line]) -> None:
        """Add lines to `reached`."""
        self._reached = reached
        self._codes: list[CodeType] = []
        self._tool = 0

    def begin(self) -> None:
        """Take one of the free numbers of tools."""
        self._tool = _free_tool() or 0
        _MONITORING.use_tool_id(self._tool, "sbh-jobkit")
        _MONITORING.register_callback(self._tool, _MONITORING.events.LINE, self._note)

    def add(self, code: CodeType) -> None:
        """Ask for the lines of this code alone: no other code becomes slower."""
        for each in nested(code):
            _MONITORING.set_local_events(self._tool, each, _MONITORING.events.LINE)
            self._codes.append(each)

    def renew(self) -> None:
        """Do nothing: an error in a run does not end it."""

    def end(self) -> None:
        """Give the number back; the next watch hears of each line again."""
        for code in self._codes:
            _MONITORING.set_local_events(self._tool, code, 0)
        self._codes.clear()
        _MONITORING.register_callback(self._tool, _MONITORING.events.LINE, None)
        _MONITORING.free_tool_id(self._tool)

    def _note(self, code: CodeType, line: int) -> Any:
        self._reached.add((code.co_filename, line))
        return _MONITORING.DISABLE


class Tracing:
    """By trace functions, in this thread and in those that it starts; a debugger or coverage goes on beside it."""

    def __init__(self, reached: set[Line]) -> None:
        """Add lines to `reached`."""
        self._reached = reached
        self._files: set[str] = set()
        self._threads: Any = None
        self._tracer: _Tracer

    def begin(self) -> None:
        """Put a trace function before the one that is there."""
        other: Any = sys.gettrace()
        self._tracer = _Tracer(self._files, self._reached, other)
        self._threads = threading.gettrace()
        sys.settrace(self._tracer)
        threading.settrace(self._in_thread)

    def add(self, code: CodeType) -> None:
        """Note the lines of this file."""
        self._files.add(code.co_filename)

    def renew(self) -> None:
        """Begin again if an error in a trace function has removed it, as Python does then."""
        if sys.gettrace() is None:
            sys.settrace(self._tracer)

    def end(self) -> None:
        """Give the other trace function back, unless a debugger has begun meanwhile."""
        now: Any = sys.gettrace()
        if now is self._tracer:
            sys.settrace(self._tracer.other)
        threading.settrace(self._threads)

    def _in_thread(self, frame: FrameType, event: str, argument: Any) -> Any:
        tracer = _Tracer(self._files, self._reached, self._threads)
        sys.settrace(tracer)
        return tracer(frame, event, argument)


class _Tracer:
    """The trace function of one thread, which also calls the one that was there before."""

    def __init__(self, files: set[str], reached: set[Line], other: Trace | None) -> None:
        self._files = files
        self._reached = reached
        self.other = other

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        theirs = self._call_other(frame, event, argument) if self.other is not None else None
        if frame.f_code.co_filename not in self._files:
            return theirs
        return self._note if theirs is None else self._noting(theirs)

    def _call_other(self, frame: FrameType, event: str, argument: Any) -> Any:
        theirs = self.other(frame, event, argument)  # type: ignore[misc]  # its caller has looked
        now: Any = sys.gettrace()
        if now is not self:  # coverage puts itself in front again, a debugger may stop
            self.other = now
            sys.settrace(self)
        return theirs

    def _note(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            self._reached.add((frame.f_code.co_filename, frame.f_lineno))
        return self._note

    def _noting(self, theirs: Any) -> Trace:
        def note(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal theirs
            self._note(frame, event, None)
            theirs = theirs(frame, event, argument) if theirs is not None else None
            return note

        return note


def _free_tool() -> int | None:
    return next((number for number in _TOOLS if _MONITORING.get_tool(number) is None), None)
