"""One run, one child: how a server asks for it, follows it, ends it, and what becomes of it when a process dies."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit.engines.handle import RunHandle
from sbh_jobkit.engines.pool import Process
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.machine.processes import children, is_stopped, scanned
from sbh_jobkit.run.run import Outcome

pytestmark = pytest.mark.usefixtures("measured")

BERLIN = ZoneInfo("Europe/Berlin")


def kinds(seen):
    """Return the kinds of messages."""
    return [message["kind"] for message in seen]


def until(handle, seen, kind):
    """Read until a message of a kind has come."""
    for _ in range(1000):
        if handle.poll() or kind in kinds(seen):
            return
        time.sleep(0.01)
    pytest.fail(f"no {kind} within ten seconds")


def stop(pid):
    """Stop a process, and wait until it stands still."""
    os.kill(pid, signal.SIGSTOP)
    for _ in range(1000):
        if is_stopped(pid):
            return
        time.sleep(0.01)
    pytest.fail("it did not stop within ten seconds")


@pytest.fixture
def waiting(ask):
    """Start the job that waits, and return its handle once it has emitted its event."""
    seen = []
    handle = ask("wait", on_message=seen.append)
    assert handle.wait_ready(10)
    handle.go("started 3 s late")
    until(handle, seen, "entry")
    return handle


def test_a_run_is_as_in_simulation(ask):
    """The run has its times in the zone of its schedule, its value, its output, and no fault."""
    seen = []
    handle = ask("well", on_message=seen.append)
    assert handle.wait_ready(10)
    assert not handle.is_over
    handle.go("started 3 s late")
    run = handle.result(10)
    assert (run.tenant, run.plugin, run.job, run.verdict) == ("acme", "hostile", "well", "ok")
    assert run.fire_time == datetime(2026, 1, 5, 5, tzinfo=BERLIN)
    assert (run.fire_time.tzinfo, run.started_at.tzinfo) == (BERLIN, BERLIN)
    assert (run.reason, run.stdout, run.faults) == ("started 3 s late", "well\n", ())
    assert run.value["pid"] not in {os.getpid(), handle.fileno()}
    assert timedelta(0) < run.duration < timedelta(seconds=5)
    assert kinds(seen) == ["ready", "began", "ended", "over"]


def test_nothing_starts_before_go(ask):
    """A run that is ready and waits for go has started nothing; closing it ends it."""
    handle = ask("well")
    assert handle.wait_ready(10)
    handle.close()
    assert handle.result().outcome is Outcome.LOST
    assert handle.result().reason == "lost: its supervisor died before it began"


def test_a_time_out_of_the_server_ends_nothing(ask):
    """Who waits may stop waiting, and wait again."""
    handle = ask("wait")
    assert handle.wait_ready(10)
    handle.go()
    with pytest.raises(TimeoutError):
        handle.result(0.05)
    handle.cancel("ann")
    assert handle.result(10).outcome is Outcome.CANCELLED


def test_a_person_stops_a_run(waiting, starter):
    """It ends as cancelled, with who asked, what it printed and did so far, and without any process left."""
    waiting.cancel("ann")
    run = waiting.result(10)
    assert (run.verdict, run.reason, run.stdout) == ("cancelled", "cancelled by ann; started 3 s late", "waiting\n")
    assert [event.type for event in run.events] == ["waiting"]
    assert (run.ok, run.outcome.started) == (False, True)
    assert starter.left() == []
    waiting.cancel("bob")  # too late: it is over


def test_output_of_a_killed_run_has_no_secret(ask):
    """Secrets of the tenant, and those that the run has set, are redacted; that they were printed is a fault."""
    handle = ask("tell_a_secret", secrets={"KEY": "key-of-the-tenant"})
    assert handle.wait_ready(10)
    handle.go()
    run = handle.result(10)
    assert run.stdout == "‹secret:KEY› ‹secret:NEW›\n‹secret:KEY›\n"
    assert run.stderr == "‹secret:KEY›"
    assert [fault.message for fault in run.faults] == [
        f"secret {name!r} is in what the job printed" for name in ("KEY", "NEW")
    ]


def test_no_message_has_a_secret(ask):
    """What passes from the supervisor to the server names secrets, and never has their values."""
    seen = []
    handle = ask("tell_a_secret", on_message=seen.append, secrets={"KEY": "key-of-the-tenant"})
    assert handle.wait_ready(10)
    handle.go()
    handle.result(10)
    assert not re.search("key-of|a-new-secret", f"{seen}")


def test_the_server_goes(waiting, starter):
    """When nobody listens any more, the run is killed."""
    waiting.close()
    assert starter.left() == []


def only_child(pid):
    """Return the process that another one started, as soon as those of earlier runs are gone."""
    until = time.monotonic() + 10
    while len(found := children(pid)) != 1 and time.monotonic() < until:
        time.sleep(0.01)
    (child,) = found
    return child


def test_the_supervisor_dies(waiting, starter):
    """The run is lost with what it did, and the starter ends what the supervisor left."""
    os.kill(only_child(starter.pid), signal.SIGKILL)
    run = waiting.result(10)
    assert (run.verdict, run.reason) == ("lost", "lost: its supervisor died while it ran; started 3 s late")
    assert [event.type for event in run.events] == ["waiting"]
    assert starter.left() == []


def test_the_starter_dies(ask, waiting, starter):
    """Runs go on, and the next request starts another one."""
    before = starter.pid
    os.kill(before, signal.SIGKILL)
    handle = ask("well")
    assert handle.wait_ready(20)
    handle.go()
    assert handle.result(10).verdict == "ok"
    assert starter.pid != before
    waiting.cancel("ann")
    assert waiting.result(10).verdict == "cancelled"
    assert starter.left() == []


SERVER = """
import sys, time
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.engines.starter import Starter
starter = Starter.start(["dict_tenant"])
handle = starter.request(RunRequest.from_json(sys.argv[1]))
handle.wait_ready(10)
handle.go()
print("runs", flush=True)
time.sleep(60)
"""


def test_the_server_is_killed(starter):
    """Its starter ends, and so does the run, with all of its processes."""
    data = os.path.join(os.path.dirname(__file__), "../../data/hostile")  # noqa: PTH118, PTH120
    request = RunRequest(
        plugin=os.path.abspath(data),  # noqa: PTH100
        slug="hostile",
        job="wait",
        fire=0.0,
        tenant="acme",
        factory="dict_tenant:make",
    )
    line = [sys.executable, "-c", SERVER, request.to_json()]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as server:
        assert server.stdout.readline() == b"runs\n"
        assert len(starter.left(0)) > 3
        server.kill()
    assert starter.left() == []


REFUSED = {
    "a plugin that is not there": (
        {"path": "/no/where"},
        "well",
        "no such path: '/no/where'; give a plugin's directory, its plugin.json, main.py or zip",
    ),
    "a job that is not there": ({}, "wel", "the plugin has no job 'wel'; did you mean 'well'?"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_run_that_cannot_begin(case, ask):
    """It is not ready; it crashed, and says why."""
    given, job, why = REFUSED[case]
    handle = ask(job, **given)
    assert handle.wait_ready(10) is False
    run = handle.result(10)
    assert (run.verdict, run.summary, run.started_at) == ("crashed", why, None)


def test_a_plugin_that_fails_to_load(ask, tmp_path):
    """Its line and its error are named, and what it printed meanwhile is kept, without secrets."""
    (tmp_path / "plugin.json").write_text('{"slug": "p", "name": "P"}')
    (tmp_path / "main.py").write_text("print('loading key-of-the-tenant')\nimport math\nmath.sqrt(-1)\n")
    run = ask("well", plugin="p", path=tmp_path, secrets={"KEY": "key-of-the-tenant"}).result(10)
    assert (run.verdict, run.error.message) == ("crashed", "main.py:3: ValueError: math domain error")
    assert run.stdout == "loading ‹secret:KEY›\n"
    assert [fault.kind for fault in run.faults] == ["secret-leaked"]


FACTORIES = {
    "nowhere:make": "the factory of tenant 'acme' is 'nowhere:make', and there is no module 'nowhere'",
    "dict_tenant:mak": "the factory of tenant 'acme' is 'dict_tenant:mak', and dict_tenant has no 'mak'"
    "; did you mean 'make'?",
}


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_factory_that_is_not_there(factory, starter, ask):
    """A sentence says which, of which tenant."""
    request = ask("well")._account._request  # noqa: SLF001  the smallest way to a valid request
    values = {name: getattr(request, name) for name in request.__slots__} | {"factory": factory}
    run = starter.request(RunRequest(**values)).result(10)
    assert (run.verdict, run.summary) == ("crashed", FACTORIES[factory])


def test_a_factory_without_a_function():
    """It is refused where the request is made."""
    with pytest.raises(JobkitError) as refused:
        RunRequest(plugin="p", slug="p", job="j", fire=0.0, tenant="acme", factory="make")
    assert f"{refused.value}" == "the factory of tenant 'acme' is 'make'; write it as module:function"


MODULES = {
    "no_such_module": "no_such_module cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'",
    "threaded": "threaded starts a thread when it is loaded, and a process with threads must not be forked",
}


@pytest.mark.parametrize("name", MODULES)
def test_a_starter_that_cannot_begin(name, tmp_path, monkeypatch):
    """It says which module is the reason, and nothing is left of it."""
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(JobkitError) as refused:
        Starter.start([name])
    assert f"{refused.value}" == f"the process that starts runs cannot begin: {MODULES[name]}"


def test_memory_is_stopped_in_time(ask, tmp_path):
    """A job that fills memory as fast as it can gets no further than one and a half times the limit."""
    (tmp_path / "plugin.json").write_text('{"slug": "p", "name": "P"}')
    (tmp_path / "main.py").write_text(
        "from src.ext.sdk import job\n\n\n@job('fill')\ndef fill(ctx):\n    kept = []\n    while True:\n"
        "        kept.append(b'x' * (1 << 20))\n        print(len(kept))\n"
    )
    handle = ask("fill", plugin="p", path=tmp_path, memory_mb=100.0)
    assert handle.wait_ready(10)
    handle.go()
    run = handle.result(10)
    assert (run.verdict, run.reason) == ("out_of_memory", "out of memory: the limit is 100 MB")
    assert 80 < int(run.stdout.split()[-1]) < 150


LIGHT = """
import sys
from sbh_jobkit.engines import starter
print(starter._load([]))
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(name for name in sys.modules if name.startswith("sbh_jobkit.fakes")))
print(sorted(loaded & {"time_machine", "respx", "httpx", "immutables", "sqlalchemy"}))
"""


def test_the_child_needs_no_fakes():
    """What the starter loads has no fake, no virtual clock's library and no store."""
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("None\n[]\n[]\n", "")


def test_children_without_the_kernels_lists():
    """A kernel that keeps no lists of children is asked for each process."""
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        try:
            assert process.pid in children()
            assert set(scanned(os.getpid())) == {*children()}
        finally:
            process.kill()


def test_the_starter_dies_while_it_is_asked(ask, starter):
    """A request that it took and did not carry out has started nothing, so it is asked for once more."""
    request, tries = ask("well")._account._request, []  # noqa: SLF001  the smallest way to a valid request

    def dies_first(request, *, new=False):
        tries.append(request)
        if len(tries) == 1:
            ours, theirs = socket.socketpair()
            theirs.close()
            return Process(channel=ours, request=request, starter=None)
        return starter._ask(request, new=new)  # noqa: SLF001  what a starter gives its handles

    handle = RunHandle(partial(dies_first, request), request)
    assert handle.wait_ready(20)
    assert tries == [request, request]
    handle.close()


def test_a_starter_that_was_stopped(ask, starter):
    """It is replaced when the next run is asked for."""
    before = starter.pid
    stop(before)
    assert ask("well").wait_ready(20)
    assert starter.pid != before


def test_another_system(monkeypatch):
    """It says that it needs Linux."""
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(JobkitError) as refused:
        Starter.start()
    assert f"{refused.value}" == (
        "runs in processes of their own need Linux, and this is darwin; simulations run here, too"
    )


def test_a_plugin_that_loads_for_ever(ask, tmp_path, starter):
    """Loading has a time limit of its own."""
    (tmp_path / "plugin.json").write_text('{"slug": "p", "name": "P"}')
    (tmp_path / "main.py").write_text("import time\ntime.sleep(60)\n")
    run = ask("well", plugin="p", path=tmp_path, loading_seconds=0.1).result(10)
    assert (run.verdict, run.summary) == ("crashed", "loading the plugin and the tenant took too long")
    assert starter.left() == []


def test_log_lines_of_a_killed_run(ask):
    """They are reported as they come, without secrets."""
    handle = ask("log_a_secret", secrets={"KEY": "key-of-the-tenant"})
    assert handle.wait_ready(10)
    handle.go()
    assert handle.result(10).logs == ("INFO shop: the key is ‹secret:KEY›",)


def test_a_server_that_is_slow_to_read(ask):
    """What a run reports waits for the server, and nothing of it is missing."""
    handle = ask("emit_much")
    assert handle.wait_ready(10)
    handle.go()
    time.sleep(1)
    run = handle.result(20)
    assert run.verdict == "ok"
    assert [event.payload["number"] for event in run.events] == [*range(24)]


def test_a_server_that_is_slow_to_read_cannot_stop_a_limit(ask, starter):
    """The time limit of a run that waits for the server is kept all the same."""
    handle = ask("emit_much", seconds=0.2)
    assert handle.wait_ready(10)
    handle.go()
    time.sleep(2)
    assert children(*children(starter.pid)) == []
    assert handle.result(20).verdict == "timed_out"


def test_a_server_may_wait_with_go(ask):
    """The time limit of loading ends when the run is ready."""
    handle = ask("well", loading_seconds=0.5)
    assert handle.wait_ready(10)
    time.sleep(2)
    handle.go()
    assert handle.result(10).verdict == "ok"


def test_a_child_that_dies_before_go(ask, starter):
    """The run crashed, and has not begun."""
    handle = ask("well")
    assert handle.wait_ready(10)
    os.kill(only_child(only_child(starter.pid)), signal.SIGKILL)
    handle.go()
    run = handle.result(10)
    assert (run.verdict, run.started_at) == ("crashed", None)
    assert run.summary == "the process was ended by SIGKILL before the job returned"


def test_a_tenant_that_cannot_be_opened(ask):
    """The run crashed for a reason that is not the job's, and it did not begin."""
    handle = ask("well", is_down=True)
    assert handle.wait_ready(10)
    handle.go()
    run = handle.result(10)
    assert (run.verdict, run.summary, run.started_at) == ("crashed", "ConnectionError: the database is down", None)
