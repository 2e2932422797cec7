"""A process that has several runs: when it is used again and when not, and that no run meets what is another's."""

import logging
import os
import re
import subprocess
from dataclasses import replace

import pytest
from hostile_jobs import TABLE, judge
from used_again import LASTING, gone, pid_of

from sbh_jobkit.engines.leftover import LOOKS
from sbh_jobkit.engines.memory import Memory
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.engines.served import FACTORY

pytestmark = pytest.mark.usefixtures("measured")
RUNS_PER_PROCESS = 4
LEAVES = re.findall(r'^    "(.+?)": lambda|^    "(.+?)": \w', (LASTING / "main.py").read_text(), re.MULTILINE)
LEFT = [first or second for first, second in LEAVES]
MINE = [what for what in LEFT if what != "another user" or os.geteuid() == 0]
"""What a job of these tests can leave: only root can become somebody else."""


def test_a_process_has_so_many_runs(run):
    """They are in one process, whose modules keep their state; then there is another one."""
    runs = [run("pid") for _ in range(2 * RUNS_PER_PROCESS)]
    pids = [pid_of(each) for each in runs]
    first, second = pids[0], pids[-1]
    assert first != second
    assert pids == [first] * RUNS_PER_PROCESS + [second] * RUNS_PER_PROCESS
    assert [each.value["calls"] for each in runs] == [1, 2, 3, 4] * 2
    assert gone(first)
    assert {each.faults for each in runs} == {()}


def test_the_messages_of_a_later_run(run):
    """They are those of a first one."""
    seen = [[], []]
    assert pid_of(run("pid", seen[0].append)) == pid_of(run("pid", seen[1].append))
    kinds = [[message["kind"] for message in each] for each in seen]
    assert kinds == [["ready", "began", "ended", "over"]] * 2


def other_copy(folder):
    """Copy the plugin."""
    for name in ("plugin.json", "main.py"):
        (folder / name).write_bytes((LASTING / name).read_bytes())
    return folder


OTHERS = {
    "another path, as each version has": lambda _, folder: {"plugin": str(other_copy(folder))},
    "another plugin": lambda *_: {"slug": "another"},
    "another tenant": lambda *_: {"tenant": "globex"},
    "another factory": lambda *_: {"factory": "dict_tenant:DictTenant"},
    "another zone": lambda *_: {"timezone": "UTC"},
    "another secret": lambda request, _: {"settings": {**request.settings, "secrets": {"KEY": "another"}}},
    "another limit": lambda request, _: {"settings": {**request.settings, "seconds": 29.0}},
}


@pytest.mark.parametrize("other", OTHERS)
def test_another_kind_of_run_has_another_process(other, starter, case, tmp_path):
    """A process is used again for runs of the same tenant, plugin and settings only."""
    given = {"plugin": str(LASTING), "slug": "lasting", "tenant": "acme", "factory": "dict_tenant:make"}
    settings = {"case": case, "secrets": {"KEY": "of the tenant"}}
    request = RunRequest(job="pid", fire=0.0, timezone="Europe/Berlin", settings=settings, **given)

    def pid(request):
        with starter.request(request) as handle:
            assert handle.wait_ready(20)
            handle.go()
            return pid_of(handle.result(20))

    first = pid(request)
    assert pid(replace(request, **OTHERS[other](request, tmp_path))) != first
    assert pid(replace(request, fire=60.0)) == first


def test_the_table_of_what_is_left_is_whole():
    """Each thing that is compared is left by a job."""
    assert {what.partition(":")[0] for what in LEFT} == {*LOOKS, "a child process"}


@pytest.mark.parametrize("what", MINE)
def test_what_a_run_may_not_leave(what, run, case, caplog):
    """Its process ends with it, once said, and the next run has another one."""
    with caplog.at_level(logging.WARNING, "sbh_jobkit.engine"):
        pids = [pid_of(run("leave", secrets={"WHAT": what, "NAME": case})) for _ in range(2)]
    assert pids[0] != pids[1]
    assert all(map(gone, pids))
    left = what.partition(":")[0]
    message = f"lasting/leave: its process is not used again, since the run has left {left}"
    assert caplog.messages in ([message], [])  # another row may have said it before
    assert run("pid", secrets={"WHAT": what, "NAME": case}).ok


def test_memory_that_is_left_in_many_runs(run):
    """A process that has grown by more than one run may use is used no more."""
    first, second, third = (pid_of(run("grow", memory_mb=100.0)) for _ in range(3))
    assert first == second
    assert third != first
    assert gone(first)


@pytest.mark.parametrize("job", ["fail", "crash", "loop", "kill"])
def test_a_run_that_is_not_ok(job, run):
    """A failure, an exception, a limit and a crash end the process: nobody knows what they have left."""
    first = pid_of(run("pid", seconds=0.5))
    assert not run(job, seconds=0.5).ok
    assert gone(first)
    assert pid_of(run("pid", seconds=0.5)) != first


def test_a_later_run_that_is_cancelled(run, ask, case):
    """It ends as cancelled, with what it did; its process has ended."""
    first, seen = pid_of(run("pid")), []
    handle = ask("loop", plugin="lasting", path=LASTING, on_message=seen.append, case=case)
    assert handle.wait_ready(10)
    handle.go()
    while not any(message["kind"] == "entry" for message in seen):
        handle.poll()
    handle.cancel("ann")
    ended = handle.result(10)
    assert (ended.verdict, ended.reason) == ("cancelled", "cancelled by ann")
    assert [event.type for event in ended.events] == ["loops"]
    assert gone(first)


def test_a_later_run_without_a_lease(run, ask, case):
    """A process that waits has none; each run has its own."""
    first = pid_of(run("pid"))
    for seconds, verdict in ((20.0, "ok"), (0.3, "lost")):
        handle = ask("pid" if verdict == "ok" else "loop", plugin="lasting", path=LASTING, case=case)
        assert handle.wait_ready(10)
        handle.renew(seconds)
        handle.go()
        assert handle.result(10).verdict == verdict
    assert gone(first)


def test_what_is_said_too_late_concerns_no_later_run(ask, run, case):
    """Who cancels or renews a run that is over reaches nobody, also where its process has another run by then."""
    handle = ask("pid", plugin="lasting", path=LASTING, case=case)
    assert handle.wait_ready(10)
    handle.go()
    while not handle.poll():
        pass
    handle.cancel("ann")  # it is over, and its process waits
    first = pid_of(handle.result())
    handle.cancel("bob")
    handle.renew(0.0)
    assert pid_of(run("pid")) == first


def test_a_later_run_that_reaches_its_time_limit(run):
    """It is judged as a first one is."""
    first = pid_of(run("pid", seconds=0.5))
    ended = run("loop", seconds=0.5)
    assert ended.verdict == "timed_out"
    assert ended.reason.startswith("timed out: the limit is 0.5 s, passed at main.py:")
    assert 0.5 <= ended.duration.total_seconds() < 10
    assert gone(first)


OUTPUTS = {
    "print_half": ("half a line", "and half an error"),
    "print_much": ("x" * ((1 << 20) - 2) + "y\n", ""),
}


@pytest.mark.parametrize("job", OUTPUTS)
def test_output_is_of_its_own_run(job, run):
    """All of it is in the run that has written it, and none of it in the next one."""
    runs = [run(job), run("pid"), run(job), run("pid")]
    assert len({*map(pid_of, runs)}) == 1
    out, err = OUTPUTS[job]
    shown = out if len(out) < 1_000_000 else f"{out[:1_000_000]}\n… cut after 1,000,000 characters\n"
    assert [(each.stdout, each.stderr) for each in runs] == [(shown, err), ("", "")] * 2


def test_memory_of_a_run_that_was_over_too_soon():
    """Where the process has ended before anybody looks at it, what it had a little earlier counts as its beginning."""
    with subprocess.Popen(["/bin/true"]) as process:
        process.wait()
        assert Memory(process.pid, 100.0, 5 << 20).most(6 << 10) == 1.0


def test_memory_is_of_its_own_run(run):
    """What an earlier run used at most does not count, and what it uses itself does."""
    runs = [run("allocate"), run("pid"), run("allocate"), run("pid")]
    assert len({*map(pid_of, runs)}) == 1
    assert [each.memory_mb > 55 for each in runs] == [True, False, True, False]
    assert runs[1].memory_mb < 10


def test_a_later_run_that_uses_too_much_memory(run):
    """It is ended at its limit, which counts from its own beginning."""
    assert pid_of(run("allocate", memory_mb=80.0)) == pid_of(run("allocate", memory_mb=80.0))
    assert run("grow", memory_mb=80.0).ok
    assert run("grow", memory_mb=30.0).verdict == "out_of_memory"


def test_secrets_of_earlier_runs(run):
    """A secret that an earlier run has set is redacted wherever a later one shows it, also if no source has it."""
    first = pid_of(run("set_a_secret"))
    told = run("tell_a_secret")
    assert pid_of(told) == first
    shown = "‹secret:NEW›"
    assert (told.stdout, told.logs) == (f"{shown}\n", (f"INFO lasting: the secret is {shown}",))
    assert (told.value["secret"], told.events[0].payload) == (shown, {"secret": shown})
    assert "a-new-secret" not in f"{told.to_dict()}"


def real(starter, job, case, **given):
    """Run a job in a real tenant."""
    request = RunRequest(
        plugin=str(LASTING),
        slug="lasting",
        job=job,
        fire=0.0,
        tenant="acme",
        factory=FACTORY,
        settings={"path": f"{case}.toml", "text": 'id = "acme"\n'},
        **given,
    )
    with starter.request(request) as handle:
        assert handle.wait_ready(20), handle.result().summary
        handle.go()
        return handle.result(20)


def test_a_context_of_an_earlier_run(starter, case):
    """What is done with it belongs to the run that goes on, with its permissions, and that run says so."""
    first = pid_of(real(starter, "keep_the_context", case))
    used = real(starter, "use_the_context", case)
    assert pid_of(used) == first
    assert [event.type for event in used.events] == ["used"]
    assert [fault.kind for fault in used.faults] == ["context-kept", "permission-denied"]
    assert used.value["error"].startswith("ctx.db.count needs the permission")


def called(starter, case, body=None, **caller):
    """Call the route."""
    request = {"path": "/who", "method": "GET", "path_params": {}, "query": {}, "headers": {}, "json": body}
    return real(starter, "GET /who", case, call={"kind": "route", "index": 0, "request": request, **caller})


def test_a_context_of_an_earlier_caller(starter, case):
    """A route that has kept its first context is told who calls now."""
    answers = [called(starter, case, user_id=name, role=role) for name, role in (("ann", "operate"), ("bob", "read"))]
    bodies = [answer.value["body"] for answer in answers]
    assert bodies[0]["pid"] == bodies[1]["pid"]
    assert [(body["user"], body["role"]) for body in bodies] == [("ann", "operate"), ("bob", "read")]
    assert [fault.kind for fault in answers[1].faults] == ["context-kept"]


def test_a_request_that_is_long(starter, case):
    """What may not fit into the pipe to a child that waits goes to a new process; the one that waits stays."""
    first, long, again = (called(starter, case, body).value["body"]["pid"] for body in (None, "x" * 10_000, "x"))
    assert first != long
    assert again in {first, long}


@pytest.mark.parametrize("name", TABLE)
def test_a_hostile_job_in_a_process_that_was_used(name, ask, case):
    """It ends as it does in a new process, and the next run is well."""

    def ended(job):
        handle = ask(job, case=case, **TABLE[name].limits)
        assert handle.wait_ready(20)
        handle.go()
        return handle.result(30)

    first, judged, last = ended("well"), ended(name), ended("well")
    judge(name, judged)
    assert [(each.verdict, each.stdout, each.faults) for each in (first, last)] == [("ok", "well\n", ())] * 2
