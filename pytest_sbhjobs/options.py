"""The options `--sbh-…` and their ini settings, read once and checked before pytest collects tests."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sbh_jobkit.simulation.conditions import Conditions

MANIFEST = "plugin.json"
SETTINGS = (
    ("simulate", "DURATION", "simulate this long, such as 30d: each job of each plugin found becomes a test"),
    ("to", "ISO", "simulate until then, instead of for a duration"),
    ("from", "ISO", "start of the simulated time (default: 2026-01-01T00:00)"),
    ("tz", "ZONE", "time zone of the simulation (default: the manifest's, else UTC)"),
    ("plugin", "PATH", "the plugin to simulate and to test, instead of the plugins found"),
    ("report", "FILE", "write an HTML report of the simulation to this file"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options; nothing is simulated if neither `duration` nor `end` is given."""

    duration: str | None
    end: str | None
    start: str | None
    tz: str | None
    plugin: Path | None
    report: Path | None
    update: bool
    strict: bool
    must_find_plugin: bool
    """Whether it is an error to find no plugin; it is not if only the ini file asks and paths were given."""

    @property
    def simulates(self) -> bool:
        """Whether plugins are simulated."""
        return (self.duration or self.end) is not None

    @property
    def length(self) -> str:
        """How long they are simulated, in words."""
        return self.duration if self.duration is not None else f"to {self.end}"

    def wants(self, path: Path) -> bool:
        """Whether a file is a plugin to simulate."""
        return self.simulates and (path == self.plugin if self.plugin else path.name == MANIFEST)

    @property
    def conditions(self) -> Conditions:
        """The conditions of the simulations."""
        from sbh_jobkit.simulation.conditions import Conditions

        return Conditions.from_options({"start": self.start, "end": self.end, "duration": self.duration, "tz": self.tz})


_LENGTHS = ("simulate", "to")
"""One of these says that plugins are simulated, and for how long."""
OPTIONS = pytest.StashKey[Options]()


def add(parser: pytest.Parser) -> None:
    """Add the options, and the ini settings of the same names."""
    group = parser.getgroup("sbh", "SBH plugins")
    for name, metavar, text in SETTINGS:
        group.addoption(f"--sbh-{name}", metavar=metavar, help=text)
        parser.addini(f"sbh_{name}", f"As --sbh-{name}: {text}", default="")
    group.addoption("--sbh-strict", action="store_true", help="fail also if the simulation makes an observation")
    parser.addini("sbh_strict", "As --sbh-strict: fail also if the simulation makes an observation", type="bool")
    group.addoption(
        "--sbh-update",
        action="store_true",
        help="write the files of assert_matches instead of comparing with them",
    )


def read(config: pytest.Config) -> Options:
    """Read the options; the command line wins over the ini file. Raises UsageError for a bad value."""
    given = {name: _value(config, name) for name, _, _ in SETTINGS}
    if any(_typed(config, name) for name in _LENGTHS):
        given |= {name: "" for name in _LENGTHS if not _typed(config, name)}
    if given["simulate"] or given["to"]:
        _check(config, given)
    else:
        for name in ("from", "tz", "report"):
            if config.getoption(f"sbh_{name}"):
                msg = f"--sbh-{name} needs --sbh-simulate, such as --sbh-simulate=30d, or --sbh-to"
                raise pytest.UsageError(msg)
    plugin = _absolute(config, given["plugin"], "plugin")
    if plugin is not None and not plugin.exists():
        msg = f"{_source(config, 'plugin')}: no such path: {given['plugin']!r}; give a plugin's directory, file or zip"
        raise pytest.UsageError(msg)
    if plugin is not None and plugin.is_dir():
        plugin /= MANIFEST
    return Options(
        duration=given["simulate"] or None,
        end=given["to"] or None,
        start=given["from"] or None,
        tz=given["tz"] or None,
        plugin=plugin,
        report=_absolute(config, given["report"], "report"),
        update=config.getoption("sbh_update"),
        strict=config.getoption("sbh_strict") or config.getini("sbh_strict"),
        must_find_plugin=any(_typed(config, name) for name in _LENGTHS) or not _paths_given(config),
    )


def add_paths(config: pytest.Config, options: Options) -> None:
    """Let pytest collect the plugin of `--sbh-plugin`, or the one in the root folder, also outside of `testpaths`."""
    if _paths_given(config):
        return
    wanted = options.plugin or config.rootpath / MANIFEST
    by_itself = options.plugin is None and config.args_source is not pytest.Config.ArgsSource.TESTPATHS
    folders = [Path(os.path.abspath(config.invocation_params.dir / name)) for name in config.args]  # noqa: PTH100
    if wanted.is_file() and not by_itself and not any(map(wanted.is_relative_to, folders)):
        config.args.append(str(wanted))


def _paths_given(config: pytest.Config) -> bool:
    return config.args_source is pytest.Config.ArgsSource.ARGS


def _value(config: pytest.Config, name: str) -> str:
    option = config.getoption(f"sbh_{name}")
    return str(config.getini(f"sbh_{name}") if option is None else option)


def _typed(config: pytest.Config, name: str) -> bool:
    return bool(config.getoption(f"sbh_{name}"))


def _source(config: pytest.Config, name: str) -> str:
    if config.getoption(f"sbh_{name}") is not None:
        return f"--sbh-{name}"
    return f"{config.inipath.name if config.inipath else 'ini'}: sbh_{name}"


def _absolute(config: pytest.Config, path: str, name: str) -> Path | None:
    """Return an absolute path: the command line's starts where pytest was started, the ini file's beside that file."""
    if not path:
        return None
    typed = config.getoption(f"sbh_{name}") is not None or config.inipath is None
    folder = config.invocation_params.dir if typed or config.inipath is None else config.inipath.parent
    return Path(os.path.abspath(folder / path))  # noqa: PTH100  pytest keeps symbolic links in paths


def _check(config: pytest.Config, given: dict[str, str]) -> None:
    from sbh_jobkit.errors import TimeFormatError
    from sbh_jobkit.schedule import times

    def check(name: str, parse: Callable[[str], object]) -> None:
        try:
            if given[name]:
                parse(given[name])
        except TimeFormatError as error:
            msg = f"{_source(config, name)}: {error}"
            raise pytest.UsageError(msg) from None

    def start() -> datetime:
        return times.instant_in_range(given["from"] or times.START, times.zone(given["tz"] or "UTC"))

    check("simulate", times.duration)
    check("tz", times.zone)
    check("from", lambda _: start())
    check("to", lambda text: times.end_of(start(), text, given["simulate"] or None, default=""))
    report = _absolute(config, given["report"], "report")
    if report is not None and report.is_dir():
        msg = f"{_source(config, 'report')}: {given['report']!r} is a directory; give a file in it, such as report.html"
        raise pytest.UsageError(msg)
