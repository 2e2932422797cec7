"""What a simulation adds to pytest's output, and the HTML report.

With xdist the workers pass their results to the controller, which alone prints them and writes files.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from pytest_sbhjobs.failure import rerun
from pytest_sbhjobs.options import OPTIONS
from pytest_sbhjobs.simulations import SIMULATIONS, SimulationCache
from sbh_jobkit.report.html.simulation import page
from sbh_jobkit.report.text import count
from sbh_jobkit.schedule.times import START

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sbh_jobkit import Simulation

_COUNTED = ("sbh_runs", "sbh_failed", "sbh_expected", "sbh_skipped")


class Reporter:
    """A pytest plugin that is registered only if something is simulated."""

    def __init__(self, config: pytest.Config) -> None:
        """Start with no results."""
        self._config = config
        self._options = config.stash[OPTIONS]
        self._simulations = config.stash[SIMULATIONS] = SimulationCache()
        self._found: set[str] = set()
        self._counts: defaultdict[tuple[str, str], list[dict[str, int]]] = defaultdict(list)
        self._pages: dict[str, tuple[str, str]] = {}
        self._written: list[Path] = []
        self._errors: list[str] = []

    def pytest_report_header(self) -> str:
        """Show the range that is simulated."""
        options = self._options
        zone = f" in {options.tz}" if options.tz else ""
        until = f" to {options.end}" if options.end else ""
        length = f"{options.duration} " if options.duration else ""
        return f"sbh: simulating {length}from {options.start or START}{until}{zone}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_file(self, file_path: Path) -> None:
        """Remember which plugins there are."""
        if self._options.wants(file_path):
            self._found.add(str(file_path))

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Collect the plugin of `--sbh-plugin` also from a folder that pytest skips, such as `dist`."""
        named = self._options.plugin
        return False if named is not None and named.is_relative_to(collection_path) else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up the runs of each plugin."""
        properties: dict[str, Any] = dict(report.user_properties)
        if report.when == "call" and "sbh_plugin" in properties:
            file = report.nodeid.partition("::")[0]
            self._counts[properties["sbh_plugin"], file].append({name: properties[name] for name in _COUNTED})

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the results of a worker of xdist."""
        output = getattr(node, "workeroutput", {})
        self._found.update(output.get("sbh_found", ()))
        self._pages.update(output.get("sbh_pages", {}))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report; the session fails if it cannot be written, or if no plugin was found to simulate."""
        if self._options.report is not None:
            self._pages.update(_pages(self._simulations.simulations, self._config))
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput.update(sbh_found=sorted(self._found), sbh_pages=self._pages)
            return
        errors = [*self._write_report(), *self._explain_nothing_found()]
        if errors:
            self._errors = errors
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print a line for each plugin, the path of the report, and errors."""
        if not self._counts and not self._errors:
            return
        terminalreporter.write_sep("=", f"simulated {self._options.length}")
        slugs = Counter(slug for slug, _ in self._counts)
        for (slug, file), jobs in self._counts.items():
            name = slug if slugs[slug] == 1 else f"{slug} ({file})"
            good = not any(job["sbh_failed"] for job in jobs)
            terminalreporter.write_line(_plugin_line(name, jobs), green=good, red=not good)
        for path in self._written:
            terminalreporter.write_line(f"report: {os.path.relpath(path)}")
        for line in self._errors:
            terminalreporter.write_line(line, red=True)

    def _write_report(self) -> Iterator[str]:
        """Write the report if one was asked for; yield errors."""
        file = self._options.report
        if file is None:
            return
        if not self._pages:
            yield "ERROR: no report was written, because nothing was simulated"
        try:
            self._written.extend(_write(self._pages, file))
        except OSError as error:
            yield f"ERROR: cannot write the report to {os.path.relpath(file)!r}: {error.strerror}"

    def _explain_nothing_found(self) -> Iterator[str]:
        if self._options.must_find_plugin and not self._found:
            yield "ERROR: nothing to simulate: pytest collected no plugin.json"
            yield "give its path as an argument, or give no paths and use --sbh-plugin=PATH"


def _plugin_line(name: str, jobs: list[dict[str, int]]) -> str:
    runs, failed, expected, skipped = (sum(job[each] for job in jobs) for each in _COUNTED)
    result = f"{failed:,} failed" if failed else "all as expected"
    failures = f" ({count(expected, 'expected failure')})" if expected and not failed else ""
    skips = f", {skipped:,} skipped" if skipped else ""
    return f"{name}: {count(len(jobs), 'job')}, {count(runs, 'run')}, {result}{failures}{skips}"


def _pages(simulations: Mapping[Path, Simulation], config: pytest.Config) -> dict[str, tuple[str, str]]:
    """Return slug and HTML by the plugin's file: only text, which xdist can send to the controller."""
    return {
        str(path): (simulation.plugin.slug, page(simulation, rerun(config, path, simulation)))
        for path, simulation in simulations.items()
    }


def _write(pages: Mapping[str, tuple[str, str]], file: Path) -> Iterator[Path]:
    """Write one page to the file, or several beside it, such as `report-hub.html`; yield each path, raise OSError."""
    used: set[str] = set()
    for _, (slug, text) in sorted(pages.items()):
        names = (slug, *(f"{slug}-{number}" for number in range(2, len(pages) + 1)))
        name = next(name for name in names if name not in used)
        used.add(name)
        target = file if len(pages) == 1 else file.with_stem(f"{file.stem}-{name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        yield target
