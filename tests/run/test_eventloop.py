"""Coroutines in virtual time: hours of awaiting take none, and nothing hangs."""

import asyncio
import gc
import time
from contextlib import nullcontext
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit.clock import VirtualClock
from sbh_jobkit.errors import TimeLimitExceeded
from sbh_jobkit.run import eventloop as loop
from sbh_jobkit.run.capture import Capture


@pytest.fixture(autouse=True)
def seconds():
    """No test here waits for real, except where it says so."""
    before = time.perf_counter()
    yield lambda: time.perf_counter() - before
    assert time.perf_counter() - before < 4


@pytest.fixture
def clock():
    """Open a clock at 09:00."""
    with VirtualClock(datetime.fromisoformat("2026-01-05T09:00:00+00:00"), ZoneInfo("UTC")) as opened:
        yield opened


def wall():
    """Return the time of day."""
    return time.strftime("%H:%M:%S")


async def slept(seconds, value=None):
    """Sleep and return."""
    await asyncio.sleep(seconds)
    return value if value is not None else wall()


async def asleep():
    """Sleep an hour and tell the time."""
    await asyncio.sleep(3600)
    return wall()


async def gathered():
    """Sleep side by side."""
    return [*await asyncio.gather(slept(30), slept(10), slept(20)), wall()]


async def in_turn():
    """Sleep one after another."""
    return [await slept(10), await slept(0), await slept(20)]


async def timed_out():
    """Give up after a minute."""
    try:
        async with asyncio.timeout(60):
            await asyncio.sleep(3600)
    except TimeoutError:
        return f"gave up at {wall()}"


async def waited_in_vain():
    """Give up after a minute, in the older way."""
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 60)
    except TimeoutError:
        return f"gave up at {wall()}"


async def waited_in_time():
    """Be ready before time is up."""
    return await asyncio.wait_for(slept(59), 60)


async def first_of_many():
    """Take the first that is ready, and cancel the rest."""
    tasks = [asyncio.create_task(slept(seconds)) for seconds in (300, 5, 30)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    return [task.result() for task in done], len(pending), wall()


async def as_they_come():
    """Take each when it is ready."""
    return [await each for each in asyncio.as_completed([slept(3, "c"), slept(1, "a"), slept(2, "b")])]


async def grouped():
    """Wait for a group of tasks."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(slept(seconds)) for seconds in (60, 120)]
    return [task.result() for task in tasks]


async def queued():
    """Hand over from one task to another."""
    queue = asyncio.Queue()

    async def produce():
        for number in range(3):
            await asyncio.sleep(10)
            await queue.put(f"{number} at {wall()}")

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        return [await queue.get() for _ in range(3)]


async def called_later():
    """Use the loop's own timers."""
    running, seen = asyncio.get_running_loop(), []
    running.call_later(20, lambda: seen.append(wall()))
    running.call_at(running.time() + 10, lambda: seen.append(wall()))
    await asyncio.sleep(30)
    return seen


async def in_a_thread():
    """Sleep in a helper thread."""
    await asyncio.to_thread(time.sleep, 60)
    return wall()


async def computed_in_a_thread():
    """Work in a helper thread."""
    return await asyncio.to_thread(sum, range(1000))


async def blocked():
    """Sleep as a coroutine should not, but does."""
    time.sleep(60)  # noqa: ASYNC251
    return wall()


async def at_the_same_time():
    """Ask the loop and the clock."""
    running = asyncio.get_running_loop()
    before = running.time()
    await asyncio.sleep(0.25)
    return running.time() - before


@pytest.mark.parametrize(
    ("job", "value"),
    [
        (asleep, "10:00:00"),
        (gathered, ["09:00:30", "09:00:10", "09:00:20", "09:00:30"]),
        (in_turn, ["09:00:10", "09:00:10", "09:00:30"]),
        (timed_out, "gave up at 09:01:00"),
        (waited_in_vain, "gave up at 09:01:00"),
        (waited_in_time, "09:00:59"),
        (first_of_many, (["09:00:05"], 2, "09:00:05")),
        (as_they_come, ["a", "b", "c"]),
        (grouped, ["09:01:00", "09:02:00"]),
        (queued, ["0 at 09:00:10", "1 at 09:00:20", "2 at 09:00:30"]),
        (called_later, ["09:00:10", "09:00:20"]),
        (in_a_thread, "09:01:00"),
        (computed_in_a_thread, 499500),
        (blocked, "09:01:00"),
        (at_the_same_time, 0.25),
    ],
)
def test_a_coroutine_runs_in_virtual_time(clock, job, value):
    """A coroutine that awaits an hour ends at once, and the clock is an hour later."""
    assert loop.run(job(), clock) == value


def test_it_works_where_a_loop_runs_already(clock):
    """In a notebook a loop is running: a job's coroutine still runs, in virtual time."""

    async def cell():
        return loop.run(gathered(), clock), wall()

    assert asyncio.run(cell()) == (["09:00:30", "09:00:10", "09:00:20", "09:00:30"], "09:00:30")


def test_an_error_comes_out_where_a_loop_runs_already(clock):
    """What a coroutine raises in a notebook arrives as it is."""

    async def broken():
        msg = "no"
        raise LookupError(msg)

    async def cell():
        return loop.run(broken(), clock)

    with pytest.raises(LookupError, match=r"^no$"):
        asyncio.run(cell())


def test_without_a_clock_time_is_real(seconds):
    """On an engine there is no virtual clock: a coroutine waits for real."""
    loop.run(asyncio.sleep(0.02), None)
    assert seconds() >= 0.02


def test_a_slow_helper_thread_is_not_overtaken_by_a_timer(clock):
    """Work of milliseconds in a thread is within a time-out of ten seconds, as it is in reality."""

    def work():
        ending = time.perf_counter() + 0.05
        while time.perf_counter() < ending:
            pass
        return "done"

    async def job():
        return await asyncio.wait_for(asyncio.to_thread(work), 10)

    assert loop.run(job(), clock) == "done"
    assert wall() == "09:00:00"


@pytest.mark.parametrize("cell", [False, True])
def test_awaiting_what_never_comes_ends(clock, monkeypatch, cell):
    """A deadlock is found after a few real seconds and ends as a time-out that says so; also in a notebook."""
    monkeypatch.setattr(loop, "_PATIENCE", 0.05)

    async def forever():
        await asyncio.Event().wait()

    async def in_cell():
        return loop.run(forever(), clock)

    with pytest.raises(TimeLimitExceeded) as ended:
        asyncio.run(in_cell()) if cell else loop.run(forever(), clock)
    assert str(ended.value) == "it awaits something that will never finish"


def test_patience_is_a_few_seconds():
    """How long a deadlock takes to be found."""
    assert loop._PATIENCE <= 5  # noqa: SLF001


def test_the_deadline_ends_a_coroutine(clock):
    """Awaiting past the limit ends at the limit."""
    clock.deadline = clock.epoch + 30
    with pytest.raises(TimeLimitExceeded):
        loop.run(asyncio.sleep(3600), clock)
    assert wall() == "09:00:30"


def test_the_deadline_in_a_task_group_is_a_time_out(clock):
    """A limit that a task of a group passes is that limit, not a group of exceptions."""
    clock.deadline = clock.epoch + 30

    async def job():
        async with asyncio.TaskGroup() as group:
            group.create_task(blocked())
            await asyncio.sleep(3600)

    async def blocked():
        time.sleep(3600)  # noqa: ASYNC251

    with pytest.raises(TimeLimitExceeded):
        loop.run(job(), clock)


def test_tasks_clean_up_when_the_deadline_ends_the_job(clock):
    """`finally` blocks run, and may await, when the limit ends the job; no task is left and nothing warns."""
    clock.deadline = clock.epoch + 30
    seen = []

    async def tidy(name):
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(5)
            seen.append(f"{name} at {wall()}")

    async def job():
        other = asyncio.create_task(tidy("task"))
        await tidy("main")
        await other

    with pytest.raises(TimeLimitExceeded):
        loop.run(job(), clock)
    gc.collect()
    assert sorted(seen) == ["main at 09:00:35", "task at 09:00:35"]


def test_tasks_that_are_left_are_cancelled(clock):
    """A task that nobody awaited ends with the job, as with `asyncio.run`."""
    seen = []

    async def background():
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            seen.append(f"cancelled at {wall()}")
            raise

    async def job():
        job.kept = asyncio.create_task(background())
        await asyncio.sleep(10)
        return "done"

    assert loop.run(job(), clock) == "done"
    assert seen == ["cancelled at 09:00:10"]


def test_asynchronous_generators_are_closed(clock):
    """An abandoned asynchronous generator runs its `finally`."""
    seen = []

    async def numbers():
        try:
            yield 1
            yield 2
        finally:
            seen.append("closed")

    async def job():
        async for number in numbers():
            return number
        return None

    assert loop.run(job(), clock) == 1
    gc.collect()
    assert seen == ["closed"]


@pytest.mark.parametrize("error", [ValueError("v"), SystemExit(3), asyncio.CancelledError()])
def test_what_a_coroutine_raises_arrives(clock, error, caplog):
    """An exception, an exit and a cancellation come out, and asyncio logs nothing about them."""

    async def job():
        raise error

    with pytest.raises(type(error)):
        loop.run(job(), clock)
    gc.collect()
    assert caplog.text == ""


def test_ten_thousand_sleeps_are_quick(clock):
    """A coroutine that ticks every second for hours is simulated in a moment."""

    async def ticking():
        for _ in range(10_000):
            await asyncio.sleep(1)
        return wall()

    assert loop.run(ticking(), clock) == "11:46:40"


@pytest.mark.parametrize("kept", ["task", "future"])
@pytest.mark.parametrize("captured", [True, False])
def test_an_error_that_nobody_retrieves(caplog, kept, captured):
    """While a run goes on it is logged there; later it would be shown with any secret in it."""
    objects, text = [], "s3cret"

    async def fail():
        raise ValueError(text)

    async def main():
        if kept == "task":
            objects.append(asyncio.ensure_future(fail()))
        else:
            objects.append(asyncio.get_running_loop().create_future())
            objects[0].set_exception(ValueError(text))
        await asyncio.sleep(1)

    with VirtualClock(datetime.fromisoformat("2026-01-05T09:00:00+00:00"), ZoneInfo("UTC")) as clock:
        loop.run(main(), clock)
    capture = Capture()
    with capture if captured else nullcontext():
        objects.clear()
        gc.collect()
    lines = capture.take().logs
    assert [("never retrieved" in line, "s3cret" in line) for line in lines] == [(True, True)] * captured
    assert caplog.text == ""
