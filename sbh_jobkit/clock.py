"""Virtual time; no other module reads the machine's clock.

While a clock is open (`with clock:`), `datetime.now`, `time.time`, `time.localtime`, logging and everything else that
gets the time from C see virtual time, in every thread, and `time.sleep` advances it instead of waiting. A process has
only one time, so one clock is open at a time: another thread waits, and a nested clock replaces the outer one until it
is closed.
"""

from __future__ import annotations

import os
import sched
import select
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from operator import index
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, Self, SupportsIndex
from zoneinfo import TZPATH, ZoneInfo

from sbh_jobkit import threads
from sbh_jobkit.errors import TimeLimitExceeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping

_SECOND = 1_000_000_000
_NONE, _MICROSECOND = timedelta(0), timedelta(microseconds=1)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_sleep, _ctime, _asctime, _select = time.sleep, time.ctime, time.asctime, select.select
_REAL_WAITS = {subprocess.Popen._wait.__code__}  # type: ignore[attr-defined] # noqa: SLF001  it polls, with sleeps
_BEGIN = sched.scheduler.__init__
_STILL = 0.03
"""Real seconds without a step after which a thread that waits for another one is taken to wait."""
_GLANCE = 0.001
_ANSWER = 1.0
"""Real seconds for a file or a socket to become ready before virtual time passes."""
_one_at_a_time = threading.RLock()
_open: list[VirtualClock] = []
_binding = threading.Lock()
_bound = 0
_found: list[Any] = []


def now(tz: tzinfo) -> datetime:
    """Return the time: virtual time while a clock is open, otherwise the machine's time."""
    return _open[-1].now_in(tz) if _open else datetime.now(tz)  # noqa: TID251  the only place that may


def is_virtual() -> bool:
    """Whether a clock is open."""
    return bool(_open)


def sleep(seconds: float | SupportsIndex, /) -> None:
    """Wait as `time.sleep` does; while a clock is open, advance it instead."""
    clock = _open[-1] if _open else None
    if clock is None or not clock.governs(threading.current_thread()):
        _sleep(seconds)
        return
    length = seconds if isinstance(seconds, (int, float)) else index(seconds)
    if length < 0:
        msg = "sleep length must be non-negative"
        raise ValueError(msg)
    if sys._getframe(1).f_code in _REAL_WAITS:  # noqa: SLF001  another process works in real time, and is waited for
        _sleep(seconds)
        return
    clock.wait(length)


def ctime(seconds: float | None = None, /) -> str:
    """Return what `time.ctime` does, which itself asks the machine."""
    return _ctime(time.time() if seconds is None else seconds)  # noqa: TID251  virtual while a clock is open


def asctime(parts: Any = None, /) -> str:
    """Return what `time.asctime` does, which itself asks the machine."""
    return _asctime(time.localtime() if parts is None else parts)


def wait_for_files(reading: Any, writing: Any, special: Any, timeout: float | None = None, /) -> Any:
    """Wait as `select.select` does; while a clock is open, the time-out passes in virtual time."""
    clock = _open[-1] if _open and timeout is not None and timeout > 0 else None
    if clock is None or timeout is None or not clock.governs(threading.current_thread()):
        return _select(reading, writing, special, timeout)
    asked = bool(reading or writing or special)
    ready = _select(reading, writing, special, min(timeout, _ANSWER) if asked else 0)
    if not any(ready):
        clock.wait(timeout)
        ready = _select(reading, writing, special, 0)
    return ready


_REPLACED: tuple[tuple[Any, str, Any], ...] = (
    (time, "sleep", sleep),
    (time, "ctime", ctime),
    (time, "asctime", asctime),
    (select, "select", wait_for_files),
    (sched.scheduler, "__init__", FunctionType(_BEGIN.__code__, vars(sched), "__init__", (time.time, sleep))),  # noqa: TID251  virtual while a clock is open
)
"""What does not get the time from C: replaced while a clock is open."""


@contextmanager
def sleep_bound() -> Iterator[None]:
    """Make `from time import sleep` in this block import our `sleep`, which follows a clock that is opened later."""
    global _bound  # noqa: PLW0603  a counter, because imports in several threads overlap
    with _binding:
        _bound += 1
        if _bound == 1:
            _found.append(time.sleep)
            time.sleep = sleep
    try:
        yield
    finally:
        with _binding:
            _bound -= 1
            if _bound == 0:
                time.sleep = _found.pop()


def bind_sleep(names: MutableMapping[str, Any]) -> None:
    """Replace `time.sleep` by our `sleep` among names that were imported before."""
    for name, value in list(names.items()):
        if value is _sleep:
            names[name] = sleep


class VirtualClock:
    """A time that only its owner moves; `with clock:` opens it, and opening it again continues at the same time."""

    __slots__ = (
        *("_driver", "_ns", "_outsiders", "_restore", "_shown", "_sleepers", "_traveller", "_travels", "_turn"),
        *("deadline", "expired", "zone"),
    )

    def __init__(self, at: datetime, zone: ZoneInfo) -> None:
        """Start at an aware time; naive `datetime.now()` will be local time in `zone`."""
        self._ns = _nanoseconds(at)
        self.zone = zone
        self.deadline: float | None = None
        """The epoch second that `advance` may not pass: then it raises TimeLimitExceeded."""
        self.expired: str | None = None
        """Which limit was exceeded, kept even if a job catches the exception; empty for virtual time, None for none."""
        self._outsiders = set(threading.enumerate())
        self._driver = threading.current_thread()
        self._sleepers: dict[threading.Thread, int] = {}
        """The threads that sleep, and until which time."""
        self._turn = threading.Condition()
        self._shown: tuple[int, tzinfo, datetime] | None = None
        """A time that was asked for, with its zone and what it is there: a run asks for the same one several times."""
        self._travels: Any = None
        self._traveller: Any = None
        self._restore: tuple[str | None, tuple[str, str], list[Any]]

    @property
    def epoch(self) -> float:
        """The virtual time in seconds since 1970."""
        return self._ns / _SECOND

    def since(self, epoch: float) -> timedelta:
        """Return the virtual time that has passed since an instant, in microseconds."""
        if epoch == self.epoch:
            return _NONE
        return timedelta(microseconds=(self._ns - _nanoseconds(epoch)) // 1_000)

    @property
    def now(self) -> datetime:
        """The virtual time, in the clock's zone."""
        return self.now_in(self.zone)

    def now_in(self, tz: tzinfo) -> datetime:
        """Return the virtual time, in a zone."""
        now, shown = self._ns, self._shown
        if shown is None or shown[0] != now or shown[1] is not tz:
            seconds, rest = divmod(now, _SECOND)
            whole = datetime.fromtimestamp(seconds, tz)
            shown = self._shown = (now, tz, whole.replace(microsecond=rest // 1_000) if rest else whole)
        return shown[2]

    def governs(self, thread: threading.Thread) -> bool:
        """Whether a thread sleeps in virtual time: the one that opened the clock, and those that jobs started."""
        return thread is self._driver or thread not in self._outsiders or threads.is_plugins(thread)

    def sleeps(self, thread: threading.Thread) -> bool:
        """Whether a thread sleeps in virtual time now."""
        return thread in self._sleepers

    def __enter__(self) -> Self:
        """Open the clock: from now on the process sees virtual time."""
        if self._travels is None:
            from time_machine import travel

            self._travels = travel(0, tick=False)
        _one_at_a_time.acquire()
        if self in _open:
            _one_at_a_time.release()
            msg = "this clock is open already"
            raise RuntimeError(msg)
        self._driver = threading.current_thread()
        self._restore = (os.environ.get("TZ"), time.tzname, [getattr(owner, name) for owner, name, _ in _REPLACED])
        self._traveller = self._travels.start()
        self._shift(self._ns)
        if self._restore[0] is not None or not _is_machines(self.zone):
            _set_wall_clock(_tz_setting(self.zone))
        for owner, name, ours in _REPLACED:
            setattr(owner, name, ours)
        _open.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Close the clock: the process sees the machine's time again."""
        _open.remove(self)
        setting, names, before = self._restore
        for (owner, name, _), theirs in zip(_REPLACED, before, strict=True):
            setattr(owner, name, theirs)
        if os.environ.get("TZ") != setting or time.tzname is not names:  # else nobody has called tzset
            _set_wall_clock(setting)
        self._travels.stop()
        _one_at_a_time.release()

    def move_to(self, epoch: float | datetime, zone: ZoneInfo | None = None) -> None:
        """Set the time, and the zone if one is given; a datetime is exact also where a float is not, after 2243."""
        self._move(_nanoseconds(epoch))
        if zone is not None and zone is not self.zone:
            self.zone = zone
            _set_wall_clock(_tz_setting(zone))

    def advance(self, seconds: float) -> None:
        """Let virtual time pass; raises TimeLimitExceeded if it passes the deadline."""
        target = self._ns + round(seconds * _SECOND)
        if self.deadline is not None and target > _nanoseconds(self.deadline):
            end, self.deadline, self.expired = _nanoseconds(self.deadline), None, ""
            self._move(end)
            raise TimeLimitExceeded
        self._move(target)

    def wait(self, seconds: float, ready: Callable[[], object] = lambda: None) -> None:
        """Sleep in virtual time, which passes once for all threads that sleep at a time; end early if `ready()`.

        Time moves on when every thread of the job sleeps, or waits for another thread. Those that wake at one time go
        on one after the other, in the order in which they were started, so a run is the same each time. A thread that
        works is waited for in real time, at most for as long as the sleep.
        """
        me = threading.current_thread()
        if not threads.any_started() or not self._others(me):
            if not ready():
                self.advance(seconds)
            return
        until, target = time.perf_counter() + seconds, self._ns + round(seconds * _SECOND)
        watch = _Steps()
        with self._turn:
            self._sleepers[me] = target
        try:
            while not ready():
                with self._turn:
                    if threads.is_ended():
                        raise SystemExit
                    if self._may_go(me, watch, worked=time.perf_counter() > until):
                        if target > self._ns:
                            self.advance((target - self._ns) / _SECOND)
                        return
                    self._turn.wait(_GLANCE)
        finally:
            with self._turn:
                del self._sleepers[me]
                self._turn.notify_all()

    def _others(self, me: threading.Thread) -> list[threading.Thread]:
        found = [thread for thread in threads.alive() if thread is not me]
        return found if me is self._driver else [self._driver, *found]

    def _may_go(self, me: threading.Thread, watch: _Steps, *, worked: bool) -> bool:
        """Whether a sleeper is the next to wake, and all others sleep, or wait; `worked` does not wait for them."""
        if min(self._sleepers, key=lambda thread: (self._sleepers[thread], threads.number(thread))) is not me:
            return False
        awake = [thread for thread in self._others(me) if thread not in self._sleepers]
        return worked or all(watch.is_still(thread) for thread in awake)

    def _move(self, to: int) -> None:
        """Set the time, also of time-machine."""
        by, self._ns = to - self._ns, to
        self._shift(by)

    def _shift(self, by: int) -> None:
        """Move time-machine, in two steps: one float cannot hold both seconds and nanoseconds."""
        seconds, rest = divmod(by, _SECOND)
        self._traveller.shift(seconds)
        if rest:
            self._traveller.shift((rest + 0.25) / _SECOND)  # older versions cut what is below a nanosecond


class _Steps:
    """Sees whether threads that wait for others do not move."""

    def __init__(self) -> None:
        self._seen: dict[threading.Thread, tuple[tuple[int, int], float]] = {}

    def is_still(self, thread: threading.Thread) -> bool:
        if not threads.waits(thread):
            self._seen.pop(thread, None)
            return threads.has_ended(thread)
        if threads.is_asleep(thread):
            return True
        step, now = threads.step(thread), time.perf_counter()
        before, since = self._seen.get(thread, (None, now))
        self._seen[thread] = step, (since if step == before else now)
        return step == before and now - since > _STILL


def _nanoseconds(epoch: float | datetime) -> int:
    if isinstance(epoch, int):
        return epoch * _SECOND
    if isinstance(epoch, datetime):
        return (epoch - _BEGINNING) // _MICROSECOND * 1_000
    if epoch.is_integer():
        return int(epoch) * _SECOND
    whole = int(epoch // 1)
    return whole * _SECOND + round((epoch - whole) * 1e6) * 1_000


def _set_wall_clock(setting: str | None) -> None:
    if setting is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = setting
    time.tzset()


@cache
def _is_machines(zone: ZoneInfo) -> bool:
    """Whether the machine itself is in a zone; then TZ is not set for it, which would read two files at each run."""
    theirs, ours = Path("/etc/localtime"), [Path(folder, zone.key) for folder in TZPATH]
    return theirs.is_file() and theirs.read_bytes() in [each.read_bytes() for each in ours if each.is_file()]


@cache
def _tz_setting(zone: ZoneInfo) -> str:
    """Return the value of TZ for a zone: its name, or its file in tzdata if the machine has no zone files."""
    if any(Path(folder, zone.key).is_file() for folder in TZPATH):
        return zone.key
    return f":{files('tzdata').joinpath('zoneinfo', *zone.key.split('/'))}"
