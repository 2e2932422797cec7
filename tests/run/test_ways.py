"""A hundred ways to ask for the time or to wait, in a job: what follows virtual time is what the manual says."""

import re
import time
from pathlib import Path

import pytest

from sbh_jobkit import Plugin, World, run_job

MANUAL = Path(__file__).parents[2] / "docs" / "schedules.md"
EPOCH = 1_767_603_600  # 2026-01-05T09:00Z
LATER = "time.sleep(0)"

TIME = {
    "datetime.now": [
        "datetime.now().isoformat()[:16] == '2026-01-05T10:00'",
        "datetime.now(UTC).hour == 9",
        "datetime.now().astimezone().utcoffset().seconds == 3600",
        "datetime.fromtimestamp(time.time()).hour == 10",
    ],
    "datetime.today": ["datetime.today().hour == 10", "datetime.today().date().day == 5"],
    "datetime.utcnow": ["datetime.utcnow().hour == 9"],
    "date.today": ["date.today().isoformat() == '2026-01-05'", "date.today().weekday() == 0"],
    "time.time": ["time.time() == EPOCH", "time.time_ns() == EPOCH * 10**9", "int(time.time() * 1e3) == EPOCH * 1000"],
    "time.clock_gettime": [
        "time.clock_gettime(time.CLOCK_REALTIME) == EPOCH",
        "time.clock_gettime_ns(time.CLOCK_REALTIME) == EPOCH * 10**9",
    ],
    "time.localtime": ["time.localtime().tm_hour == 10", "time.mktime(time.localtime()) == EPOCH"],
    "time.gmtime": ["time.gmtime().tm_hour == 9", "__import__('calendar').timegm(time.gmtime()) == EPOCH"],
    "time.strftime": ["time.strftime('%H:%M %Z') == '10:00 CET'", "time.strftime('%j') == '005'"],
    "time.ctime": [
        "time.ctime() == 'Mon Jan  5 10:00:00 2026'",
        "time.ctime(None) == 'Mon Jan  5 10:00:00 2026'",
        "time.ctime(0) == 'Thu Jan  1 01:00:00 1970'",
    ],
    "time.asctime": [
        "time.asctime() == 'Mon Jan  5 10:00:00 2026'",
        "time.asctime(time.gmtime()) == 'Mon Jan  5 09:00:00 2026'",
    ],
    "logging": [
        "logging.makeLogRecord({'msg': ''}).created == EPOCH",
        "logging.Formatter('%(asctime)s').format(logging.makeLogRecord({})).startswith('2026-01-05 10:00:00')",
    ],
    "uuid.uuid1": ["(uuid.uuid1().time - 0x01B21DD213814000) // 10**7 == EPOCH"],
    "email.utils": [
        "email.utils.formatdate() == 'Mon, 05 Jan 2026 09:00:00 -0000'",
        "email.utils.formatdate(localtime=True) == 'Mon, 05 Jan 2026 10:00:00 +0100'",
        "email.utils.localtime().hour == 10",
    ],
    "http.cookiejar": ["http.cookiejar.time2netscape().startswith('Mon, 05-Jan-2026 09:00:00')"],
    "wsgiref": ["wsgiref.handlers.format_date_time(time.time()) == 'Mon, 05 Jan 2026 09:00:00 GMT'"],
    "imaplib": ["imaplib.Time2Internaldate(time.time()) == '\"05-Jan-2026 10:00:00 +0100\"'"],
    "zipfile": [
        "((z := zipfile.ZipFile(io.BytesIO(), 'w')).writestr('a', '') or z.infolist()[0].date_time[3]) == 10",
    ],
    "xmlrpc.client": ["str(xmlrpc.client.DateTime(None)) == '20260105T10:00:00'"],
    "http.server": [
        "http.server.BaseHTTPRequestHandler.date_time_string(None) == 'Mon, 05 Jan 2026 09:00:00 GMT'",
        "(h := http.server.BaseHTTPRequestHandler).log_date_time_string(h) == '05/Jan/2026 10:00:00'",
    ],
    "time.tzname": ["time.tzname == ('CET', 'CEST')", "time.timezone == -3600", "time.daylight == 1"],
    "plistlib": ["plistlib.dumps(datetime.now(UTC).replace(tzinfo=None)).find(b'2026-01-05T09:00:00Z') > 0"],
    "http.cookies": ["http.cookies._getdate(0) == 'Mon, 05 Jan 2026 09:00:00 GMT'"],
    "gzip": ["int.from_bytes(gzip.compress(b'')[4:8], 'little') in (0, EPOCH)"],
    "random": ["random.Random(int(time.time())).random() == random.Random(EPOCH).random()"],
}
WAIT = {
    "time.sleep": ["time.sleep(5)", "from time import sleep; sleep(5)", "[time.sleep(1) for _ in range(5)]"],
    "asyncio.sleep": [
        "asyncio.run(asyncio.sleep(5))",
        "asyncio.run(asyncio.wait_for(asyncio.sleep(5), 9))",
        "with asyncio.Runner() as runner: runner.run(asyncio.sleep(5))",
        "_ran(asyncio.new_event_loop())",
        "_ran(asyncio.SelectorEventLoop())",
        "_ran(asyncio.get_event_loop_policy().new_event_loop())",
        "_ran(asyncio.DefaultEventLoopPolicy().new_event_loop())",
        "asyncio.run(_timed(5))",
        "asyncio.run(_gathered(5, 3, 1))",
        "asyncio.run(_event(5))",
        "asyncio.run(_called_later(5))",
        "asyncio.run(_queue(5))",
        "asyncio.run(_condition(5))",
        "asyncio.run(_waited(5))",
        "asyncio.run(_completed(5))",
        "asyncio.run(_shielded(5))",
        "asyncio.run(_in_thread(5))",
        "asyncio.run(_group(5))",
    ],
    "sched.scheduler": [
        "s = sched.scheduler(); s.enter(5, 1, int); s.run()",
        "s = sched.scheduler(time.time, time.sleep); s.enter(5, 1, int); s.run()",
        "s = sched.scheduler(time.time); s.enterabs(time.time() + 5, 1, int); s.run()",
        "s = sched.scheduler(delayfunc=time.sleep); s.enter(2, 1, int); s.enter(5, 1, int); s.run()",
    ],
    "select.select": [
        "select.select([], [], [], 5)",
        "select.select([], [], [], 2.5); select.select([], [], [], 2.5)",
        "from select import select as s; s([], [], [], 5)",
        "r, w = os.pipe(); select.select([r], [], [], 5); os.close(r); os.close(w)",
    ],
    "threads that sleep": [
        "t = threading.Thread(target=time.sleep, args=(5,)); t.start(); t.join()",
        "p = concurrent.futures.ThreadPoolExecutor(); p.submit(time.sleep, 5).result(); p.shutdown()",
        "p = concurrent.futures.ThreadPoolExecutor(); list(p.map(time.sleep, [5, 4, 3])); p.shutdown()",
    ],
}
NOT = {
    "time.monotonic": ["time.monotonic()", "time.monotonic_ns() / 1e9", "time.clock_gettime(time.CLOCK_MONOTONIC)"],
    "time.perf_counter": ["time.perf_counter()", "time.perf_counter_ns() / 1e9"],
    "time.process_time": ["time.process_time()", "time.thread_time()", "os.times().user"],
    "os.times": ["os.times().elapsed"],
    "the times of real files": ["os.stat(tempfile.mkdtemp()).st_mtime", "os.stat(tempfile.mkdtemp()).st_ctime"],
    "SQLite's `CURRENT_TIMESTAMP`": [
        "float(sqlite3.connect(':memory:').execute(\"select strftime('%s', CURRENT_TIMESTAMP)\").fetchone()[0])",
        "float(sqlite3.connect(':memory:').execute(\"select strftime('%s', 'now')\").fetchone()[0])",
    ],
    "other processes": ["float(subprocess.run(['date', '+%s'], stdout=-1).stdout)"],
}
REAL = {
    "a time-out of a thread, a lock, a queue or an event": [
        "threading.Event().wait(.02)",
        "threading.Condition()._is_owned() or threading.Semaphore(0).acquire(timeout=.02)",
        "(lambda lock: lock.acquire() and lock.acquire(timeout=.02))(threading.Lock())",
        "(lambda q: q.put(1) or q.get() and threading.Event().wait(.02))(queue.Queue())",
        "signal.sigtimedwait([signal.SIGUSR2], .02)",
        "subprocess.run(['sleep', '.02'])",
    ],
    "`select.poll`": ["select.poll().poll(20)", "select.epoll().poll(.02)", "selectors.DefaultSelector().select(.02)"],
}

PRELUDE = f"""
import asyncio, concurrent.futures, email.utils, gzip, http.cookiejar, http.cookies, http.server, imaplib, io
import logging, os, plistlib, queue, random, sched, select, selectors, signal, sqlite3, subprocess, tempfile
import threading, time, uuid
import wsgiref.handlers, xmlrpc.client, zipfile
from datetime import UTC, date, datetime
from src.ext.sdk import job

EPOCH = {EPOCH}

def _ran(loop):
    loop.run_until_complete(asyncio.sleep(5))
    loop.close()

async def _timed(seconds):
    try:
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()
    except TimeoutError:
        pass

async def _gathered(*seconds):
    await asyncio.gather(*map(asyncio.sleep, seconds))

async def _event(seconds):
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, event.set)
    await event.wait()

async def _called_later(seconds):
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_at(loop.time() + seconds, done.set_result, None)
    await done

async def _queue(seconds):
    try:
        await asyncio.wait_for(asyncio.Queue().get(), seconds)
    except TimeoutError:
        pass

async def _condition(seconds):
    condition = asyncio.Condition()
    async with condition:
        try:
            await asyncio.wait_for(condition.wait(), seconds)
        except TimeoutError:
            pass

async def _waited(seconds):
    await asyncio.wait([asyncio.ensure_future(asyncio.sleep(99))], timeout=seconds)

async def _completed(seconds):
    for each in asyncio.as_completed([asyncio.sleep(1), asyncio.sleep(seconds)]):
        await each

async def _shielded(seconds):
    await asyncio.shield(asyncio.sleep(seconds))

async def _in_thread(seconds):
    await asyncio.to_thread(time.sleep, seconds)

async def _group(seconds):
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(seconds))
        group.create_task(asyncio.sleep(1))
"""


def _cases(table):
    return [pytest.param(way, id=way) for ways in table.values() for way in ways]


@pytest.fixture
def ran(tmp_path):
    """Run lines as a job, at 09:00 UTC in Paris."""

    def run(*lines):
        body = "".join(f"    {line}\n" for line in lines)
        (tmp_path / "main.py").write_text(f"{PRELUDE}\n\n@job('ask')\ndef ask(ctx):\n{body}", encoding="utf-8")
        manifest = '{"slug": "ways", "name": "Ways", "timezone": "Europe/Paris"}'
        (tmp_path / "plugin.json").write_text(manifest, encoding="utf-8")
        return run_job(Plugin.load(tmp_path).jobs["ask"], World(), at="2026-01-05T10:00")

    return run


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("way", _cases(TIME))
def test_it_tells_virtual_time(ran, way):
    """What these return is the time of the run, in the zone of the plugin."""
    run = ran(f"return ({way}) is True")
    assert (run.error, run.value) == (None, True)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("way", _cases(WAIT))
def test_it_waits_in_virtual_time(ran, way):
    """Five seconds pass for the job, and none for the person who waits for the simulation."""
    before = time.perf_counter()
    run = ran(way)
    assert (run.error, run.reason, run.duration.total_seconds()) == (None, None, 5.0)
    assert time.perf_counter() - before < 4


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("way", _cases(NOT))
def test_it_does_not_follow(ran, way):
    """Such a value is the machine's: five virtual seconds change it by less."""
    run = ran(f"first = {way}", "time.sleep(5)", f"return ({way}) - first, first")
    passed, first = run.value
    assert 0 <= passed < 4
    assert not EPOCH <= first < EPOCH + 60


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("way", _cases(REAL))
def test_it_waits_in_real_time(ran, way):
    """No virtual time passes in such a wait."""
    run = ran(way)
    assert (run.error, run.duration.total_seconds()) == (None, 0.0)


def test_there_are_a_hundred():
    """The list is long enough to find a gap."""
    assert sum(len(ways) for table in (TIME, WAIT, NOT, REAL) for ways in table.values()) >= 100


def test_the_manual_names_them():
    """The manual's table has what follows on one side and what does not on the other."""
    text = MANUAL.read_text(encoding="utf-8").partition("| follows virtual time | does not |")[2].partition("\n\n")[0]
    follows, does_not = zip(*re.findall(r"^\| (.*?) \| (.*?) \|$", text, re.MULTILINE), strict=True)
    named = "\n".join(follows)
    assert [family for family in _MAIN if family not in named] == []
    others = "\n".join(does_not)
    assert [family for family in (*NOT, *REAL) if family not in others] == []
    assert set(re.findall(r"`([\w.]+)`", named)) <= {*TIME, *WAIT} | _LIBRARIES


_MAIN = [*list(TIME)[:14], *WAIT]
"""The families that the manual names; the others only show what libraries make of these."""
_LIBRARIES = {"pandas.Timestamp.now", "asyncio.timeout", "asyncio.wait_for", "CLOCK_REALTIME"}
