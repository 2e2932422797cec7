"""Claims for the free slots of a worker: those that ask together are served together, and each gets its own row."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from sbh_jobkit.engines import choosing, heartbeat, planner
from sbh_jobkit.engines.claimer import Claimer
from sbh_jobkit.engines.instants import now_in, to_store
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.engines.schema import State, job_run
from sbh_jobkit.engines.served import ServedJob
from sbh_jobkit.engines.writer import Writer
from sbh_jobkit.errors import PluginError
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.schedule.policy import Policy
from sbh_jobkit.schedule.schedule import Schedule

ALL = Policy(overlap="allow", catch_up="all", max_instances=100)
REQUEST = RunRequest(plugin=".", slug="shop", job="", fire=0.0, tenant="", factory="no:module", settings={})
C = job_run.c


class Known:
    """What `Catalogue` is where nothing is loaded from the store; it counts how often a claimer looks."""

    def __init__(self, policies, broken=()):
        """Know jobs by their tenant and name, with their policies; those that are broken cannot be loaded."""
        self.looks, self.broken = 0, broken
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self.error = None
        self.served = {}
        for key, policy in policies.items():
            tenant, name = key.split("/")
            schedule = Schedule("0 0 1 1 *")
            planned = PlannedJob(tenant=tenant, plugin="shop", job=name, schedule=schedule, policy=policy)
            self.served[planned.key] = ServedJob(planned=planned, template=REQUEST)

    def known(self, keys):
        """Return the jobs, when the test lets it go on."""
        self.looks += 1
        self.entered.set()
        assert self.go_on.wait(30)
        if self.error is not None:
            raise self.error
        return {key: self.served[key].planned for key in keys}

    def installed(self, connection, keys):
        """Find the plugins of these jobs, and no others."""
        del connection
        return {key[:2]: "a package" for key in keys}

    def job(self, key, installed):
        """Return a job, or say why it cannot be loaded."""
        if installed is None or key[2] in self.broken:
            msg = "it cannot be loaded"
            raise PluginError(msg)
        return self.served[key]


class Claimed:
    """A store with rows that are due, and a claimer."""

    def __init__(self, store, policies, tenants=(), broken=()):
        """Make it."""
        self.store, self.known, self.ended = store, Known(policies, broken), []
        self.writer = Writer(store)
        self.claimer = Claimer("w", store, self.writer, self.known, tenants=tenants, ended=self.ended.append)
        with store.write() as connection:
            self.now = now_in(connection)
            heartbeat.beat(connection, "w", self.now - 3600)
            planner.plan(connection, [job.planned for job in self.known.served.values()], self.now - 60)
            heartbeat.beat(connection, "w", self.now, lease=7200)

    def add(self, *rows, state=State.DUE):
        """Write rows, as tenant/job and seconds before now."""
        with self.store.write() as connection:
            for name, before in rows:
                tenant, job = name.split("/")
                key = {"tenant": tenant, "plugin": "shop", "job": job, "fire_time": to_store(self.now - before)}
                worker = "w" if state in {State.CLAIMED, State.RUNNING} else None
                connection.execute(job_run.insert().values(**key, state=state, planned_at=0, worker=worker))

    def claim(self):
        """Claim a row for one slot; return which job, or None."""
        start = self.claimer.claim()
        return start and f"{start.job.planned.tenant}/{start.job.planned.job}"

    def together(self, slots):
        """Claim for slots of which all but the first ask while that one is served; return what each gets."""
        self.known.go_on.clear()
        self.known.entered.clear()
        with ThreadPoolExecutor(slots) as threads:
            asked = [threads.submit(self.claim)]
            assert self.known.entered.wait(30)
            asked += [threads.submit(self.claim) for _ in range(slots - 1)]
            while len(self.claimer._asking) < slots - 1:  # noqa: SLF001  nothing else shows that they wait
                time.sleep(0.01)
            self.known.go_on.set()
        return asked

    def rows(self, *which):
        """Return columns of all rows, the oldest first."""
        with self.store.read() as connection:
            return [tuple(row) for row in connection.execute(select(*which).order_by(C.fire_time, C.job))]


@pytest.fixture
def make(store):
    """Return a function that makes a claimer on an empty store of each kind."""
    made = []

    def claimed(policies, **named):
        made.append(Claimed(store, policies, **named))
        return made[-1]

    yield claimed
    for each in made:
        each.writer.close()


def test_slots_that_ask_together_are_served_by_one_claim(make):
    """Each gets a row of its own: the first one asked alone, and the other three together."""
    shop = make({"acme/a": ALL, "acme/b": ALL})
    shop.add(*(("acme/a", n) for n in range(1, 4)), ("acme/b", 1))
    assert sorted(asked.result() for asked in shop.together(4)) == ["acme/a"] * 3 + ["acme/b"]
    assert shop.rows(C.state, C.worker) == [("claimed", "w")] * 4
    assert shop.known.looks == 2
    assert shop.claim() is None


def test_no_more_is_claimed_than_slots_ask(make):
    """A row without a slot stays due, and any worker with a free slot can claim it."""
    shop = make({"acme/a": ALL})
    shop.add(*(("acme/a", n) for n in range(1, 10)))
    assert [asked.result() for asked in shop.together(3)] == ["acme/a"] * 3
    assert sorted(shop.rows(C.state)) == [("claimed",)] * 3 + [("due",)] * 6


def test_slots_for_which_nothing_is_left_get_nothing(make):
    """They wait until they are called again."""
    shop = make({"acme/a": ALL})
    shop.add(("acme/a", 1), ("acme/a", 2))
    found = [asked.result() for asked in shop.together(4)]
    assert (found.count("acme/a"), found.count(None)) == (2, 2)


def test_an_error_is_raised_for_each_slot(make):
    """Also to those that were served together with others."""
    shop = make({"acme/a": ALL})
    shop.add(("acme/a", 1))
    shop.known.error = RuntimeError("no database")
    assert [str(asked.exception()) for asked in shop.together(3)] == ["no database"] * 3
    shop.known.error = None
    assert shop.claim() == "acme/a"


FAIR = [
    # what goes on, what is due with its seconds, for which tenants the worker is; what is claimed one after another
    ([], [("acme/a", 9), ("acme/b", 8), ("beta/c", 1)], (), ["acme/a", "beta/c", "acme/b", None]),
    ([("acme/a", 90)], [("acme/b", 9), ("beta/c", 1)], (), ["beta/c", "acme/b", None]),
    ([], [("acme/a", 9), ("beta/c", 8)], ("beta",), ["beta/c", None]),
    ([], [("acme/a", 9), ("acme/a", 8), ("beta/c", 7)], (), ["acme/a", "beta/c", "acme/a", None]),
]


@pytest.mark.parametrize(("going", "due", "tenants", "claimed"), FAIR)
def test_tenants_take_turns(make, going, due, tenants, claimed):
    """The one with the fewest runs comes first."""
    shop = make({"acme/a": ALL, "acme/b": ALL, "beta/c": ALL}, tenants=tenants)
    shop.add(*going, state=State.RUNNING)
    shop.add(*due)
    assert [shop.claim() for _ in claimed] == claimed


@pytest.mark.parametrize("page", [1, 2, 50])
def test_jobs_that_wait_do_not_keep_another_one_of_their_tenant(make, monkeypatch, page):
    """Though they are due for longer, and fill all the places that are looked at first."""
    monkeypatch.setattr(choosing, "PAGE", page)
    queued = {f"acme/q{n}": Policy(overlap="queue_one") for n in range(4)}
    others = {f"beta/o{n}": ALL for n in range(4)}
    shop = make(queued | others | {"acme/free": ALL})
    shop.add(*((name, 50) for name in queued), state=State.RUNNING)
    shop.add(*((name, 40) for name in queued), state=State.WAITING)
    shop.add(*((f"beta/o{n}", 45) for n in range(4)), state=State.RUNNING)
    shop.add(("beta/o0", 44), state=State.RUNNING)
    shop.add(*((name, 30) for name in others))
    shop.add(("acme/free", 20))
    assert shop.claim() == "acme/free"


@pytest.mark.parametrize("page", [1, 2, 50])
def test_all_that_is_due_is_claimed_however_few_jobs_are_looked_at_first(make, monkeypatch, page):
    """Those that were seen earlier are not forgotten when more are looked at."""
    monkeypatch.setattr(choosing, "PAGE", page)
    names = [f"{tenant}/{job}" for tenant in ("acme", "beta", "cafe") for job in "ab"]
    waits = Policy(overlap="queue_one")
    shop = make(dict.fromkeys(names, ALL) | {"acme/q": waits, "beta/q": waits})
    for tenant in ("acme", "beta"):
        shop.add((f"{tenant}/q", 90), state=State.RUNNING)
        shop.add((f"{tenant}/q", 80), state=State.WAITING)
    shop.add(*((name, 9 - n) for n, name in enumerate(names)))
    assert sorted(shop.claim() for _ in names) == names
    assert shop.claim() is None
    assert {row for row in shop.rows(C.state) if row != ("claimed",)} == {("running",), ("waiting",)}


def test_a_job_that_was_seen_first_may_start_last(make, monkeypatch):
    """When all others that are looked at meanwhile may not; its plugin is still known."""
    monkeypatch.setattr(choosing, "PAGE", 2)
    shop = make({"acme/q": Policy(overlap="queue_one"), "acme/r": Policy(overlap="queue_one"), "beta/b": ALL})
    shop.add(("acme/q", 90), ("acme/r", 90), ("beta/b", 90), ("beta/b", 89), ("beta/b", 88), state=State.RUNNING)
    shop.add(("acme/q", 50), ("acme/r", 40), state=State.WAITING)
    shop.add(("beta/b", 45))
    assert shop.claim() == "beta/b"


def test_a_job_that_cannot_be_loaded_takes_no_slot(make):
    """Its row ends as crashed, with the reason, and the slot gets the next one."""
    shop = make({"acme/bad": ALL, "acme/good": ALL}, broken=["bad"])
    shop.add(("acme/bad", 9), ("acme/good", 1))
    assert shop.claim() == "acme/good"
    assert shop.rows(C.job, C.state, C.outcome) == [("bad", "ended", "crashed"), ("good", "claimed", None)]


def test_what_ends_without_a_start_is_reported(make):
    """A row that is skipped takes no slot either."""
    shop = make({"acme/a": Policy(overlap="skip")})
    shop.add(("acme/a", 50), state=State.RUNNING)
    shop.add(("acme/a", 5))
    assert shop.claim() is None
    assert [run.outcome for run in shop.ended] == [Outcome.SKIPPED]


@pytest.fixture
def held(store):
    """Return a context manager that decides on a job in another transaction, as another worker does."""

    def hold(shop, name):
        connection = store.engine.connect()
        connection.begin()
        tenant, job = name.split("/")
        planner.lock(connection, [shop.known.served[tenant, "shop", job].planned])
        return connection

    return hold


several_writers = pytest.mark.parametrize("url", ["postgres"], indirect=True)  # a SQLite file has one at a time


@several_writers
def test_jobs_on_which_another_worker_decides_are_left_to_it(make, held):
    """The slot gets a row of another job at once."""
    shop = make({"acme/a": ALL, "acme/b": ALL})
    shop.add(("acme/a", 9), ("acme/b", 1))
    with held(shop, "acme/a"):
        assert shop.claim() == "acme/b"
    assert shop.claim() == "acme/a"


@several_writers
def test_where_nothing_else_is_due_it_waits_for_the_other_worker(make, held):
    """That may leave the row, for which nobody would call again."""
    shop = make({"acme/a": ALL})
    shop.add(("acme/a", 9))
    with ThreadPoolExecutor() as threads:
        with held(shop, "acme/a"):
            asked = threads.submit(shop.claim)
            time.sleep(0.5)
            assert not asked.done()
        assert asked.result() == "acme/a"


@several_writers
def test_all_that_another_worker_leaves_is_claimed(make, held):
    """For as many slots as ask."""
    shop = make({"acme/a": ALL, "acme/b": ALL})
    shop.add(("acme/b", 9), *(("acme/a", n) for n in range(3)))
    threading.Timer(1.5, held(shop, "acme/a").close).start()
    assert sorted(each.result() for each in shop.together(4)) == ["acme/a"] * 3 + ["acme/b"]
