"""One run: how it can end, what is kept of it, and that nothing of it is left behind."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from textwrap import dedent, indent

import pytest

from sbh_jobkit.clock import is_virtual
from sbh_jobkit.errors import WorldError
from sbh_jobkit.fakes.world import World
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.run.run import Outcome, RunError
from sbh_jobkit.simulation.once import run_job

AT = "2026-01-05T09:00:00Z"


@pytest.fixture
def loaded(tmp_path):
    """Load a plugin whose main.py is the text; its lines count from 1."""

    def load(source, **manifest):
        (tmp_path / "main.py").write_text(dedent(source).lstrip("\n"), encoding="utf-8")
        manifest = {"slug": "shop", "name": "Shop", **manifest}
        (tmp_path / "plugin.json").write_text(json.dumps(manifest), encoding="utf-8")
        return Plugin.load(tmp_path)

    return load


@pytest.fixture
def ran(loaded):
    """Run the body of a job, which begins on line 5 of main.py."""

    def run(body, world=None, *, head="def work(ctx):", at=AT, **manifest):
        source = f'from src.ext.sdk import job\n\n@job("work", schedule="0 9 * * *")\n{head}\n'
        plugin = loaded(source + indent(dedent(body).strip("\n"), "    ") + "\n", **manifest)
        return run_job(plugin.jobs["work"], world if world is not None else World(), at=at)

    return run


def failed(message):
    """Return the error of a job that returned one."""
    return RunError(type="", message=message)


def crashed(kind, message, line, code, lines=()):
    """Return the error of a job that raised on a line of its own."""
    frames = [(line, "work", code), *lines]
    text = "".join(f'  File "main.py", line {at}, in {name}\n    {shown}\n' for at, name, shown in frames)
    ending = f"{kind}: {message}" if message else kind
    return RunError(
        type=kind,
        message=message,
        place=f"main.py:{frames[-1][0]}",
        traceback=f"Traceback (most recent call last):\n{text}{ending}\n",
    )


RETURNED = [
    ("return None", "ok", None, None),
    ("pass", "ok", None, None),
    ("return {'status': 'ok', 'sent': 3}", "ok", {"status": "ok", "sent": 3}, None),
    ("return {'status': 'success'}", "ok", {"status": "success"}, None),
    ("return {'success': True}", "ok", {"success": True}, None),
    ("return {'success': None}", "ok", {"success": None}, None),
    ("return {'error': 'none'}", "ok", {"error": "none"}, None),
    ("return 'error'", "ok", "error", None),
    ("return False", "ok", False, None),
    ("return [1, (2, [3])]", "ok", [1, (2, [3])], None),
    ("return {'status': 'error', 'error': 'no'}", "failed", {"status": "error", "error": "no"}, failed("no")),
    ("return {'status': 'error', 'message': 'no'}", "failed", {"status": "error", "message": "no"}, failed("no")),
    (
        "return {'status': 'error'}",
        "failed",
        {"status": "error"},
        failed("the job returned a failure without saying why"),
    ),
    ("return {'success': False, 'error': 5}", "failed", {"success": False, "error": 5}, failed("5")),
    (
        "try:\n    {}['a']\nexcept Exception as e:\n    return {'status': 'error', 'error': str(e)}",
        "failed",
        {"status": "error", "error": "'a'"},
        failed("'a'"),
    ),
]


NOT_JSON = {
    "{1, 2}": "Object of type set is not JSON serializable",
    "{'at': datetime(2026, 1, 5)}": "Object of type datetime is not JSON serializable",
    "[b'x']": "Object of type bytes is not JSON serializable",
    "{'sum': Decimal('1.5')}": "Object of type Decimal is not JSON serializable",
    "{'share': float('nan')}": "JSON cannot write NaN or Infinity",
    "{(1, 2): 'x'}": "keys must be str, int, float, bool or None, not tuple",
    "{'status': 'error', 'error': ValueError('no')}": "Object of type ValueError is not JSON serializable",
    "ctx.files": "Object of type ctx.files is not JSON serializable",
    "(lambda a: [a.append(a), a])([])": "Circular reference detected",
}


@pytest.mark.parametrize(("value", "problem"), NOT_JSON.items(), ids=NOT_JSON)
def test_a_value_that_is_not_json_is_a_fault(ran, value, problem):
    """The platform sends what a job returns as JSON; the fault says why it cannot, and where the job is."""
    run = ran(f"from datetime import datetime\nfrom decimal import Decimal\nreturn {value}")
    (fault,) = run.faults
    assert (fault.kind, fault.message) == ("value-not-json", f"what the job returned is not JSON: {problem}")
    assert (fault.advice, fault.place) == (
        "return text, numbers, lists and dicts; write times with .isoformat()",
        "main.py:3",
    )


@pytest.mark.parametrize(("body", "outcome", "value", "error"), RETURNED)
def test_what_a_job_returns_says_how_it_went(ran, body, outcome, value, error):
    """A job that returns has run; whether it says that it failed is the platform's own convention."""
    run = ran(body)
    assert (run.outcome, run.value, run.error) == (outcome, value, error)
    assert run.ok is (outcome == "ok")


RAISED = [
    ("raise ValueError('no')", crashed("ValueError", "no", 5, "raise ValueError('no')")),
    ("raise ValueError", crashed("ValueError", "", 5, "raise ValueError")),
    ("{}['a']", crashed("KeyError", "'a'", 5, "{}['a']")),
    ("assert ctx is None", crashed("AssertionError", "", 5, "assert ctx is None")),
    (
        "import json\njson.loads('{')",
        crashed(
            "json.decoder.JSONDecodeError",
            "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
            6,
            "json.loads('{')",
        ),
    ),
]


@pytest.mark.parametrize(("body", "error"), RAISED)
def test_an_exception_is_a_crash_with_the_frames_of_the_plugin(ran, body, error):
    """The traceback shows the plugin's own lines, as Python prints them, and none of the kit's or a library's."""
    run = ran(body)
    kind = error.type.rpartition(".")[2]
    assert run.outcome is Outcome.CRASHED
    assert run.error == RunError(type=kind, message=error.message, place=error.place, traceback=error.traceback)
    assert (run.value, run.reason, run.ok) == (None, None, False)


def test_a_crash_in_a_function_shows_the_way_there(ran):
    """Each call within the plugin is a frame; the place is the innermost."""
    run = ran("def inner():\n    raise ValueError('deep')\ninner()")
    assert run.error == crashed("ValueError", "deep", 7, "inner()", lines=[(6, "inner", "raise ValueError('deep')")])


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("import sys; sys.exit(0)", "SystemExit", "exit code 0"),
        ("import sys; sys.exit()", "SystemExit", "exit code None"),
        ("import sys; sys.exit('bye')", "SystemExit", "exit code bye"),
        ("raise SystemExit(3)", "SystemExit", "exit code 3"),
        ("exit(1)", "SystemExit", "exit code 1"),
    ],
)
def test_leaving_the_process_is_a_crash(ran, body, kind, message):
    """A job has no process to leave: `sys.exit`, with any code, is a failed run (D36)."""
    run = ran(body)
    assert (run.outcome, run.error.type, run.error.message, run.error.place) == ("crashed", kind, message, "main.py:5")


def test_an_exception_that_cannot_be_shown_is_still_a_crash(ran):
    """An exception whose text raises does not stop the simulation."""
    run = ran("class Bad(Exception):\n    def __str__(self):\n        raise ValueError\nraise Bad")
    assert (run.outcome, run.error.type, run.error.place) == ("crashed", "Bad", "main.py:8")


def test_a_value_that_cannot_be_shown_is_still_a_run(ran):
    """A returned object whose repr raises does not stop the simulation."""
    run = ran("class Bad:\n    def __repr__(self):\n        raise ValueError\nreturn Bad()")
    assert run.outcome is Outcome.OK
    assert json.loads(json.dumps(run.to_dict()))["outcome"] == "ok"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("class Stop(BaseException): pass\nraise Stop('enough')", "Stop"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("raise BaseExceptionGroup('two', [GeneratorExit(), SystemExit(1)])", "BaseExceptionGroup"),
    ],
)
def test_exceptions_outside_of_exception_are_crashes(ran, body, kind):
    """Whatever a plugin raises is its run's outcome, unless a person pressed Ctrl-C."""
    run = ran(body)
    assert (run.outcome, run.error.type) == ("crashed", kind)


def test_a_job_of_the_wrong_shape_crashes_at_its_definition(ran):
    """A job that takes no context has no frame of its own: the place is where it is defined."""
    run = ran("pass", head="def work():")
    assert run.outcome is Outcome.CRASHED
    assert run.error.message == "work() takes 0 positional arguments but 1 was given"
    assert run.error.place == "main.py:3"


@pytest.mark.parametrize("head", ["def work(ctx):", "async def work(ctx):"])
def test_a_generator_is_not_a_success(ran, head):
    """A job with `yield` in it returns before its first line runs, so nothing was done, and that is said."""
    run = ran("ctx.emit('done', {})\nyield 1", head=head)
    assert run.events == ()
    assert not run.ok


def test_an_async_job_is_awaited(ran):
    """`async def` jobs run, in virtual time (D33)."""
    run = ran("import asyncio\nawait asyncio.sleep(10)\nreturn {'slept': 10}", head="async def work(ctx):")
    assert (run.outcome, run.value, run.duration) == ("ok", {"slept": 10}, timedelta(seconds=10))


@pytest.mark.parametrize("head", ["def work(ctx):", "async def work(ctx):"])
def test_asyncio_run_inside_a_job_is_virtual_too(ran, head):
    """The usual way to use a coroutine in a plain job, `asyncio.run`, does not wait either."""
    if head.startswith("async"):
        run = ran("import asyncio\nawait asyncio.wait_for(asyncio.sleep(1), 2)", head=head)
    else:
        run = ran("import asyncio\nasync def main():\n    await asyncio.sleep(1)\nasyncio.run(main())", head=head)
    assert (run.outcome, run.duration) == ("ok", timedelta(seconds=1))


WAITS = {
    "poll": "import subprocess, time\np = subprocess.Popen(['sleep', '5'])\nwhile p.poll() is None: time.sleep(.5)",
    "waitpid": (
        "import os, subprocess, time\np = subprocess.Popen(['sleep', '5'])\n"
        "while os.waitpid(p.pid, os.WNOHANG)[0] == 0: time.sleep(1)"
    ),
    "another thread": (
        "import subprocess, time\np = subprocess.Popen('sleep 5', shell=True)\nfor _ in range(90): time.sleep(1)"
    ),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("body", WAITS.values(), ids=WAITS)
def test_a_loop_that_waits_for_a_process_is_explained(ran, body):
    """Sleeps take no real time, so the limit is passed before the process has done anything."""
    why = "a process that it has started still runs, and virtual time does not wait for it"
    subprocess.Popen(["true"])  # noqa: S607  one that has ended, and that nobody waits for, says nothing
    assert ran(body).reason.partition(" (")[2] == f"{why}: use subprocess.run or .wait())"


def test_helper_threads_are_as_many_on_every_machine(ran):
    """A loop's own pool has 32, so that what waits in it takes as long everywhere."""
    body = "import asyncio, time\nawait asyncio.gather(*[asyncio.to_thread(time.sleep, 20) for _ in range(32)])"
    run = ran(body, head="async def work(ctx):")
    assert (run.outcome, run.duration) == ("ok", timedelta(seconds=20))


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("import asyncio\nawait asyncio.sleep(31)", None),
        ("import time\ntime.sleep(31)", 6),
        ("import asyncio\nasync with asyncio.TaskGroup() as group:\n    group.create_task(asyncio.sleep(31))", None),
        (
            (
                "import asyncio, time\nasync def late(): time.sleep(31)\n"
                "async with asyncio.TaskGroup() as group:\n    group.create_task(late())"
            ),
            6,
        ),
        ("import asyncio, time\nasync def late(): time.sleep(31)\nawait asyncio.gather(late(), asyncio.sleep(1))", 6),
        ("import asyncio, time\nawait asyncio.to_thread(time.sleep, 31)", 6),
        ("import asyncio\ntry:\n    await asyncio.sleep(31)\nexcept Exception:\n    return 'swallowed'", None),
    ],
)
def test_an_async_job_can_time_out(ran, body, line):
    """A limit that a coroutine passes ends the run, however the coroutine waits."""
    run = ran(body, head="async def work(ctx):")
    where = f", passed at main.py:{line}" if line else ""  # nowhere, if nothing of it came out of the job
    assert (run.outcome, run.reason) == ("timed_out", f"timed out: the limit is 30 s{where}")
    assert (run.duration, run.value, run.error) == (timedelta(seconds=30), None, None)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("import time\ntime.sleep(31)", 6),
        ("import time\nfor _ in range(100): time.sleep(1)", 6),
        ("from time import sleep\nsleep(31)", 6),
        ("import time\ntry:\n    time.sleep(31)\nexcept Exception:\n    return 'swallowed'", 7),
        ("import time\nwhile True:\n    try:\n        time.sleep(7)\n    except Exception:\n        pass", 8),
        ("import time\ntry:\n    time.sleep(31)\nexcept:\n    return 'swallowed'", None),
        ("import time, threading\nt = threading.Thread(target=time.sleep, args=(31,))\nt.start()\nt.join()", None),
        (
            (
                "import time\nfrom concurrent.futures import ThreadPoolExecutor\n"
                "with ThreadPoolExecutor() as pool:\n    list(pool.map(time.sleep, [31]))"
            ),
            8,
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_virtual_time_counts_against_the_limit(ran, body, line):
    """A job that sleeps past its limit has timed out at the limit, whoever caught what and in whatever thread."""
    run = ran(body)
    where = f", passed at main.py:{line}" if line else ""  # nowhere, if nothing of it came out of the job
    assert (run.outcome, run.reason) == ("timed_out", f"timed out: the limit is 30 s{where}")
    assert (run.duration, run.value, run.error) == (timedelta(seconds=30), None, None)


def test_a_job_may_use_its_whole_limit(ran):
    """A run of exactly its time limit is ok."""
    run = ran("import time\ntime.sleep(30)\nreturn 1")
    assert (run.outcome, run.value, run.duration) == ("ok", 1, timedelta(seconds=30))


@pytest.mark.parametrize(
    ("body", "head"),
    [
        ("while True: pass", "def work(ctx):"),
        ("while True:\n    try:\n        while True: pass\n    except Exception:\n        pass", "def work(ctx):"),
        ("import re\nre.match('(a*)*b', 'a' * 26)\nwhile True: pass", "def work(ctx):"),
        ("while True: pass", "async def work(ctx):"),
        ("import threading\nthreading.Event().wait()", "def work(ctx):"),
        ("import asyncio\nawait asyncio.Event().wait()", "async def work(ctx):"),
    ],
)
def test_an_endless_loop_ends_in_real_time(ran, body, head):
    """A real-time alarm ends an endless loop, also within `except Exception`."""
    before = time.perf_counter()
    run = ran(body, World(time_limit=0.3), head=head)
    assert 0.25 < time.perf_counter() - before < 3
    where = r"(, passed at main\.py:\d)?"  # by the machine's clock, and so in any line
    why = r"\(real time: an endless loop, or a wait that virtual time does not shorten\)"
    assert run.outcome == "timed_out"
    assert re.fullmatch(rf"timed out: the limit is 0\.3 s{where} {why}", run.reason)


BUSY = """
import asyncio
from sbh_jobkit import Outcome, World, run_job
from src.ext.sdk import job

@job("work")
async def work(ctx):
    while True:
        await asyncio.sleep(0)

for _ in range(60):
    assert run_job(work, World(time_limit=0.005)).outcome is Outcome.TIMED_OUT
print("ended")
"""


def test_a_busy_coroutine_always_ends():
    """Whichever line of the event loop the alarm hits, the run times out and the process goes on."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = ["timeout", "20", sys.executable, "-c", BUSY]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


def test_the_limit_of_one_run_is_not_that_of_the_next(ran):
    """After a time-out the next run has its own time, and no alarm is left."""
    world = World(time_limit=0.2)
    assert ran("while True: pass", world).outcome is Outcome.TIMED_OUT
    assert ran("return 1", world).outcome is Outcome.OK
    time.sleep(0.25)


def test_limits_do_not_reach_another_thread():
    """In a thread no alarm arrives: a run there still has its virtual limit."""
    outcomes = []

    def work(ctx):
        del ctx
        time.sleep(31)

    work._plugin_job_type, work._plugin_job_name, work._plugin_job_schedule = "job", "work", None  # noqa: SLF001
    thread = threading.Thread(target=lambda: outcomes.append(run_job(work, World(), at=AT).outcome))
    thread.start()
    thread.join(10)
    assert outcomes == ["timed_out"]


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf"), "long"])
def test_a_limit_that_is_none_is_refused(limit):
    """A limit must be a number of seconds, above nothing."""
    with pytest.raises(WorldError, match="time_limit"):
        World(time_limit=limit)


def test_memory_errors_are_an_outcome_of_their_own(ran):
    """A job that asks for more memory than there is."""
    run = ran("raise MemoryError")
    assert (run.outcome, run.reason, run.error) == (
        "out_of_memory",
        "out of memory: the limit is 100 MB",
        None,
    )


@pytest.fixture
def ctrl_c():
    """Press Ctrl-C in a moment."""
    pressed = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    pressed.start()
    yield
    pressed.join()


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_stops_everything_and_leaves_nothing_behind(ran):
    """What a person stops is no run of the plugin: KeyboardInterrupt comes out, and the process is as before."""
    root = logging.getLogger()
    before = (sys.stdout, sys.stderr, list(root.handlers), root.level, time.sleep, os.environ.get("TZ"))
    world = World("acme", "Asia/Tokyo")
    with pytest.raises(KeyboardInterrupt):
        ran("print('x')\nwhile True: pass", world)
    assert (sys.stdout, sys.stderr, list(root.handlers), root.level, time.sleep, os.environ.get("TZ")) == before
    assert not is_virtual()
    assert ran("print('y')", world).stdout == "y\n"


@pytest.mark.usefixtures("ctrl_c")
def test_after_ctrl_c_the_job_is_not_running(ran):
    """The tenant's list of jobs does not show a run that was interrupted as still going."""
    world = World()
    with pytest.raises(KeyboardInterrupt):
        ran("while True: pass", world)
    assert [row["status"] for row in world.db.rows("plugin_jobs")] != ["running"]


def test_what_is_printed_and_logged_is_kept(ran, capsys):
    """Output, errors and log of a run are in the run, and the terminal stays quiet."""
    run = ran("""
        import logging, sys
        print("hello")
        print("oh", file=sys.stderr)
        logging.info("root")
        logging.getLogger("shop").warning("low: %d", 3)
        logging.debug("detail")
    """)
    assert (run.stdout, run.stderr) == ("hello\n", "oh\n")
    assert run.logs == ("INFO root: root", "WARNING shop: low: 3")
    assert capsys.readouterr() == ("", "")


def test_output_is_kept_however_the_run_ends(ran):
    """What was printed before a crash, an exit or a time-out is what one needs most."""
    for ending in ("raise ValueError", "raise SystemExit", "import time; time.sleep(99)", "raise MemoryError"):
        assert ran(f"print('before')\n{ending}").stdout == "before\n"


def test_huge_output_is_cut(ran):
    """Of ten million printed characters, a million and a note are kept."""
    run = ran("for _ in range(100): print('x' * 100_000, end='')")
    assert run.stdout == "x" * 1_000_000 + "\n… cut after 1,000,000 characters\n"


def test_the_log_level_is_given_back(ran):
    """A run lowers the root logger's level to INFO and puts it back."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        assert ran("import logging\nlogging.info('seen')").logs == ("INFO root: seen",)
        assert root.level == logging.ERROR
    finally:
        root.setLevel(before)


def test_a_level_that_shows_more_is_left_alone(ran):
    """Where the root logger shows DEBUG, a run's log does too."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    try:
        assert ran("import logging\nlogging.debug('seen')").logs == ("DEBUG root: seen",)
    finally:
        root.setLevel(before)


SECRET = "hunter2-correct-horse"  # noqa: S105  it is one, for a test
LEAKS = {
    "value": "return {'k': [key, {key: (key,)}], 'text': f'a {key} b'}",
    "object": "class Client:\n    def __repr__(self): return f'Client({key})'\nreturn Client()",
    "bytes": "return key.encode()",
    "stdout": "print('key is', key)",
    "split output": "import sys\nsys.stdout.write(key[:5])\nsys.stdout.write(key[5:])",
    "stderr": "import sys\nprint(key, file=sys.stderr)",
    "log": "import logging\nlogging.warning('using %s', key)",
    "crash": "raise ValueError(key)",
    "exit": "raise SystemExit(key)",
    "cause": "try:\n    raise KeyError(key)\nexcept KeyError as e:\n    raise ValueError('no') from e",
    "note": "error = ValueError('no')\nerror.add_note(key)\nraise error",
    "returned error": "return {'status': 'error', 'error': f'401 for {key}'}",
    "event payload": "ctx.emit('login', {'key': key, key: 1})",
    "event type": "ctx.emit(f'login.{key}', {})",
    "payload fault": "ctx.emit(key, {1: object()})",
    "url": "ctx.http.get(f'https://api.example.com/{key}')",
    "params": "ctx.http.get('https://api.example.com/', params={'key': key})",
    "unmatched": "ctx.http.get(f'https://other.example.com/{key}')",
    "prompt": "ctx.llm.run(f'log in with {key}')",
    "model": "ctx.llm.run('hello', model=key)",
    "file key": "ctx.files.upload(key, key)\nctx.files.delete(key)",
    "file fault": "ctx.files.upload(key, 5)",
    "secret fault": "ctx.secrets.get(key)",
    "table fault": "try:\n    ctx.db.query(key)\nexcept LookupError:\n    pass",
    "filter fault": "try:\n    ctx.db.query('users', {key: {'$no': key}})\nexcept ValueError:\n    pass",
    "late": "ctx.secrets.set('LATER', 'opened-sesame')\nprint(key, 'opened-sesame')",
    "deleted": "ctx.secrets.delete('KEY')\nprint(key)",
    "replaced": "ctx.secrets.set('KEY', 'another-value')\nprint(key, 'another-value')",
    "context": "print(ctx, ctx.secrets, ctx.secrets.list(), vars(ctx))",
    "exec name": "return type(key, (), {})()",
}


@pytest.mark.parametrize("where", LEAKS)
def test_secrets_never_leave_a_run(ran, where):
    """Wherever a job lets a secret slip, the run shows its name instead."""
    world = World()
    world.secrets["KEY"] = SECRET
    world.db.insert("users", {"name": "ann"})
    world.http.get(host="api.example.com").respond(json={})
    run = ran(f"key = ctx.secrets.get('KEY')\n{LEAKS[where]}", world)
    shown = [run, run.to_dict(), run.summary, world, world.events, world.http, world.http.log, world.llm.calls]
    shown += [world.secrets, world.db.rows("plugin_jobs"), *run.faults, run.error]
    text = "\n".join(map(repr, shown)) + json.dumps(run.to_dict(), ensure_ascii=False)
    for value in (SECRET, "opened-sesame", "another-value"):
        assert value not in text


@pytest.mark.parametrize(
    ("secret", "body"),
    [
        (
            "p@ss/word+1",
            "from urllib.parse import quote\nctx.http.get(f'https://a.example.com/?k={quote(key, safe=str())}')",
        ),
        (
            "p@ss word é",
            "from urllib.parse import quote_plus\nctx.http.get(f'https://a.example.com/?k={quote_plus(key)}')",
        ),
        ('say "hi" é', "import json\nprint(json.dumps({'key': key}))"),
        ("line1\nline2", "print(repr(key))"),
        ("line1\nline2", "print([key])"),
    ],
)
def test_secrets_are_found_as_other_formats_write_them(ran, secret, body):
    """A URL, JSON and repr write special characters in their own ways: the secret is one all the same."""
    world = World()
    world.secrets["KEY"] = secret
    run = ran(f"key = ctx.secrets.get('KEY')\n{body}", world)
    text = run.stdout + "".join(call.url for call in run.http_calls) + "".join(fault.message for fault in run.faults)
    assert "‹secret:KEY›" in text


def test_a_redacted_text_names_the_secret(ran):
    """What stands for a value is its name."""
    world = World()
    world.secrets["KEY"] = SECRET
    run = ran("key = ctx.secrets.get('KEY')\nprint('using', key)\nreturn {'k': [key, 5]}", world)
    assert (run.stdout, run.value) == ("using ‹secret:KEY›\n", {"k": ["‹secret:KEY›", 5]})


def test_a_job_sees_its_secret_as_it_is(ran):
    """Only what is kept of the run is redacted: the tenant has what the job wrote."""
    world = World()
    world.secrets["KEY"] = SECRET
    ran("ctx.files.upload('k.txt', ctx.secrets.get('KEY'))", world)
    assert world.files.read_text("k.txt") == SECRET


def test_a_run_says_whose_and_when(ran):
    """Tenant, plugin, job and times are those of the call."""
    run = ran("import time\ntime.sleep(2)", World("umbrella", "Europe/Paris"), at="2026-07-01T09:00")
    assert (run.tenant, run.plugin, run.job) == ("umbrella", "shop", "work")
    assert (run.fire_time.isoformat(), run.started_at) == ("2026-07-01T09:00:00+02:00", run.fire_time)
    assert run.duration == timedelta(seconds=2)


def test_a_value_is_a_copy(loaded):
    """A job that keeps what it returned and changes it later changes no earlier run."""
    plugin = loaded("""
        from src.ext.sdk import job
        kept = []
        @job("work")
        def work(ctx):
            kept.append(len(kept))
            return kept
    """)
    world = World()
    values = [run_job(plugin.jobs["work"], world, at=AT).value for _ in range(3)]
    assert values == [[0], [0, 1], [0, 1, 2]]


def test_environment_variables_that_a_job_sets_are_visible_to_it(ran):
    """`os.environ` works as ever inside a job."""
    assert ran("import os\nos.environ['SBH_TEST'] = 'x'\nreturn os.environ.pop('SBH_TEST')").value == "x"


def test_a_job_may_change_its_streams(ran):
    """Redirecting output inside a job works and harms nobody."""
    run = ran("""
        import contextlib, io, sys
        with contextlib.redirect_stdout(io.StringIO()) as kept:
            print("inner")
        print("outer", kept.getvalue().strip())
        sys.stdout = None
    """)
    assert (run.outcome, run.stdout) == ("ok", "outer inner\n")
    assert sys.stdout is not None


def test_a_notebook_function_has_a_place_too():
    """A job that was defined in no plugin's folder is placed by its file's name."""

    def work(ctx):
        del ctx
        raise ValueError

    work._plugin_job_type, work._plugin_job_name, work._plugin_job_schedule = "job", "work", None  # noqa: SLF001
    run = run_job(work, World(), at=AT)
    assert run.error.place == f"test_runner.py:{work.__code__.co_firstlineno + 2}"
