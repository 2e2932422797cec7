"""One table of what `ctx` answers, `conformance.json`, which whatever serves a job must fulfil: here, the fakes.

A row has the `member`, what is `given` (itself, or by the name that it has in the table), a `call`, and of it the
`result`, or the type of the error that it `raises`; also the kind of `fault` that it leaves, what that must have
`said`, and the `events` that were published. `{"$matches": "…"}` stands for any text that the pattern fits,
`{"$datetime": "…"}` for a time, and `{"$rows": 250}` for as many rows `{"n": 0}`, `{"n": 1}`, …

Today's host must give the same, but where a row has a part `host`: there stand what it gives instead, and the kinds of
all `faults` that this leaves, among them the id of the divergence.
"""

import inspect
import json
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs

import httpx
import pytest

from sbh_jobkit import ports
from sbh_jobkit.clock import VirtualClock
from sbh_jobkit.fakes.world import World
from sbh_jobkit.plugin import divergences
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.schedule import Schedule

AT = "2026-01-05T09:00:00"


class Services(Protocol):
    """What a row asks of whatever answers it; one that cannot be set up so skips the test and says why."""

    def put_secret(self, name: str, value: str) -> None:
        """Set a secret as an administrator does."""

    def insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Make a table and add rows to it, which have numbers for ids from 1 where they have none."""

    def write_file(self, key: str, data: str, content_type: str | None, modified: str | None) -> None:
        """Store a file that was last written at a naive time, or now."""

    def route(self, method: str, url: str, answer: dict[str, Any]) -> None:
        """Let an address answer: `status`, `json` or `text`, `content_type`, `headers`; or `error`; or with `echo`."""

    def script_llm(self, when: str, answer: str | None, error: str | None) -> None:
        """Let the language model answer, or fail, when a pattern is found in the prompt; the latest counts."""

    def install(self, plugin: str, job: str, schedule: str | None) -> None:
        """Install a job that has not run yet."""

    def use_memory(self, mb: float) -> None:
        """Set the memory that the job uses, of its 100 MB."""

    def permit(self, permissions: list[str]) -> None:
        """Permit this alone; everything is permitted otherwise."""

    def context(self) -> Any:
        """Open the context of tenant `acme`, user `u-1`, role `admin`, while `datetime.now()` is as in a job."""

    def faults(self) -> list[tuple[str, str]]:
        """Return kind and message of every fault that the context recorded."""

    def events(self) -> list[dict[str, Any]]:
        """Return type and payload of every event that was published."""


class FakeServices:
    """The kit's fakes: a world whose time stands still."""

    def __init__(self, zone: str, target: str = "guide") -> None:
        """Start empty, with naive times in a zone."""
        self.world = World("acme", zone, user_id="u-1", role="admin", target=target)
        self.permissions: frozenset[str] | None = None
        self.recorder = self.world.recorder()

    def put_secret(self, name, value):
        """Set a secret."""
        self.world.secrets[name] = value

    def insert(self, table, rows):
        """Make a table and add rows."""
        self.world.db.create(table)
        self.world.db.insert(table, rows)

    def write_file(self, key, data, content_type, modified):
        """Store a file."""
        self.world.files.write(key, data, content_type=content_type, modified=modified)

    def route(self, method, url, answer):
        """Add a route."""
        route = self.world.http.request(method, url=url)
        if "error" in answer:
            route.side_effect = getattr(httpx, answer["error"])
        elif "echo" in answer:
            route.side_effect = echo
        else:
            names = {"status": "status_code", "content_type": "content_type", "headers": "headers", "json": "json"}
            text = {"content" if "content_type" in answer else "text": answer["text"]} if "text" in answer else {}
            route.respond(**{names[key]: value for key, value in answer.items() if key in names}, **text)

    def script_llm(self, when, answer, error):
        """Script an answer or an error."""
        self.world.llm.reply(answer if error is None else RuntimeError(error), when=when)

    def install(self, plugin, job, schedule):
        """List a job in the table of jobs."""
        self.world.jobs.install(plugin, job, Schedule(schedule, self.world.zone) if schedule else None)

    def use_memory(self, mb):
        """Use memory."""
        self.world.memory.use(mb)

    def permit(self, permissions):
        """Permit this alone."""
        self.permissions = frozenset(permissions)

    @contextmanager
    def context(self):
        """Open a context at a fixed time."""
        self.world.begin(AT)
        with VirtualClock(times.instant(AT, self.world.zone), self.world.zone):
            yield self.world.open(self.recorder, self.permissions, self.world.zone)

    def faults(self):
        """Read the recorder."""
        return [(fault.kind, fault.message) for fault in self.recorder.faults]

    def events(self):
        """Read the world's events."""
        return [{"type": event.type, "payload": event.payload} for event in self.world.events]


def echo(request):
    """Answer with what was asked."""
    seen = {"method": request.method, "query": parse_qs(request.url.query.decode()), "body": request.content.decode()}
    return httpx.Response(200, json={**seen, **request.headers})


class Matches(str):
    """A pattern that is equal to every text it fits."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other):
        """Fit a text as a whole."""
        return isinstance(other, str) and re.fullmatch(self, other, re.DOTALL) is not None


def value(written):
    """Read what JSON has no word for."""
    match written:
        case {"$matches": pattern}:
            return Matches(pattern)
        case {"$datetime": moment}:
            return datetime.fromisoformat(moment)
        case {"$rows": number}:
            return [{"n": n} for n in range(number)]
    return written


TABLE = json.loads(Path(__file__).with_name("conformance.json").read_text(encoding="utf-8"), object_hook=value)
ROWS = TABLE["rows"]
WORDS = {
    "json": json,
    "datetime": datetime,
    "timedelta": timedelta,
    "names": lambda rows: [row["name"] for row in rows],
    "numbers": lambda rows: [row["n"] for row in rows],
    "keys": lambda files: [file["key"] for file in files],
    "lower": lambda headers: {name.lower(): text for name, text in headers.items()},
    "pick": lambda answer, *names: [answer["json"][name] for name in names],
}
"""What a call may use besides `ctx`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """The result of a call."""

    result: Any = None
    raises: str | None = None
    faults: list[str]
    events: list[dict[str, Any]]


def given_in(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row is given, itself or by name."""
    given = row.get("given", {})
    return TABLE["givens"][given] if isinstance(given, str) else given


def prepare(services: Services, given: Mapping[str, Any]) -> None:
    """Set services up as a row asks."""
    for name, secret in given.get("secrets", {}).items():
        services.put_secret(name, secret)
    for table, rows in given.get("tables", {}).items():
        services.insert(table, rows)
    for key, file in given.get("files", {}).items():
        services.write_file(key, file["data"], file.get("content_type"), file.get("modified"))
    for route in given.get("routes", ()):
        answer = {key: part for key, part in route.items() if key not in {"method", "url"}}
        services.route(route["method"], route["url"], answer)
    for reply in given.get("llm", ()):
        services.script_llm(reply.get("when", ""), reply.get("answer"), reply.get("error"))
    for plugin, jobs in given.get("jobs", {}).items():
        for job, schedule in jobs.items():
            services.install(plugin, job, schedule)
    if "memory_mb" in given:
        services.use_memory(given["memory_mb"])
    if "permissions" in given:
        services.permit(given["permissions"])


def call(row: Mapping[str, Any], services: Services) -> TrackedRun:
    """Make a row's call on prepared services, and return its result."""
    result, raises = None, None
    with services.context() as ctx:
        try:
            result = eval(row["call"], {**WORDS, "ctx": ctx})  # noqa: S307  the table is our own
        except Exception as error:  # noqa: BLE001  which one it is, is what the row tells
            raises = type(error).__name__
    return TrackedRun(
        result=result, raises=raises, faults=[kind for kind, _ in services.faults()], events=services.events()
    )


def expected(row: Mapping[str, Any]) -> TrackedRun:
    """Return the expected result."""
    faults = [row["fault"]] if "fault" in row else row.get("faults", [])
    return TrackedRun(result=row.get("result"), raises=row.get("raises"), faults=faults, events=row.get("events", []))


def on_host(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the row as today's host fulfils it."""
    if "host" not in row:
        return row
    return {key: row[key] for key in ("member", "given", "call", "why") if key in row} | row["host"]


def check(row: Mapping[str, Any], services: Services) -> None:
    """Check services against a row of the table."""
    prepare(services, given_in(row))
    assert call(row, services) == expected(row), row["why"]
    said = row.get("said", ())
    for text in [said] if isinstance(said, str) else said:
        assert text in services.faults()[0][1]


def title(row):
    """Name a row in a test's report."""
    return f"{row['member']}: {row['why']}"


@pytest.mark.parametrize("row", ROWS, ids=title)
def test_the_fakes_answer_as_the_contract_says(row):
    """Every row of the table holds on the kit's fakes."""
    check(row, FakeServices(given_in(row).get("zone", "UTC")))


@pytest.mark.parametrize("row", ROWS, ids=title)
def test_the_fakes_answer_as_the_host_does(row):
    """Every row holds on the kit's fakes as today's host: the same, or what is pinned by the id of a divergence."""
    check(on_host(row), FakeServices(given_in(row).get("zone", "UTC"), target="host"))


MEMBERS = {
    *(f"secrets.{name}" for name in vars(ports.Secrets) if not name.startswith("_")),
    *(f"http.{name}" for name in vars(ports.Http) if not name.startswith("_")),
    *(f"files.{name}" for name in vars(ports.Files) if not name.startswith("_")),
    *(f"db.{name}" for name in vars(ports.Database) if not name.startswith("_")),
    *(f"llm.{name}" for name in vars(ports.Llm) if not name.startswith("_")),
    *("db.insert", "db.update", "db.delete"),  # which it has not
    *("emit", "check_memory_usage", "tenant_id", "request"),
}


def test_the_table_has_every_member():
    """No member of the contract is without a row, and no row is of another."""
    assert {row["member"] for row in ROWS} == MEMBERS


@pytest.mark.parametrize(
    "port", [ports.Secrets, ports.Http, ports.Files, ports.Database, ports.Llm], ids=lambda port: port.__name__
)
def test_the_table_has_every_parameter(port):
    """Every parameter of every member is passed by its name in one call at least."""
    for name, function in inspect.getmembers(port, inspect.isfunction):
        for parameter in list(inspect.signature(function).parameters)[1:] if not name.startswith("_") else ():
            passed = [row for row in ROWS if re.search(rf"\.{name}\(.*\b{parameter}=", row["call"])]
            assert passed, f"{port.__name__}.{name}: {parameter}"


def test_rows_are_calls_of_their_member():
    """A row calls its member, says why, tells what it expects, and stands once."""
    known = {"member", "given", "call", "result", "raises", "fault", "faults", "said", "events", "host", "why"}
    odd = [row for row in ROWS if f"ctx.{row['member']}" not in row["call"] or not row["why"] or row.keys() - known]
    assert odd == []
    answers = [*ROWS, *(row["host"] for row in ROWS if "host" in row)]
    assert [row for row in answers if ("result" in row) == ("raises" in row)] == []
    twice = Counter(json.dumps([row["call"], row.get("given")], default=str) for row in ROWS)
    assert [text for text, number in twice.items() if number > 1] == []


OF_A_RUN = {"D12", "D13", "D33", "D36", "D41"}
"""Divergences that no call meets, but the run as a whole: see test_host_rules.py."""


def test_every_divergence_of_a_call_is_pinned():
    """The rows have every divergence that a job's call can show, and no other."""
    kinds = {kind for row in ROWS for kind in row.get("host", {}).get("faults", ())}
    assert {kind for kind in kinds if kind in divergences.table()} == {*divergences.ids_for("job")} - OF_A_RUN


def test_no_row_differs_on_the_host_without_an_id():
    """What stands of the host differs from what stands beside it, names a divergence, and nothing else is told."""
    pinned = [row for row in ROWS if "host" in row]
    assert [row for row in pinned if row["host"].keys() - {"result", "raises", "faults", "events"}] == []
    assert [row for row in pinned if not {*row["host"]["faults"]} & {*divergences.table()}] == []
    assert [row for row in pinned if expected(row) == expected(on_host(row))] == []
