"""The words of `sbh-jobkit`, and its exit codes: 0 all ok, 1 a run failed or something was found, 2 wrong use."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from sbh_jobkit.errors import JobkitError
from sbh_jobkit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

OK, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # whatever a job says, on whatever terminal
    try:
        command = getattr(importlib.import_module(f"sbh_jobkit.cli.{options.command}"), options.command)
        ok = command(options)
        sys.stdout.flush()
    except JobkitError as error:
        print(f"sbh-jobkit: error: {error}", file=sys.stderr)
        return WRONG_USE
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        print("sbh-jobkit: interrupted", file=sys.stderr)
        return INTERRUPTED
    return OK if ok else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sbh-jobkit",
        description="Run, simulate, preview and check the scheduled jobs of an SBH plugin before it is deployed.",
        epilog="Exit code: 0 all ok, 1 a run failed, a limit was passed or a check found something, 2 wrong use.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    text = "replay a range of dates in virtual time, with every job of the plugin"
    simulate = commands.add_parser("simulate", help=text, description=f"{text.capitalize()}.")
    text = "plugin directory, plugin.json, main.py or zip, or a folder of plugins; several make a platform"
    simulate.add_argument("paths", nargs="+", metavar="PATH", help=text)
    _add_start(simulate, "first instant, ISO 8601 (default: 2026-01-01T00:00)")
    simulate.add_argument("--for", dest="duration", metavar="DURATION", help="such as 30d, 12h, 2w (default: 30d)")
    simulate.add_argument("--job", action="append", metavar="NAME", help="only this job; may be repeated")
    text = (
        "fail if the runs use more in all, such as llm_tokens=200k or http_calls@api.example.com=500; may be repeated"
    )
    simulate.add_argument("--budget", action="append", metavar="NAME=LIMIT", help=text)
    text = "see what a second run of each fire would change; fail if one changes or sends anything"
    simulate.add_argument("--twice", action="store_true", help=text)
    simulate.add_argument(
        "--stress", metavar="KINDS", help="days that come all the same, what breaks on them: dst,overlap,outage,late"
    )
    simulate.add_argument("--tenants", metavar="N|NAMES", help="install at so many tenants, or at a,b,c (default: 1)")
    simulate.add_argument("--jobs", default="1", metavar="N", help="so many processes, auto for one a processor")
    simulate.add_argument("--html", type=Path, metavar="FILE", help="write the report there")
    _add_common(simulate)

    text = "run one job once, at a virtual time"
    run = commands.add_parser("run", help=text, description=f"{text.capitalize()}.")
    run.add_argument("path", metavar="PATH", help="plugin directory, plugin.json, main.py or zip")
    run.add_argument("job", metavar="JOB", help="the job's name")
    run.add_argument("--at", metavar="ISO", help="the virtual time (default: now)")
    run.add_argument("--tenant", metavar="NAME", help="in this tenant's world (default: acme)")
    _add_start(run, "replay the plugin from there up to --at first, so that the job meets the world of that time")
    _add_common(run)

    text = "show when a cron expression or a plugin's jobs are due; nothing runs"
    preview = commands.add_parser("preview", help=text, description=f"{text.capitalize()}.")
    preview.add_argument("what", metavar="EXPR|PATH", help='such as "0 9 * * 1", or a plugin')
    _add_start(preview, "first instant, ISO 8601 (default: now)")
    preview.add_argument("--for", dest="duration", metavar="DURATION", help="such as 30d, 12h, 2w (default: 7d)")
    _add_common(preview, runs=False)

    text = "find what is wrong with a plugin before it is deployed"
    check = commands.add_parser("check", help=text, description=f"{text.capitalize()}.")
    check.add_argument("path", metavar="PATH", help="plugin directory, plugin.json, main.py or zip")
    text = "the guide's promises, or also what today's host would do otherwise (default: guide)"
    check.add_argument("--target", default="guide", metavar="guide|host", help=text)
    text = "how to print it (default: text)"
    check.add_argument("--format", default="text", metavar="text|json|sarif|github", help=text)
    return parser


def _add_start(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--from", dest="start", metavar="ISO", help=text)


def _add_common(parser: argparse.ArgumentParser, *, runs: bool = True) -> None:
    parser.add_argument("--tz", metavar="ZONE", help="zone in force (default: the manifest's, else UTC)")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    if runs:
        text = "answer jobs as the guide promises, or as today's host does (default: the world's, guide)"
        parser.add_argument("--target", metavar="guide|host", help=text)
        text = "what becomes of due instants, such as overlap=queue_one or JOB:max_instances=2; may be repeated"
        parser.add_argument("--policy", action="append", metavar="[JOB:]NAME=VALUE", help=text)
        parser.add_argument("--time-limit", type=float, metavar="SECONDS", help="of a run (default: the world's, 30)")
        parser.add_argument("--faults", metavar="FILE", help="a fault plan, TOML: what goes wrong meanwhile")
        parser.add_argument("--fault", action="append", metavar="LINE", help="one more fault; may be repeated")
        parser.add_argument("--seed", type=int, metavar="N", help="of world.random and the fault plan (default: 0)")
