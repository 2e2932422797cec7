"""A scheduler in a process of its own, for tests that kill it: `server.py STORE COUNT_FILE DEATHS_FILE [POINT]`.

At a named point it notes which run it was at, and kills itself.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path

from every_second import EverySeconds

from sbh_jobkit.engines import local
from sbh_jobkit.engines.handle import RunHandle
from sbh_jobkit.engines.local import LocalEngine
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.engines.served import ServedJob
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.engines.store import Store
from sbh_jobkit.engines.worker import Worker
from sbh_jobkit.schedule.policy import Policy

PLUGIN = Path(__file__).parents[2] / "data/counting"
POLICIES = {
    "count": Policy(overlap="allow", catch_up="all"),
    "other": Policy(),
    "slow": Policy(overlap="queue_one"),
}


def jobs(count_file):
    """Return three jobs that are due every second."""
    for name, policy in POLICIES.items():
        planned = PlannedJob(tenant="acme", plugin="counting", job=name, schedule=EverySeconds(1), policy=policy)
        settings = {"secrets": {"COUNT_FILE": count_file}}
        given = {"plugin": str(PLUGIN), "slug": "counting", "tenant": "acme", "factory": "dict_tenant:make"}
        yield ServedJob(planned=planned, template=RunRequest(job=name, fire=0.0, settings=settings, **given))


class Death:
    """Kills this process when it comes to a point for the third time, and notes the run."""

    def __init__(self, point, deaths_file):
        """Put itself in the way."""
        self.point = point
        self.file = Path(deaths_file)
        self.left = 3
        self.at = threading.local()
        follow, ready, go, decide = Worker._follow, RunHandle.wait_ready, RunHandle.go, local.dispatch

        def following(worker, claim, handle, reason):
            self.at.run = claim.job, claim.fire
            return follow(worker, claim, handle, reason)

        Worker._follow = following
        RunHandle.wait_ready = self.around(ready, "claim-ready", "ready-go")
        RunHandle.go = self.around(go, None, "go-end")
        local.dispatch = self.around(decide, "plan-claim", None)

    def around(self, function, before, after):
        """Return a function that comes to a point before it does what it does, and to another one after that."""

        def called(*given, **named):
            self.come_to(before)
            result = function(*given, **named)
            self.come_to(after)
            return result

        return called

    def come_to(self, point):
        """Die, if this is the point, for the third time."""
        if point != self.point:  # another thread may come to one while this process is being killed
            return
        self.left -= 1
        if self.left == 0:
            with self.file.open("a", encoding="utf-8") as deaths:
                deaths.write(json.dumps([point, *getattr(self.at, "run", ())]) + "\n")
            os.kill(os.getpid(), signal.SIGKILL)


def main(url, count_file, deaths_file, point=None):
    """Serve until SIGTERM."""
    if point is not None:
        Death(point, deaths_file)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    store = Store.open(url)
    with Starter.start(["dict_tenant"]) as starter:
        engine = LocalEngine(store, jobs(count_file), starter)
        engine.start()
        sys.stdout.write(f"{starter.pid}\n")
        sys.stdout.flush()
        stopped.wait()
        engine.stop(10)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
