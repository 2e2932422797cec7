"""A `plugin.json` as pytest sees it: a file of tests, one for each job, that pass where its simulated runs are ok."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_sbhjobs.failure import JobFailedError, judge, unsimulated
from pytest_sbhjobs.options import MANIFEST, OPTIONS
from pytest_sbhjobs.simulations import MONTHS
from sbh_jobkit import Plugin, Simulator, World
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.report.terminal.runs import folded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sbh_jobkit import Job


class PluginFile(pytest.File):
    """A plugin and its jobs."""

    plugin: Plugin

    def collect(self) -> Iterator[JobItem]:
        """Load the plugin, and yield a test for each job."""
        try:
            self.plugin = Plugin.load(os.path.relpath(self.path.parent if self.path.name == MANIFEST else self.path))
            why_not = dict(self._why_not())
            self._warn()
        except (JobkitError, Warning) as error:  # a warning that pytest was told to make an error
            text = "\n".join(line for each in str(error).splitlines() for line in folded(each))
            raise self.CollectError(text) from None
        for job in self.plugin.jobs.values():
            item = JobItem.of(self, job)
            if job.name in why_not:
                item.add_marker(pytest.mark.skip(reason=why_not[job.name]))
            yield item

    def _warn(self) -> None:
        warnings = list(self.plugin.warnings)
        if not self.plugin.jobs:
            warnings.append(f"{self.plugin.manifest.entry} defines no @job, so there is nothing to simulate")
        for warning in warnings:
            self.warn(pytest.PytestWarning(warning))

    def _why_not(self) -> Iterator[tuple[str, str]]:
        """Yield the jobs that have no run, and why."""
        options = self.config.stash[OPTIONS]
        for name, job in self.plugin.jobs.items():
            if options.duration is None:
                yield name, "pytest --sbh-simulate=30d simulates it"
            elif job.expression is None:
                yield name, "it has no schedule: it runs by hand only"
        if options.duration is None:
            return
        simulator = Simulator(self.plugin, World(), **options.range)
        for due in simulator.due:
            following = next(due.schedule.epochs(simulator.start.timestamp(), simulator.end.timestamp()), None)
            if following is None:
                later = due.schedule.next(simulator.end)
                yield due.job.name, f"not due within {options.duration}; next at {later:%Y-%m-%d %H:%M %Z}"


class JobItem(pytest.Function):
    """A job, as a test."""

    @classmethod
    def of(cls, file: PluginFile, job: Job) -> JobItem:
        """Make the test of a job; a function, so that fixtures, hooks and markers reach it as any other."""

        def check() -> None:
            try:
                simulation = item.config.stash[MONTHS].of(file.plugin, file)
            except JobkitError as error:
                raise unsimulated(error) from None
            judge(item, job, simulation)

        item: JobItem = cls.from_parent(file, name=job.name, callobj=check)
        return item

    def reportinfo(self) -> tuple[Path, int, str]:
        """Stand in `plugin.json`."""
        return self.path, 0, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override] # pytest's own
        """Tell what failed in the plugin's terms; what else went wrong, in a fixture say, as pytest does."""
        error = excinfo.value
        if not isinstance(error, JobFailedError):
            return super().repr_failure(excinfo)
        shown: Any = excinfo.getrepr(style="value", chain=False)
        crash = shown.reprcrash  # what the summary, JUnit and --tb=line show: a line, and where it happened
        crash.message = error.headline
        file, _, line = (error.place or "").rpartition(":")
        if file:
            crash.path, crash.lineno = str(self.path.parent / file), int(line)
        return shown
