"""A planner or a worker in a process of its own, which tests kill and cut.

`process.py ROLE URL COUNTS CUTS LEASE AHEAD`; `AHEAD` is by how many seconds its clock is wrong.
Its jobs are due every two seconds. Now and then, at each of the steps of a claim, it cuts all its connections to the
database, and notes where.
"""

import faulthandler
import os
import random
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import time_machine
from every_second import EverySeconds

from sbh_jobkit.engines import choosing, claimer, claims, heartbeat, identity
from sbh_jobkit.engines.distributed import worker as worker_module
from sbh_jobkit.engines.distributed.queue import ProcrastinateEngine
from sbh_jobkit.engines.distributed.scheduler import QueueScheduler
from sbh_jobkit.engines.distributed.worker import QueueWorker
from sbh_jobkit.engines.handle import RunHandle
from sbh_jobkit.engines.lease import Lease
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.engines.served import ServedJob
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.engines.store import Store
from sbh_jobkit.live.settings import HistorySettings
from sbh_jobkit.schedule.policy import Policy

PLUGIN = Path(__file__).parents[2] / "data/counting"
POLICIES = {"count": Policy(overlap="allow", catch_up="all"), "other": Policy(), "slow": Policy(overlap="queue_one")}
ONE_IN = 12
"""How seldom a step cuts the connections."""


class Jobs:
    """What `Catalogue` is where plugins come from the store: three jobs that are due every two seconds."""

    def __init__(self, count_file):
        """Make the jobs."""
        self.plugins, self.served = {}, {}
        settings = {"secrets": {"COUNT_FILE": count_file}}
        given = {"plugin": str(PLUGIN), "slug": "counting", "tenant": "acme", "factory": "dict_tenant:make"}
        for name, policy in POLICIES.items():
            planned = PlannedJob(tenant="acme", plugin="counting", job=name, schedule=EverySeconds(2), policy=policy)
            template = RunRequest(job=name, fire=0.0, settings=settings, **given)
            self.served[planned.key] = ServedJob(planned=planned, template=template)

    def jobs(self):
        """Return all, and no problems."""
        return self.served, {}

    def installed(self, connection, keys):
        """Find nothing: the jobs are made here."""
        del connection, keys
        return {}

    def job(self, key, installed):
        """Return one."""
        del installed
        return self.served[key]

    def known(self, keys):
        """Return some."""
        return {key: self.served[key].planned for key in keys}


class Cuts:
    """Cuts the connections of this process at steps of the claim."""

    def __init__(self, store, cuts_file):
        """Put itself between the steps."""
        self.dsn = store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self.file = Path(cuts_file)
        self.chance = random.Random(os.getpid())  # noqa: S311  where it cuts is noted
        choosing.fair = self.around(choosing.fair, None, "chosen")
        claimer.dispatch = self.around(claimer.dispatch, None, "decided")
        RunHandle.wait_ready = self.around(RunHandle.wait_ready, "claimed", "ready")
        RunHandle.go = self.around(RunHandle.go, "running", "gone")
        claims.finish = self.around(claims.finish, "ended", "finished")

    def around(self, function, before, after):
        """Return a function that may cut before and after it does what it does."""

        def called(*given, **named):
            self.may_cut(before)
            result = function(*given, **named)
            self.may_cut(after)
            return result

        return called

    def may_cut(self, point):
        """Cut all connections, once in a while."""
        if point is None or self.chance.randrange(ONE_IN):
            return
        with self.file.open("a", encoding="utf-8") as cuts:
            cuts.write(f"{point}\n")
        with psycopg.connect(self.dsn, application_name="cuts", autocommit=True) as connection:
            mine = "application_name = %s AND pid <> pg_backend_pid()"
            connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}", [name()])  # noqa: S608  no value of others


def name():
    """Return what the database calls the connections of this process."""
    return f"sbh-{os.getpid()}"


def shorten(seconds):
    """Let leases be shorter than those of users, whose tests would take too long."""
    heartbeat.LEASE = seconds
    heartbeat.beat.__kwdefaults__["lease"] = seconds
    worker_module.Lease = lambda: Lease(seconds - 2)


def main(role, url, count_file, cuts_file, lease, ahead):  # noqa: PLR0917  the words of a command line
    """Plan or work until SIGTERM."""
    if float(ahead):
        time_machine.travel(datetime.now(UTC) + timedelta(seconds=float(ahead))).start()  # noqa: TID251  the real time
    faulthandler.register(signal.SIGUSR1)  # so that one which does not stop says where it is
    shorten(float(lease))
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    store = Store.open(f"{url}&application_name={name()}")
    engine, jobs = ProcrastinateEngine(store.url), Jobs(count_file)
    if role == "plan":
        running = QueueScheduler(identity.identify(), store, engine, jobs, history=lambda _: HistorySettings())
        serve(running, stopped)
    else:
        Cuts(store, cuts_file)
        with Starter.start(["dict_tenant"]) as starter:
            serve(QueueWorker(identity.identify(), store, engine, starter, jobs, slots=4), stopped)
    store.close()


def serve(running, stopped):
    """Run until SIGTERM."""
    running.start()
    sys.stdout.write("started\n")
    sys.stdout.flush()
    stopped.wait()
    running.stop(10)


if __name__ == "__main__":
    main(*sys.argv[1:])
