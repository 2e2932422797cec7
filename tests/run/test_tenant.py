"""A tenant of dictionaries: the runner and the members of `ctx` need no fakes, and what any tenant offers is small."""

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pytest

from sbh_jobkit import filters
from sbh_jobkit.clock import VirtualClock
from sbh_jobkit.context.backends import FileInfo, HttpAnswer, LlmAnswer
from sbh_jobkit.context.context import PluginContext
from sbh_jobkit.extensions.registry import Extensions
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.run.recorder import Recorder
from sbh_jobkit.run.redaction import Redactor
from sbh_jobkit.run.runner import Runner
from sbh_jobkit.run.session import Limits
from sbh_jobkit.run.virtual import VirtualSandbox
from sbh_jobkit.schedule.times import instant, zone

UTC = zone("UTC")
AT = "2026-01-05T06:00"
SECRETS = {"FLEET_API_URL": "https://fleet.example", "FLEET_API_KEY": "key-of-the-fleet", "DIGEST_TEMPLATE": "{since}"}
USERS = [
    {"id": 1, "name": "Ann", "plan": "trial", "trial_ends": "2026-01-05", "created_at": "2026-01-04T12:00:00"},
    {"id": 2, "name": "Bo", "plan": "team", "trial_ends": None, "created_at": "2026-01-04T13:00:00"},
]


class DictTenant:
    """A tenant, and its own services."""

    id = "acme"

    def __init__(self):
        """Fill the dictionaries."""
        self.secrets = dict(SECRETS)
        self.files = DictFiles({"temp/old.log": (b"old", 0.0), "temp/new.log": (b"new", instant(AT, UTC).timestamp())})
        self.db = DictRows({"users": USERS, "projects": [], "builds": [], "queue": [{"id": 1}] * 7})
        self.http = DictHttp({"https://fleet.example/runners": [{"id": 0, "busy": True}]})
        self.llm = SimpleNamespace(default_model="m", tokens=len, answer=lambda *_: LlmAnswer("Nothing failed.", 1, 2))
        self.hints = SimpleNamespace(secret=lambda _: None, table=lambda _: None)
        self.extensions, self.memory_is_near = Extensions(None, None, ()), lambda: False

    def open(self, job, _fire, naive_in):
        """Open a session without snapshots."""
        redactor = Redactor({value: name for name, value in self.secrets.items()})
        recorder = Recorder(lambda: redactor, job.root)
        context = PluginContext(self.id, services=self, recorder=recorder, zone=naive_in)
        nothing = dict.fromkeys(("rules", "before", "after", "expected"))
        end = {"redactor": lambda: redactor, "finish": lambda *_: None, "injected": (), "limits": Limits()}
        return nullcontext(SimpleNamespace(context=context, recorder=recorder, **nothing, **end))


class DictFiles(dict):
    """Bytes and time of writing by key."""

    def list(self, prefix):
        """List by prefix."""
        return [self.stat(key) for key in sorted(self) if key.startswith(prefix)]

    def stat(self, key):
        """Describe one."""
        return FileInfo(key, len(self[key][0]), "text/plain", self[key][1]) if key in self else None

    def put(self, key, data, content_type):
        """Store one."""
        self[key] = data, instant(AT, UTC).timestamp()
        return bool(content_type)

    def delete(self, key):
        """Remove one."""
        return self.pop(key, None) is not None


class DictRows(dict):
    """Rows by table."""

    def page(self, table, wanted, first, end):
        """Return matching rows."""
        return [*filter(filters.parse(wanted).predicate(UTC), self[table])][first:end]

    def count(self, table, wanted):
        """Count them."""
        return len(self.page(table, wanted, 0, None))


class DictHttp(dict):
    """JSON by URL."""

    def build(self, method, url, **given):
        """Keep what is asked."""
        return SimpleNamespace(method=method, url=url, **given)

    def send(self, request):
        """Answer with JSON."""
        return HttpAnswer(200, {"Content-Type": "application/json"}, json.dumps(self[request.url]).encode())


@pytest.fixture(scope="module")
def hub_ops(request):
    """Return the example plugin."""
    return Plugin.load(request.config.rootpath / "examples/hub_ops")


def ran(plugin, name, tenant, at=AT):
    """Run one of its jobs."""
    moment = instant(at, UTC)
    with VirtualClock(moment, UTC) as clock, VirtualSandbox(clock) as sandbox:
        return Runner(tenant, sandbox).run(plugin.jobs[name], moment.timestamp(), plugin.jobs[name].schedule)


EVENTS = {
    "clean_temp_files": ["cleanup.completed"],
    "sync_runners": ["fleet.synced"],
    "watch_queue": ["queue.crowded"],
    "end_trials": ["trial.ended"],
    "index_projects": ["index.started", "index.completed"],
    "count_seats": ["seats.counted"],
    "daily_report": ["report.written"],
    "weekly_digest": ["digest.sent"],
}


@pytest.mark.parametrize("name", EVENTS)
def test_the_examples_jobs_run_in_a_tenant_of_dictionaries(hub_ops, name):
    """Every job that has something to do succeeds, and the run knows what it did."""
    run = ran(hub_ops, name, DictTenant())
    assert (run.tenant, run.verdict, run.faults) == ("acme", "ok", ())
    assert [event.type for event in run.events] == EVENTS[name]


def test_the_tenant_has_what_a_job_did():
    """What a job writes goes to the backends: here one old file is deleted, and one is written."""
    plugin, tenant = Plugin.load("examples/hub_ops"), DictTenant()
    ran(plugin, "clean_temp_files", tenant)
    ran(plugin, "sync_runners", tenant)
    assert sorted(tenant.files) == ["fleet/runners.json", "temp/new.log"]


def test_what_is_missing_is_a_fault_in_any_tenant(hub_ops):
    """Checks and faults are those of the fakes, since they are written once."""
    tenant = DictTenant()
    del tenant.secrets["FLEET_API_KEY"]
    run = ran(hub_ops, "sync_runners", tenant)
    assert [(fault.kind, fault.message) for fault in run.faults] == [
        ("secret-missing", "secret 'FLEET_API_KEY' is not set")
    ]
    assert run.verdict == "failed"


def test_a_sink_is_given_each_entry_as_it_happens(hub_ops):
    """What was done before a kill is known: each entry is handed over at once."""
    seen, tenant = [], DictTenant()
    opened = tenant.open

    def listened(*given):
        session = opened(*given)
        recorder = session.enter_result.recorder
        recorder._sink = lambda entry: seen.append((type(entry).__name__, len(recorder.events)))  # noqa: SLF001
        return session

    tenant.open = listened
    ran(hub_ops, "sync_runners", tenant)
    assert seen == [("HttpCall", 0), ("FileChange", 0), ("Event", 1)]


def test_time_in_a_run_is_the_sandboxes(hub_ops):
    """The run's duration is what the sandbox measured, here in virtual time."""
    tenant = DictTenant()
    tenant.db["projects"] = [{"id": n, "name": f"p-{n}"} for n in range(10)]
    assert ran(hub_ops, "index_projects", tenant).duration == timedelta(seconds=2)


LIGHT = """
import sys
import sbh_jobkit
for name in {modules}:
    __import__(name)
from src.ext.sdk import PluginContext, job
loaded = {{name.partition(".")[0] for name in sys.modules}}
print(sorted(name for name in sys.modules if name.startswith("sbh_jobkit.fakes")))
print(sorted(loaded & {{"time_machine", "respx", "httpx", "immutables"}}))
"""
CHAPTERS = ("run", "context", "schedule", "plugin")


def test_running_needs_no_fakes(request):
    """The chapters below the fakes, and the SDK, load none of them, and no library that only fakes need."""
    root = request.config.rootpath
    files = [file for chapter in CHAPTERS for file in (root / "sbh_jobkit" / chapter).glob("*.py")]
    modules = [".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for file in files]
    assert len(modules) > 30
    process = partial(subprocess.run, capture_output=True, text=True, check=False, timeout=60)
    done = process([sys.executable, "-c", LIGHT.format(modules=modules)], env={**os.environ, "PYTHONPATH": str(root)})
    assert (done.stdout, done.stderr) == ("[]\n[]\n", "")


def test_a_context_made_by_hand_is_a_fake():
    """`PluginContext("t")` in a unit test works, and is an instance of the type that jobs are annotated with."""
    context = PluginContext("t", role="admin")
    assert (type(context).__qualname__, isinstance(context, PluginContext)) == ("FakeContext", True)
    assert (context.tenant_id, context.role, context.files.list(), context.secrets.get("K", "d")) == (
        *("t", "admin"),
        *([], "d"),
    )


def test_a_live_context_is_an_instance_too(hub_ops):
    """What the runner gives a job is a PluginContext, with or without fakes."""
    session = DictTenant().open(hub_ops.jobs["watch_queue"], 0.0, UTC).enter_result
    assert type(session.context) is PluginContext
