"""A `plugin.json` as pytest collects it: one test for each job, which passes if all its simulated runs are ok."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_sbhjobs.failure import JobFailedError, check_observations, check_runs, simulation_failure
from pytest_sbhjobs.options import MANIFEST, OPTIONS
from pytest_sbhjobs.simulations import SIMULATIONS
from sbh_jobkit import Plugin, Simulator, World
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.report.terminal.runs import wrap_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sbh_jobkit import Job


_SDK = b"src.ext.sdk"


class PluginFile(pytest.File):
    """A `plugin.json` and the tests of its jobs."""

    plugin: Plugin

    def collect(self) -> Iterator[JobItem]:
        """Load the plugin, and yield a test for each job."""
        if (why := self._foreign()) is not None:
            shown = os.path.relpath(self.path)
            folder = os.path.dirname(shown) or shown  # noqa: PTH120  text for people
            self.warn(
                pytest.PytestWarning(
                    f"{shown} is not the manifest of a plugin with jobs ({why}), so it is skipped; "
                    f"name yours with --sbh-plugin=PATH, or leave this one out with --ignore={folder}"
                )
            )
            return
        try:
            self.plugin = Plugin.load(os.path.relpath(self.path.parent if self.path.name == MANIFEST else self.path))
            skips = dict(self._skip_reasons())
            self._warn()
        except (JobkitError, Warning) as error:  # pytest raises warnings under -W error
            text = "\n".join(line for each in str(error).splitlines() for line in wrap_line(each))
            raise self.CollectError(text) from None
        for job in self.plugin.jobs.values():
            item = JobItem.from_job(self, job)
            if job.name in skips:
                item.add_marker(pytest.mark.skip(reason=skips[job.name]))
            yield item

    def _foreign(self) -> str | None:
        """Return why this is a `plugin.json` of something else, which nobody named and no code beside it explains."""
        if self.path.name != MANIFEST or self.session.isinitpath(self.path):
            return None
        if self.path == self.config.stash[OPTIONS].plugin:
            return None
        try:
            data = json.loads(self.path.read_bytes())
        except (ValueError, OSError, RecursionError):
            data = None
        modules = [path for path in self.path.parent.glob("*.py") if path.is_file()]
        if any(_SDK in path.read_bytes() for path in modules):
            return None
        if not isinstance(data, dict) or "slug" not in data:
            return "it has no slug"
        return None if modules or "entry" in data else "there is no Python module beside it"

    def _warn(self) -> None:
        warnings = list(self.plugin.warnings)
        if not self.plugin.jobs:
            warnings.append(f"{self.plugin.manifest.entry} defines no @job, so there is nothing to simulate")
        for warning in warnings:
            self.warn(pytest.PytestWarning(warning))

    def _skip_reasons(self) -> Iterator[tuple[str, str]]:
        """Yield the jobs that have no run, each with the reason."""
        options = self.config.stash[OPTIONS]
        for name, job in self.plugin.jobs.items():
            if not options.simulates:
                yield name, "simulate it with pytest --sbh-simulate=30d"
            elif job.expression is None:
                yield name, "manual only (no schedule)"
        if not options.simulates:
            return
        simulator = Simulator.under(options.conditions, self.plugin, World())
        for due in simulator.due:
            following = next(due.schedule.epochs(simulator.start.timestamp(), simulator.end.timestamp()), None)
            if following is None:
                within = f"within {options.duration}" if options.duration else f"before {options.end}"
                later = due.schedule.next_or_none(simulator.end)
                again = f"; next at {later:%Y-%m-%d %H:%M %Z}" if later is not None else ""
                yield due.job.name, f"not due {within}{again}"


class JobItem(pytest.Function):
    """The test of a job."""

    @classmethod
    def from_job(cls, file: PluginFile, job: Job) -> JobItem:
        """Make the test of a job: a test function, so that fixtures, hooks and markers work as for any other."""

        def check() -> None:
            try:
                simulation = item.config.stash[SIMULATIONS].simulate(file.plugin, file)
            except JobkitError as error:
                raise simulation_failure(error) from None
            check_runs(item, job, simulation)
            if item.config.stash[OPTIONS].strict:
                check_observations(job, simulation)

        item: JobItem = cls.from_parent(file, name=job.name, callobj=check)
        return item

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the place that pytest shows for the test: its `plugin.json`."""
        return self.path, 0, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override] # pytest's own
        """Show a failed job by its own text; any other error, such as a fixture's, is shown as pytest does."""
        error = excinfo.value
        if not isinstance(error, JobFailedError):
            return super().repr_failure(excinfo)
        shown: Any = excinfo.getrepr(style="value", chain=False)
        crash = shown.reprcrash  # the line and place that the summary, JUnit and --tb=line show
        crash.message = error.headline
        file, _, line = (error.place or "").rpartition(":")
        if file:
            crash.path, crash.lineno = str(self.path.parent / file), int(line)
        return shown
