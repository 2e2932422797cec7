"""Virtual time: what follows the clock, what waits, and that the process is unchanged afterwards."""

import logging
import os
import subprocess
import sys
import threading
import time
import uuid
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit import clock as module
from sbh_jobkit.clock import VirtualClock, bind_sleep, is_virtual, sleep_bound
from sbh_jobkit.errors import TimeLimitExceeded

PARIS = ZoneInfo("Europe/Paris")
NEW_YORK = ZoneInfo("America/New_York")
START = datetime.fromisoformat("2026-01-05T09:00:00+00:00")
ISO = "%Y-%m-%dT%H:%M:%S%z"


def opened(zone="UTC", at="2026-01-05T09:00:00+00:00"):
    """Return a clock that is not open yet."""
    return VirtualClock(datetime.fromisoformat(at), ZoneInfo(zone))


def logged():
    """Return the time of a log record, as ISO text."""
    record = logging.LogRecord("n", logging.INFO, "p", 1, "m", None, None)
    return logging.Formatter(datefmt="%Y-%m-%dT%H:%M:%S").formatTime(record, "%Y-%m-%dT%H:%M:%S")


WAYS = {
    "datetime.now()": lambda: datetime.now().isoformat(),  # noqa: DTZ005, TID251  that it follows is the point
    "datetime.now(UTC)": lambda: datetime.now(UTC).astimezone(PARIS).replace(tzinfo=None).isoformat(),  # noqa: TID251
    "datetime.now().astimezone()": lambda: datetime.now().astimezone().isoformat()[:19],  # noqa: TID251
    "datetime.today()": lambda: datetime.today().isoformat(),  # noqa: DTZ002
    "datetime.utcnow()": lambda: (datetime.utcnow() + timedelta(hours=1)).isoformat(),  # noqa: DTZ003, PLW0108, TID251
    "time.time()": lambda: datetime.fromtimestamp(time.time(), PARIS).replace(tzinfo=None).isoformat(),  # noqa: TID251
    "time.localtime()": lambda: time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime()),
    "time.gmtime()": lambda: f"{time.gmtime().tm_year}-01-05T{time.gmtime().tm_hour + 1}:00:00",
    "time.strftime()": lambda: time.strftime("%Y-%m-%dT%H:%M:%S"),
    "logging": logged,
    "clock.now()": lambda: module.now(PARIS).replace(tzinfo=None).isoformat(),
}


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_ask_for_the_time_sees_virtual_time(way):
    """In a clock at 09:00 UTC with the zone of Paris, every function shows 10:00."""
    with opened("Europe/Paris"):
        assert WAYS[way]() == "2026-01-05T10:00:00"


def test_uuid1_carries_virtual_time():
    """A time-based UUID contains virtual time."""
    with opened():
        ticks = uuid.uuid1().time
    made = datetime(1582, 10, 15, tzinfo=UTC) + timedelta(microseconds=ticks // 10)
    assert abs(made - START) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("zone", "at", "wall"),
    [
        ("Europe/Paris", "2026-03-29T00:59:59+00:00", "2026-03-29T01:59:59+0100"),
        ("Europe/Paris", "2026-03-29T01:00:00+00:00", "2026-03-29T03:00:00+0200"),
        ("Europe/Paris", "2026-10-25T00:30:00+00:00", "2026-10-25T02:30:00+0200"),
        ("Europe/Paris", "2026-10-25T01:30:00+00:00", "2026-10-25T02:30:00+0100"),
        ("America/New_York", "2026-03-08T07:00:00+00:00", "2026-03-08T03:00:00-0400"),
        ("America/New_York", "2026-11-01T06:30:00+00:00", "2026-11-01T01:30:00-0500"),
        ("Australia/Lord_Howe", "2026-04-04T15:00:00+00:00", "2026-04-05T01:30:00+1030"),
        ("Asia/Kolkata", "2026-01-05T09:00:00+00:00", "2026-01-05T14:30:00+0530"),
        ("UTC", "2026-01-05T09:00:00+00:00", "2026-01-05T09:00:00+0000"),
    ],
)
def test_naive_now_is_local_time_of_the_zone(zone, at, wall):
    """`datetime.now()` and `time.localtime()` show the zone's local time, even when clocks change."""
    with opened(zone, at) as clock:
        assert time.strftime(ISO) == wall
        assert datetime.now().isoformat() == wall[:19]  # noqa: DTZ005, TID251
        assert clock.now.strftime(ISO) == wall


def test_sleep_lets_virtual_time_pass_without_waiting():
    """A sleep of one hour takes no real time, and the clock is one hour later."""
    before = time.perf_counter()
    with opened() as clock:
        time.sleep(3600)
        time.sleep(0.5)
        assert clock.now.isoformat() == "2026-01-05T10:00:00.500000+00:00"
    assert time.perf_counter() - before < 1


@pytest.mark.parametrize(("seconds", "error"), [(-1, ValueError), (None, TypeError), ("1", TypeError), ([], TypeError)])
def test_sleep_has_the_errors_of_time_sleep(seconds, error):
    """A wrong length of sleep raises the same error inside a clock as outside, and no time passes."""
    with pytest.raises(error):
        time.sleep(seconds)
    with opened() as clock:
        with pytest.raises(error):
            time.sleep(seconds)
        assert clock.now == START


def test_sleep_that_was_imported_by_name_follows_the_clock():
    """`from time import sleep` in a plugin imports a `sleep` that advances a clock opened later."""
    names = {}
    with sleep_bound():
        exec("from time import sleep", names)  # noqa: S102  as a plugin's module does
    with opened() as clock:
        names["sleep"](60)
        assert clock.now.isoformat() == "2026-01-05T09:01:00+00:00"
    assert time.sleep is module._sleep  # noqa: SLF001


def test_sleep_in_names_that_exist_already_can_be_bound():
    """In the names of a notebook, a `sleep` that was imported before is replaced; other names stay."""
    names = {"sleep": time.sleep, "pause": time.sleep, "other": print}
    bind_sleep(names)
    with opened() as clock:
        names["sleep"](60)
        names["pause"](60)
        assert clock.now.isoformat() == "2026-01-05T09:02:00+00:00"
    assert names["other"] is print


def test_bound_sleep_really_sleeps_outside_of_a_clock():
    """The replaced `sleep` really waits while no clock is open."""
    names = {"sleep": time.sleep}
    bind_sleep(names)
    before = time.perf_counter()
    names["sleep"](0.02)
    assert time.perf_counter() - before >= 0.02


def test_a_thread_from_before_really_sleeps():
    """A thread that was started before, such as a kernel's heartbeat, does not advance the clock."""
    go, slept = threading.Event(), []

    def heartbeat():
        go.wait(5)
        before = time.perf_counter()
        time.sleep(0.02)
        slept.append(time.perf_counter() - before)

    thread = threading.Thread(target=heartbeat)
    thread.start()
    with opened() as clock:
        go.set()
        thread.join(5)
        assert clock.now == START
    assert slept[0] >= 0.02


def test_a_thread_that_a_job_starts_sleeps_in_virtual_time():
    """A thread that a job starts advances the clock like the job itself."""
    with opened() as clock:
        thread = threading.Thread(target=time.sleep, args=(3600,))
        thread.start()
        thread.join(5)
        assert clock.now.isoformat() == "2026-01-05T10:00:00+00:00"


def test_the_thread_that_opens_the_clock_sleeps_in_virtual_time():
    """A clock that is made in one thread and opened in another one works for the one that opened it."""
    go, clock, seen = threading.Event(), [], []

    def drive():
        go.wait(5)
        with clock[0] as opened_clock:
            time.sleep(60)
            seen.append(opened_clock.now.isoformat())

    thread = threading.Thread(target=drive)
    thread.start()
    clock.append(opened())
    go.set()
    thread.join(5)
    assert seen == ["2026-01-05T09:01:00+00:00"]


def test_a_nested_clock_replaces_the_outer_one():
    """With two open clocks the inner one counts; when it is closed, the outer one still has its time."""
    with opened("Europe/Paris") as outer:
        time.sleep(60)
        with opened("America/New_York", "2030-07-01T12:00:00+00:00") as inner:
            time.sleep(60)
            assert time.strftime(ISO) == "2030-07-01T08:01:00-0400"
            assert inner.now.isoformat() == "2030-07-01T08:01:00-04:00"
        assert time.strftime(ISO) == "2026-01-05T10:01:00+0100"
        time.sleep(60)
        assert outer.now.isoformat() == "2026-01-05T10:02:00+01:00"


def test_a_clock_continues_at_its_time():
    """A clock can be opened again, and no virtual time has passed in between."""
    clock = opened("Europe/Paris")
    with clock:
        time.sleep(3600)
    assert not is_virtual()
    with clock:
        assert time.strftime(ISO) == "2026-01-05T11:00:00+0100"
        time.sleep(3600)
    assert clock.now.isoformat() == "2026-01-05T12:00:00+01:00"


@pytest.mark.parametrize("setting", [None, "Asia/Tokyo", "UTC"])
@pytest.mark.parametrize("error", [None, KeyError, KeyboardInterrupt, TimeLimitExceeded])
def test_the_process_is_unchanged_afterwards(setting, error, monkeypatch):
    """After closing, with or without an error, TZ, the environment, local time and `time.sleep` are as before."""
    if setting is None:
        monkeypatch.delenv("TZ", raising=False)
    else:
        monkeypatch.setenv("TZ", setting)
    time.tzset()
    before = (dict(os.environ), time.tzname, time.sleep)
    with pytest.raises(error) if error else nullcontext(), opened("America/New_York") as clock:
        clock.move_to(START.timestamp(), PARIS)
        if error:
            raise error
    assert (dict(os.environ), time.tzname, time.sleep) == before
    assert abs(module.now(UTC).timestamp() - os.stat("/proc/self").st_ctime) < 3600  # noqa: PTH116
    assert not is_virtual()
    monkeypatch.undo()
    time.tzset()


def test_a_job_that_sets_tz_changes_nothing_for_those_after_it(monkeypatch):
    """A change of TZ by a job is undone when the clock is closed."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    with opened("Europe/Paris"):
        os.environ["TZ"] = "America/New_York"
        time.tzset()
    assert (os.environ["TZ"], time.tzname) == ("Asia/Tokyo", ("JST", "JST"))
    monkeypatch.undo()
    time.tzset()


def test_a_job_that_removes_tz_changes_nothing_for_those_after_it(monkeypatch):
    """If TZ was not set before and a job removes it, the machine's own zone is used again."""
    monkeypatch.delenv("TZ", raising=False)
    time.tzset()
    before = time.tzname
    with opened("Asia/Kolkata"):
        del os.environ["TZ"]
    after = time.tzname
    time.tzset()
    assert after == before


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_a_job_that_sets_tz_and_removes_it_changes_nothing_for_those_after_it(zone, monkeypatch):
    """The machine's own zone is used again also where the job has left no trace in the environment."""
    monkeypatch.delenv("TZ", raising=False)
    time.tzset()
    before = time.tzname
    with opened(zone):
        os.environ["TZ"] = "Asia/Tokyo"
        time.tzset()
        del os.environ["TZ"]
    assert (time.tzname, os.environ.get("TZ")) == (before, None)


@pytest.mark.parametrize("setting", [None, "UTC", "Europe/Paris"])
@pytest.mark.parametrize(("zone", "shown"), [("UTC", "09:00:00+0000"), ("Europe/Paris", "10:00:00+0100")])
def test_naive_times_are_in_the_zone_whatever_the_machine_is_in(setting, zone, shown, monkeypatch):
    """A zone that the machine is in already is not set, and counts all the same."""
    if setting is None:
        monkeypatch.delenv("TZ", raising=False)
    else:
        monkeypatch.setenv("TZ", setting)
    time.tzset()
    with opened(zone):
        assert time.strftime("%H:%M:%S%z") == shown
    monkeypatch.undo()
    time.tzset()


def test_the_same_clock_opened_twice_at_once_leaves_nothing_behind():
    """Opening a clock inside itself does no harm: `time.sleep` and TZ are restored."""
    before = (time.sleep, os.environ.get("TZ"))
    clock = opened("Europe/Paris")
    try:
        with clock, clock:
            pass
    except RuntimeError:
        pass
    after = (time.sleep, os.environ.get("TZ"))
    time.sleep = before[0]
    os.environ.pop("TZ", None) if before[1] is None else os.environ.update(TZ=before[1])
    time.tzset()
    assert after == before


def test_two_threads_take_turns():
    """A process has one time, so a second simulation waits for the first, and neither sees the other's time."""
    seen = []

    def simulate(year):
        with VirtualClock(datetime(year, 1, 1, tzinfo=UTC), PARIS):
            for _ in range(20):
                time.sleep(3600)
                module._sleep(0.0005)  # noqa: SLF001  let the other thread try
                seen.append(int(time.strftime("%Y")))

    threads = [threading.Thread(target=simulate, args=(year,)) for year in (2030, 2040)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen in ([2030] * 20 + [2040] * 20, [2040] * 20 + [2030] * 20)


def test_sleeping_past_the_deadline_ends_at_the_deadline():
    """A sleep past the deadline stops at the deadline, once: clean-up code may sleep afterwards."""
    with opened() as clock:
        clock.deadline = clock.epoch + 30
        time.sleep(20)
        with pytest.raises(TimeLimitExceeded):
            time.sleep(11)
        assert clock.now.isoformat() == "2026-01-05T09:00:30+00:00"
        time.sleep(5)
        assert clock.now.isoformat() == "2026-01-05T09:00:35+00:00"


def test_a_sleep_up_to_the_deadline_is_allowed():
    """A sleep that ends exactly at the deadline is allowed."""
    with opened() as clock:
        clock.deadline = clock.epoch + 30
        time.sleep(30)
        assert clock.now.isoformat() == "2026-01-05T09:00:30+00:00"


def test_the_zone_changes_with_a_move():
    """Jobs of different zones share one clock, and each sees its own local time."""
    with opened("Europe/Paris") as clock:
        clock.move_to(START.timestamp() + 60, NEW_YORK)
        assert time.strftime(ISO) == "2026-01-05T04:01:00-0500"
        clock.move_to(START.timestamp() + 120)
        assert time.strftime(ISO) == "2026-01-05T04:02:00-0500"
        clock.move_to(START.timestamp(), PARIS)
        assert time.strftime(ISO) == "2026-01-05T10:00:00+0100"


def test_time_can_go_back():
    """A clock can be moved to an earlier time, for a job that was due while the last one slept."""
    with opened() as clock:
        time.sleep(3600)
        clock.move_to(START.timestamp())
        assert time.strftime(ISO) == "2026-01-05T09:00:00+0000"


def test_is_virtual_only_inside():
    """`is_virtual` is true while a clock is open."""
    assert not is_virtual()
    with opened():
        assert is_virtual()
    assert not is_virtual()


ZONELESS = """
import time
from datetime import datetime
from zoneinfo import TZPATH, ZoneInfo
from sbh_jobkit.clock import VirtualClock
assert TZPATH == ()
for key in ("Europe/Paris", "America/New_York", "UTC"):
    with VirtualClock(datetime.fromisoformat("2026-07-05T09:00:00+00:00"), ZoneInfo(key)):
        print(time.strftime("%H:%M %Z"), datetime.now().strftime("%H:%M"))
"""


def test_a_machine_without_zone_files_uses_those_of_tzdata():
    """On a machine without zone files, C uses the file in the package tzdata."""
    environment = {**os.environ, "PYTHONTZPATH": "", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", ZONELESS], env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.stdout, done.stderr) == ("11:00 CEST 11:00\n05:00 EDT 05:00\n09:00 UTC 09:00\n", "")


def test_the_clock_stays_exact():
    """However often it moves, in steps whose length no float has, the process sees the very nanosecond."""
    clock = opened()
    with clock:
        for number in range(1, 5_000):
            time.sleep(number * 1e-6 + 0.57)
            assert time.time_ns() == clock._ns  # noqa: SLF001  its only exact value
        clock.move_to(datetime.fromisoformat("2026-02-01T00:00:00+00:00"))
        assert datetime.now(UTC).isoformat() == "2026-02-01T00:00:00+00:00"  # noqa: TID251  that it follows is the point


@pytest.mark.parametrize(
    "at",
    [
        "1950-06-01T12:00:00.000001+00:00",
        "2243-10-16T23:59:59.123456+00:00",
        "2262-05-01T00:00:00.999999+00:00",
        "2500-01-01T00:00:00.000001+00:00",
        "9990-12-31T23:59:59.999999+00:00",
    ],
)
def test_the_clock_is_exact_in_any_year(at):
    """A float of seconds has no microseconds left after 2243; the clock does not go by floats."""
    with opened(at=at) as clock:
        assert clock.now.isoformat() == at
        assert datetime.now(UTC).isoformat() == at  # noqa: TID251  what a job sees
    with opened() as clock:
        clock.move_to(datetime.fromisoformat(at))
        assert clock.now.isoformat() == at
