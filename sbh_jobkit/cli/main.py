"""The commands and options of `sbh-jobkit`, and its exit codes.

0 is ok, 1 is a failed run, an exceeded budget or a problem that was found, 2 is wrong use.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sbh_jobkit.cli import live_options, protection
from sbh_jobkit.errors import JobkitError, did_you_mean, half_pair
from sbh_jobkit.machine import descriptors, watchdog
from sbh_jobkit.report.option_names import option_hint
from sbh_jobkit.simulation.stress.kinds import CHOICES
from sbh_jobkit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LENGTHS = "such as 30d, 12h, 2w, 1mo or 1y"
_LONG_WORD = re.compile(r"(?<=[^\s:'\"]{200})[^\s:'\"]+")
OK, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    code = _run(arguments)
    if arguments is None:  # the process ends next
        descriptors.lead_away()
    return code


def _run(arguments: Sequence[str] | None) -> int:
    typed = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a job can print what the terminal cannot show
    try:
        if arguments is None:
            protection.protect()
            watchdog.end_stuck()
        return _carry_out(typed)
    except JobkitError as error:
        return _report(f"{error}")
    except OSError as error:
        if error.filename is None:  # no file that was asked for
            raise
        return _report(f"{error.filename}: {error.strerror}")
    except UnicodeEncodeError:  # paths of any bytes work where nothing has to be written with them
        wrong = list(filter(half_pair, [*typed, os.environ.get(live_options.VARIABLE, "")]))  # what stands for a byte
        if not wrong:
            raise
        return _report(f"{ascii(os.fsencode(wrong[0]))[1:]} has a byte that is not UTF-8; write the name in UTF-8")
    except KeyboardInterrupt:
        print("sbh-jobkit: interrupted", file=sys.stderr)
        return INTERRUPTED


def _carry_out(typed: list[str]) -> int:
    """Run the command that was typed; return its exit code."""
    if not typed:
        _parser()[0].print_help(sys.stderr)
        return WRONG_USE
    try:
        options = _read(typed)
    except SystemExit:  # help, or the version
        protection.check()
        raise
    command = getattr(importlib.import_module(f"sbh_jobkit.cli.{options.command}"), options.command)
    ok = command(options)
    protection.check()
    return OK if ok else FAILED


def _report(problem: str) -> int:
    """Print a problem on standard error, and return the exit code of wrong use."""
    print(f"sbh-jobkit: error: {_LONG_WORD.sub('…', problem)}", file=sys.stderr)
    return WRONG_USE


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all errors of the kit are, without the usage.

    Options are not abbreviated: `--time` would be `--time-limit` today, and something else tomorrow.
    """

    def __init__(self, **given: Any) -> None:
        """Take what argparse takes."""
        super().__init__(**{**given, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        """Raise JobkitError with the command and where its help is."""
        command = self.prog.partition(" ")[2]
        msg = f"{f'{command}: ' if command else ''}{message}; see {self.prog} --help"
        raise JobkitError(msg)


def _read(typed: list[str]) -> argparse.Namespace:
    """Parse the command line; raises JobkitError for a word that is unknown."""
    parser, commands = _parser()
    name = next((word for word in typed if not word.startswith("-")), None)  # no option before it takes a value
    if name is not None and name not in commands:
        hint = did_you_mean(name, commands) or f"; use one of {', '.join(commands)}"
        msg = f"there is no command {name!r}{hint}"
        raise JobkitError(msg)
    options, rest = parser.parse_known_args(typed)
    if rest:
        wrong = next((word for word in rest if word.startswith("-")), rest[0]).partition("=")[0]
        usage = commands[options.command].format_usage()
        hint = option_hint(wrong, re.findall(r"--[a-z-]+", usage)) if wrong.startswith("-") else ""
        what = f"has no option {wrong!r}" if wrong.startswith("-") else f"does not take {wrong!r}, an argument too many"
        msg = f"{options.command} {what}{hint}{'' if hint else ';'} see sbh-jobkit {options.command} --help"
        raise JobkitError(msg)
    return options


def _parser() -> tuple[_Parser, dict[str, _Parser]]:
    """Return the parser of the command line, and those of the commands by name."""
    parser = _Parser(
        prog="sbh-jobkit",
        description="Run, simulate, preview and check the scheduled jobs of an SBH plugin, and serve them for real.",
        epilog="Exit codes: 0 ok; 1 a run failed, a budget was exceeded, or a check found a problem; 2 wrong use.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    text = "run every job of a plugin over a range of dates, in virtual time"
    simulate = live_options.add_command(commands, "simulate", text)
    text = "plugin directory, plugin.json, main.py or zip, or a folder with plugins below it"
    simulate.add_argument("paths", nargs="*", default=["."], metavar="PATH", help=f"{text} (default: .)")
    _add_range(simulate)
    simulate.add_argument("--job", action="append", metavar="NAME", help="only this job; may be repeated")
    _add_judging(simulate)
    simulate.add_argument("--tenants", metavar="N|NAMES", help="number of tenants, or their names: a,b,c (default: 1)")
    simulate.add_argument("--jobs", default="1", metavar="N", help="number of processes, or auto (default: 1)")
    simulate.add_argument("--html", type=Path, metavar="FILE", help="write an HTML report to this file")
    _add_common(simulate)

    text = "run one job once, at a virtual time"
    run = live_options.add_command(commands, "run", text)
    text = "plugin directory, plugin.json, main.py or zip (default: .)"
    run.add_argument("path", nargs="?", default=".", metavar="PATH", help=text)
    run.add_argument("job", metavar="JOB", help="the job's name")
    run.add_argument("--at", metavar="ISO", help="the virtual time (default: now)")
    run.add_argument("--tenant", metavar="NAME|FILE", help="the tenant (default: acme), or with --live its file")
    run.add_argument("--bodies", action="store_true", help="also show the headers and the bodies of HTTP requests")
    live_options.add_live(run)
    _add_start(run, "first simulate the plugin from here to --at, so that the job meets the world of that time")
    _add_common(run)

    _add_preview(commands)

    text = "find problems of plugins before they are deployed"
    check = live_options.add_command(commands, "check", text)
    _add_check(check)
    _add_stubs(commands)

    live_options.add_all(commands)
    live_options.add_parity(commands, _add_common, _add_range)
    return parser, commands.choices


def _add_preview(commands: argparse._SubParsersAction[_Parser]) -> None:
    text = "show when a cron expression or a plugin's jobs are due; nothing runs"
    preview = live_options.add_command(commands, "preview", text)
    preview.add_argument(
        "what", metavar="EXPR|PATH", help='a cron expression such as "0 9 * * 1", or the path of a plugin'
    )
    _add_start(preview, "start, ISO 8601 (default: now)")
    preview.add_argument("--for", dest="duration", metavar="DURATION", help=f"{_LENGTHS} (default: 7d)")
    _add_end(preview)
    preview.add_argument("--job", action="append", metavar="NAME", help="only this job of a plugin; may be repeated")
    _add_common(preview, runs=False)


def _add_judging(simulate: argparse.ArgumentParser) -> None:
    """Add the options that say what else is looked at, and what fails a simulation."""
    text = (
        "fail if the runs use more: llm_tokens=200k, http_calls@api.example.com=500, by day llm_tokens@day=20k, "
        "by job and day triage:llm_tokens@day=20k; may be repeated"
    )
    simulate.add_argument("--budget", action="append", metavar="NAME=LIMIT", help=text)
    text = "follow each run by a second one; fail if a second run changes or sends anything"
    simulate.add_argument("--twice", action="store_true", help=text)
    simulate.add_argument("--stress", metavar="KINDS", help=f"find failures on difficult days: any of {CHOICES}")
    simulate.add_argument("--strict", action="store_true", help="fail also if an observation is made")
    text = "compare with another version: its path, or a commit, branch or tag of git; fail if anything differs"
    simulate.add_argument("--against", metavar="PATH|GITREF", help=text)
    text = "list the lines of the plugin that no run reached (slower before Python 3.12)"
    simulate.add_argument("--unreached", action="store_true", help=text)


def _add_stubs(commands: argparse._SubParsersAction[_Parser]) -> None:
    text = "write types of the SDK for mypy, pyright and editors"
    parser = live_options.add_command(commands, "stubs", text)
    parser.add_argument("directory", metavar="DIR", help="where to write src/ext/sdk.pyi, such as typings")


def _add_check(parser: argparse.ArgumentParser) -> None:
    text = "plugin directory, plugin.json, main.py or zip, or a folder with plugins below it"
    parser.add_argument("paths", nargs="*", default=["."], metavar="PATH", help=f"{text} (default: .)")
    parser.add_argument("--explain", metavar="RULE", help="explain a rule, with a bad and a good plugin, and end")
    parser.add_argument("--list", action="store_true", dest="all_rules", help="list all rules, and end")
    text = "check against the platform's guide, or also against today's host (default: guide)"
    parser.add_argument("--target", metavar="guide|host", help=text)
    text = "output format (default: text)"
    parser.add_argument("--format", default="text", metavar="text|concise|json|sarif|github", help=text)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the findings to this file")
    text = "the least serious level to report (default: warning)"
    parser.add_argument("--level", metavar="error|warning|note", help=text)
    parser.add_argument("--select", metavar="RULES", help="report only these rules: a,b,c")
    parser.add_argument("--ignore", metavar="RULES", help="do not report these rules: a,b,c")
    text = "tell only what is new since this file; it is written if it is not there"
    parser.add_argument("--baseline", type=Path, metavar="FILE", help=text)
    parser.add_argument("--fix", action="store_true", help="make the changes that are safe, then report the rest")
    parser.add_argument("--diff", action="store_true", help="show the changes that --fix would make, and end")
    parser.add_argument("--statistics", action="store_true", help="end with the number of findings of each rule")
    parser.add_argument("--exit-zero", action="store_true", help="exit code 0 also if something was found")
    text = "only read the files: nothing of the plugin is executed"
    parser.add_argument("--no-import", action="store_true", help=text)
    text = "how long the import of a plugin may take (default: 5)"
    parser.add_argument("--import-limit", type=_number("--import-limit"), metavar="SECONDS", help=text)


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        digits = text.lstrip("+-").isdecimal()
        msg = f"--seed has {len(text):,} digits" if digits else f"--seed {text!r} is not a whole number"
        raise JobkitError(msg) from None


def _number(option: str) -> Callable[[str], float]:
    def seconds(text: str) -> float:
        try:
            return float(text)
        except ValueError:
            msg = f"{option} {text!r} is not a number of seconds"
            raise JobkitError(msg) from None

    return seconds


def _add_range(parser: argparse.ArgumentParser) -> None:
    _add_start(parser, "start, ISO 8601 (default: 2026-01-01T00:00)")
    parser.add_argument("--for", dest="duration", metavar="DURATION", help=f"{_LENGTHS} (default: 30d)")
    _add_end(parser)


def _add_end(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", dest="end", metavar="ISO", help="the end, ISO 8601, instead of --for")


def _add_start(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--from", dest="start", metavar="ISO", help=text)


def _add_common(parser: argparse.ArgumentParser, *, runs: bool = True) -> None:
    parser.add_argument("--tz", metavar="ZONE", help="time zone (default: the manifest's, else UTC)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    if runs:
        text = "answer jobs as the platform's guide promises, or as today's host does (default: guide)"
        parser.add_argument("--target", metavar="guide|host", help=text)
        text = "rule for runs that overlap, are late or fail, such as overlap=queue_one or JOB:retry=2; may be repeated"
        parser.add_argument("--policy", action="append", metavar="[JOB:]NAME=VALUE", help=text)
        text = "how long a run may take (default: 30)"
        parser.add_argument("--time-limit", type=_number("--time-limit"), metavar="SECONDS", help=text)
        parser.add_argument("--faults", metavar="FILE", help="a fault plan (TOML): what goes wrong during the runs")
        parser.add_argument("--fault", action="append", metavar="LINE", help="one more injected fault; may be repeated")
        parser.add_argument(
            "--seed", type=_whole_number, metavar="N", help="seed of world.random and the fault plan (default: 0)"
        )
