"""A scheduler in a process of its own, for tests that kill it: `manual_server.py STORE COUNT_FILE [SCHEDULE]`.

Its jobs are manual only, or one of them has the schedule that is given.
"""

import signal
import sys
import threading
from pathlib import Path
from zoneinfo import ZoneInfo

from sbh_jobkit.engines.local import LocalEngine
from sbh_jobkit.engines.manual import ManualOnly
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.engines.served import ServedJob
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.engines.store import Store
from sbh_jobkit.schedule.policy import Policy
from sbh_jobkit.schedule.schedule import Schedule

PLUGIN = Path(__file__).parents[2] / "data/counting"


def jobs(count_file, names=("count", "slow"), schedule=None, **policy):
    """Return jobs that are manual only, or have a schedule."""
    for name in names:
        due = Schedule(schedule) if schedule else ManualOnly(ZoneInfo("UTC"))
        planned = PlannedJob(tenant="acme", plugin="counting", job=name, schedule=due, policy=Policy(**policy))
        settings = {"secrets": {"COUNT_FILE": str(count_file)}}
        given = {"plugin": str(PLUGIN), "slug": "counting", "tenant": "acme", "factory": "dict_tenant:make"}
        yield ServedJob(planned=planned, template=RunRequest(job=name, fire=0.0, settings=settings, **given))


def main(url, count_file, schedule=None):
    """Serve until SIGTERM."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    names = ("count", "slow") if schedule is None else ("count",)
    served = jobs(count_file, names, schedule, max_instances=9 if schedule is None else 2)
    store = Store.open(url)
    with Starter.start(["dict_tenant"]) as starter:
        engine = LocalEngine(store, served, starter)
        engine.start()
        sys.stdout.write("serving\n")
        sys.stdout.flush()
        stopped.wait()
        engine.stop(10)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
