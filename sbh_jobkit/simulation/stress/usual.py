"""What the jobs do without stress, from which the trials are made: how often they run, and what they use."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from sbh_jobkit.fakes.faults.validation import EVERY, target_from_url

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sbh_jobkit.run.run import Run

DAY = 86_400


class Usual:
    """The runs of the plain range; each question about them is answered once."""

    def __init__(self, runs: Sequence[Run]) -> None:
        """Take the runs in their order."""
        self.runs = runs

    @cached_property
    def intervals(self) -> dict[str, float]:
        """The usual seconds between two fire times, for each job that fires more than once."""
        fires: defaultdict[str, list[float]] = defaultdict(list)
        for run in self.runs:
            fires[run.job].append(run.fire_time.timestamp())
        often = ((job, at) for job, at in fires.items() if len(at) > 1)
        return {job: median(later - earlier for earlier, later in pairwise(at)) for job, at in often}

    @cached_property
    def hours(self) -> dict[str, list[datetime]]:
        """The fire times at which a job did its work, for each job that works in one hour of at least every other day.

        A job that runs more often looks at the clock itself, so a run that comes late may find that the hour is over;
        one that runs once a day may look at what came in the last 24 hours, and so leave out some.
        """
        days = {run.fire_time.date() for run in self.runs}
        found = {}
        for job in (job for job, seconds in self.intervals.items() if seconds <= DAY):
            acting = [run.fire_time for run in self.runs if run.job == job and run.effects]
            if len({at.hour for at in acting}) == 1 and 2 * len({at.date() for at in acting}) >= len(days):
                found[job] = acting
        return found

    @cached_property
    def hosts(self) -> dict[str, set[str]]:
        """The hosts of HTTP calls, and the jobs that called them."""
        hosts: defaultdict[str, set[str]] = defaultdict(set)
        for run in self.runs:
            for call in run.http_calls:
                hosts[target_from_url(call.url)].add(run.job)
        return dict(hosts)

    @cached_property
    def services(self) -> dict[str, set[str]]:
        """The services besides HTTP that runs used, and the jobs that used them."""
        used = {
            "llm": {run.job for run in self.runs if run.llm_calls},
            "db": {run.job for run in self.runs if run.rows_read},
            "files": {run.job for run in self.runs if run.files},
        }
        return {name: jobs for name, jobs in used.items() if jobs}

    @cached_property
    def uploads(self) -> bool:
        """Whether any run changed a file."""
        return "files" in self.services

    @cached_property
    def rates(self) -> dict[str, int]:
        """A limit a minute for each host that is called more often in a run: half of that."""
        most: Counter[str] = Counter()
        for run in self.runs:
            for host, number in Counter(target_from_url(call.url) for call in run.http_calls).items():
                most[host] = max(most[host], number)
        return {host: max(1, number // 2) for host, number in most.items() if number > 1 and host != EVERY}

    @cached_property
    def longest_run(self) -> float:
        """How long the longest run took, in seconds."""
        return max((run.duration.total_seconds() for run in self.runs), default=0.0)
