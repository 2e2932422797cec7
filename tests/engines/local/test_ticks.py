"""When jobs are due, by APScheduler: a trigger that keeps nothing, and ticks that only tell."""

import threading
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.ticks import ScheduleTrigger, Ticks
from sbh_jobkit.schedule.schedule import Schedule

MONTHS = [
    ("0 * * * *", "Europe/Paris", "2026-03-01", "2026-04-01"),
    ("*/15 1-3 * * *", "Europe/Paris", "2026-03-15", "2026-04-15"),
    ("30 2 * * *", "Europe/Paris", "2026-03-01", "2026-04-01"),
    ("30 2 * * *", "Europe/Paris", "2026-10-01", "2026-11-01"),
    ("*/30 * * * *", "America/New_York", "2026-10-15", "2026-11-15"),
    ("0 0,12 * * *", "Australia/Lord_Howe", "2026-04-01", "2026-05-01"),
    ("15 9 1,15 * MON", "America/Santiago", "2026-09-01", "2026-10-01"),
    ("59 23 31 12 *", "UTC", "2020-01-01", "2030-01-01"),
]


def instant(text):
    """Read an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def fired(trigger, start, end, late=timedelta(0)):
    """Go from fire time to fire time as APScheduler does, each `late`; return them."""
    now = start - timedelta(microseconds=1)
    fire, fires = trigger.get_next_fire_time(None, now), []
    while fire < end:
        fires.append(fire)
        now = max(now, fire + late)
        fire = trigger.get_next_fire_time(fire, now)
    return fires


@pytest.mark.parametrize(("expression", "zone", "start", "end"), MONTHS)
def test_the_trigger_fires_when_the_schedule_does(expression, zone, start, end):
    """Over a month with a clock change, and over years: the same instants, no more and no less."""
    schedule = Schedule(expression, ZoneInfo(zone))
    wanted = list(schedule.fires(instant(start), instant(end)))
    assert wanted
    found = fired(ScheduleTrigger(schedule), instant(start), instant(end), timedelta(milliseconds=3))
    assert [fire.timestamp() for fire in found] == [fire.timestamp() for fire in wanted]
    assert {fire.tzinfo for fire in found} == {UTC}


@pytest.mark.parametrize(("expression", "zone", "start", "end"), MONTHS)
def test_the_trigger_is_pure(expression, zone, start, end):
    """APScheduler asks twice for the successor of one fire time, and gets the same answer, in any order."""
    trigger = ScheduleTrigger(Schedule(expression, ZoneInfo(zone)))
    fires = fired(trigger, instant(start), instant(end))
    asked = [(fire, fire + timedelta(seconds=1)) for fire in [*fires[-20:], *fires[:20]]]
    once, twice = ([trigger.get_next_fire_time(*each) for each in asked] for _ in range(2))
    assert once == twice
    assert once[20:-1] == fires[1:20][: len(once[20:-1])]


def test_fire_times_strictly_increase():
    """One that was not later than the last would be asked for without end."""
    trigger = ScheduleTrigger(Schedule("30 2 * * *", "Europe/Paris"))
    fire = instant("2026-10-25T00:30")
    for now in (fire - timedelta(days=3), fire - timedelta(seconds=1), fire, fire + timedelta(seconds=1)):
        assert trigger.get_next_fire_time(fire, now) == instant("2026-10-26T01:30")


def test_a_clock_that_jumps_by_decades_lists_nothing():
    """What was due in between is in the store, if anywhere; here it costs nothing."""
    trigger = ScheduleTrigger(Schedule("* * * * *"))
    before = time.process_time()
    for year in range(2027, 2127):
        now = instant(f"{year}-01-01T00:00:30")
        assert trigger.get_next_fire_time(instant("2026-01-01"), now) == instant(f"{year}-01-01T00:01")
    assert time.process_time() - before < 1


def test_a_clock_that_goes_back_repeats_nothing():
    """The successor of a fire time is later than it, whatever the clock says."""
    trigger = ScheduleTrigger(Schedule("0 * * * *"))
    fire = instant("2026-01-01T09:00")
    assert trigger.get_next_fire_time(fire, fire - timedelta(days=1)) == instant("2026-01-01T10:00")


def test_the_calendar_has_an_end():
    """A trigger without a next fire time says so, and its job is over."""
    trigger = ScheduleTrigger(Schedule("0 0 1 1 *"))
    assert trigger.get_next_fire_time(None, instant("9998-12-30")) is None


class Heard:
    """What ticked, and when."""

    def __init__(self):
        """Hear nothing yet."""
        self.keys = []
        self.threads = set()

    def __call__(self, keys):
        """Take note."""
        self.threads.add(threading.current_thread())
        self.keys += keys


@pytest.fixture
def ticking(job):
    """Return a function that lets jobs tick, given their schedules; they stop with the test."""
    started = []

    def tick(**schedules):
        heard = Heard()
        ticks = Ticks([job(name, schedule).planned for name, schedule in schedules.items()], heard)
        ticks.start()
        started.append(ticks)
        return ticks, heard

    yield tick
    for ticks in started:
        ticks.stop()


def key(name):
    """Return the key of a job of these tests."""
    return ("acme", "counting", name)


def test_each_due_instant_ticks(ticking, wait, at):
    """Two jobs of their own schedules, in a thread of their own."""
    _, heard = ticking(a=at(0, 1, 2), b=at(1))
    wait(lambda: len(heard.keys) == 4)
    time.sleep(0.1)
    assert sorted(heard.keys) == [key("a")] * 3 + [key("b")]
    assert threading.current_thread() not in heard.threads


def test_jobs_of_one_schedule_tick_together(ticking, wait, at):
    """Ten thousand jobs that are due each hour are one tick."""
    same = at(0)
    ticks, heard = ticking(a=same, b=same, c=at(0))
    wait(lambda: len(heard.keys) == 3)
    assert sorted(heard.keys) == [key("a"), key("b"), key("c")]
    ticks.restart()
    time.sleep(0.1)
    assert len(heard.keys) == 3


def test_after_a_restart_the_next_fire_times_are_found_again(ticking, wait, at):
    """As for a clock that was set; nothing ticks twice for it."""
    ticks, heard = ticking(a=at(1, 2))
    for _ in range(5):
        ticks.restart()
        ticks.wake()
    wait(lambda: len(heard.keys) == 2)
    time.sleep(0.1)
    assert heard.keys == [key("a")] * 2


def test_one_that_raises_does_not_end_the_others(job, wait, at):
    """A tick is taken note of, and APScheduler goes on."""
    heard = []

    def due(keys):
        heard.extend(keys)
        if len(heard) == 1:
            raise ValueError

    same = at(0, 1)
    ticks = Ticks([job("a", same).planned], due)
    ticks.start()
    wait(lambda: len(heard) == 2)
    ticks.stop()


def test_planned_jobs_are_told_apart_by_their_zone(ticking):
    """The same expression in two zones is two schedules."""
    planned = [
        PlannedJob(tenant="t", plugin="p", job=zone, schedule=Schedule("0 9 * * *", zone))
        for zone in ("UTC", "Asia/Tokyo")
    ]
    assert len({each.shown for each in planned}) == 2
    ticks, _ = ticking(**{each.job.replace("/", "_"): each.schedule for each in planned})
    ticks.restart()
