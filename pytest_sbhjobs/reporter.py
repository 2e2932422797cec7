"""What a simulation adds to pytest's screen, and the report; with xdist the workers tell, and the controller writes."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from pytest_sbhjobs import report
from pytest_sbhjobs.options import OPTIONS
from pytest_sbhjobs.simulations import MONTHS, SimulationCache
from sbh_jobkit.report.text import count
from sbh_jobkit.schedule.times import START

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COUNTED = ("sbh_runs", "sbh_failed", "sbh_expected", "sbh_skipped")


class Reporter:
    """Registered only where something is simulated."""

    def __init__(self, config: pytest.Config) -> None:
        """Know what was asked for."""
        self._config = config
        self._options = config.stash[OPTIONS]
        self._months = config.stash[MONTHS] = SimulationCache()
        self._found: set[str] = set()
        self._sums: defaultdict[tuple[str, str], list[dict[str, int]]] = defaultdict(list)
        self._pages: dict[str, tuple[str, str]] = {}
        self._written: list[Path] = []
        self._wrong: list[str] = []

    def pytest_report_header(self) -> str:
        """Say what is simulated."""
        asked = self._options
        zone = f" in {asked.tz}" if asked.tz else ""
        return f"sbh: simulating {asked.duration} from {asked.start or START}{zone}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_file(self, file_path: Path) -> None:
        """Notice that there is a plugin."""
        if self._options.wants(file_path):
            self._found.add(str(file_path))

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Let pytest come to the plugin that was named, also in a folder that it passes by, such as `dist`."""
        named = self._options.plugin
        return False if named is not None and named.is_relative_to(collection_path) else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Sum up what a job's runs came to."""
        told: dict[str, Any] = dict(report.user_properties)
        if report.when == "call" and "sbh_plugin" in told:
            file = report.nodeid.partition("::")[0]
            self._sums[told["sbh_plugin"], file].append({name: told[name] for name in _COUNTED})

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker of xdist has found and written."""
        output = getattr(node, "workeroutput", {})
        self._found.update(output.get("sbh_found", ()))
        self._pages.update(output.get("sbh_pages", {}))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report; a session that found no plugin to simulate has not done what it was asked for."""
        if self._options.report is not None:
            self._pages.update(report.pages(self._months.simulations, self._config))
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput.update(sbh_found=sorted(self._found), sbh_pages=self._pages)
            return
        wrong = [*self._report_written(), *self._nothing_found()]
        if wrong:
            self._wrong = wrong
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell a line for each plugin, where the report is, and what could not be done."""
        if not self._sums and not self._wrong:
            return
        terminalreporter.write_sep("=", f"simulated {self._options.duration}")
        slugs = Counter(slug for slug, _ in self._sums)
        for (slug, file), jobs in self._sums.items():
            name = slug if slugs[slug] == 1 else f"{slug} ({file})"
            good = not any(job["sbh_failed"] for job in jobs)
            terminalreporter.write_line(_line(name, jobs), green=good, red=not good)
        for path in self._written:
            terminalreporter.write_line(f"report: {os.path.relpath(path)}")
        for line in self._wrong:
            terminalreporter.write_line(line, red=True)

    def _report_written(self) -> Iterator[str]:
        file = self._options.report
        if file is None:
            return
        if not self._pages:
            yield "ERROR: no report, for nothing was simulated"
        try:
            self._written.extend(report.write(self._pages, file))
        except OSError as error:
            yield f"ERROR: cannot write the report to {os.path.relpath(file)!r}: {error.strerror}"

    def _nothing_found(self) -> Iterator[str]:
        if self._options.insists and not self._found:
            yield "ERROR: nothing to simulate: there is no plugin.json in what was collected"
            yield "name it among the paths; or no path, and --sbh-plugin=PATH"


def _line(name: str, jobs: list[dict[str, int]]) -> str:
    runs, failed, expected, skipped = (sum(job[each] for job in jobs) for each in _COUNTED)
    how = f"{failed:,} failed" if failed else "all as expected"
    more = f", {expected:,} of them failures" if expected and not failed else ""
    late = f", {skipped:,} skipped" if skipped else ""
    return f"{name}: {count(len(jobs), 'job')}, {count(runs, 'run')}, {how}{more}{late}"
