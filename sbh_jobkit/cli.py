"""`sbh-jobkit simulate | run | preview`: exit code 0 all ok, 1 a run failed, 2 wrong use."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import JobkitError, TimeFormatError
from sbh_jobkit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sbh_jobkit.plugin import Plugin
    from sbh_jobkit.run import Fire, Run
    from sbh_jobkit.simulator import Simulation, Simulator
    from sbh_jobkit.views.rows import JobLine

OK, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130
_ROWS = 40
_LOOK_AHEAD = "7d"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        command: Callable[[argparse.Namespace], int] = options.command
        code = command(options)
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
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sbh-jobkit",
        description="Run, simulate and preview the scheduled jobs of an SBH plugin before it is deployed.",
        epilog="Exit code: 0 all ok, 1 a run failed, 2 wrong use.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    text = "replay a range of dates in virtual time, with every job of the plugin"
    simulate = commands.add_parser("simulate", help=text, description=f"{text.capitalize()}.")
    simulate.set_defaults(command=_simulate)
    simulate.add_argument("path", metavar="PATH", help="plugin directory, plugin.json, main.py or zip")
    _add_start(simulate, "first instant, ISO 8601 (default: 2026-01-01T00:00)")
    simulate.add_argument("--for", dest="duration", metavar="DURATION", help="such as 30d, 12h, 2w (default: 30d)")
    simulate.add_argument("--job", action="append", metavar="NAME", help="only this job; may be repeated")
    simulate.add_argument("--html", type=Path, metavar="FILE", help="write the report there")
    _add_common(simulate)

    text = "run one job once, at a virtual time"
    run = commands.add_parser("run", help=text, description=f"{text.capitalize()}.")
    run.set_defaults(command=_run)
    run.add_argument("path", metavar="PATH", help="plugin directory, plugin.json, main.py or zip")
    run.add_argument("job", metavar="JOB", help="the job's name")
    run.add_argument("--at", metavar="ISO", help="the virtual time (default: now)")
    _add_start(run, "replay the plugin from there up to --at first, so that the job meets the world of that time")
    _add_common(run)

    text = "show when a cron expression or a plugin's jobs are due; nothing runs"
    preview = commands.add_parser("preview", help=text, description=f"{text.capitalize()}.")
    preview.set_defaults(command=_preview)
    preview.add_argument("what", metavar="EXPR|PATH", help='such as "0 9 * * 1", or a plugin')
    _add_start(preview, "first instant, ISO 8601 (default: now)")
    preview.add_argument("--for", dest="duration", metavar="DURATION", help=f"default: {_LOOK_AHEAD}")
    _add_common(preview, seed=False)
    return parser


def _add_start(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--from", dest="start", metavar="ISO", help=text)


def _add_common(parser: argparse.ArgumentParser, *, seed: bool = True) -> None:
    parser.add_argument("--tz", metavar="ZONE", help="zone in force (default: the manifest's, else UTC)")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    if seed:
        parser.add_argument("--seed", type=int, default=0, metavar="N", help="of world.random (default: 0)")


def _load(path: str) -> Plugin:
    from sbh_jobkit.plugin import Plugin

    plugin = Plugin.load(path)
    for warning in plugin.warnings:
        print(f"sbh-jobkit: warning: {warning}", file=sys.stderr)
    return plugin


def _simulator(options: argparse.Namespace, **range_: Any) -> Simulator:
    from sbh_jobkit import times
    from sbh_jobkit.simulator import Simulator, world_of

    plugin = _load(options.path)
    world = world_of(plugin.root)
    world.random.seed(options.seed)
    return Simulator(plugin, world, start=options.start or times.START, tz=options.tz, **range_)


def _simulate(options: argparse.Namespace) -> int:
    simulator = _simulator(options, duration=options.duration, jobs=options.job)
    simulation = _watched(simulator)
    if options.html:
        _write_report(options, simulation)
    if options.json:
        _print_json(_as_json(options, simulation))
    else:
        _print_summary(options, simulation)
    return OK if simulation.ok else FAILED


def _watched(simulator: Simulator) -> Simulation:
    if not sys.stderr.isatty():
        return simulator.simulate()
    from sbh_jobkit.progress import Progress

    with Progress(simulator.count()) as progress:
        return simulator.simulate(progress.show)


def _job_lines(simulator: Simulator) -> list[JobLine]:
    from sbh_jobkit.views.rows import JobLine

    return [
        JobLine(name=due.job.name, schedule=due.schedule.expression, english=due.schedule.describe())
        for due in simulator.due
    ]


def _write_report(options: argparse.Namespace, simulation: Simulation) -> None:
    from sbh_jobkit.views.html import report

    simulator = simulation.simulator
    text = report(
        title=f"{simulator.plugin.manifest.name}: {simulator.start:%Y-%m-%d} to {simulator.end:%Y-%m-%d}",
        plugin=simulator.plugin.slug,
        start=simulator.start,
        end=simulator.end,
        zone=simulator.zone.key,
        jobs=_job_lines(simulator),
        runs=simulation.runs,
        rerun=lambda run: _rerun(options, simulator, run),
    )
    try:
        options.html.parent.mkdir(parents=True, exist_ok=True)
        options.html.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"cannot write the report to {str(options.html)!r}: {error.strerror}"
        raise JobkitError(msg) from error


def _print_summary(options: argparse.Namespace, simulation: Simulation) -> None:
    from rich.console import Console

    from sbh_jobkit.views.html import headline
    from sbh_jobkit.views.rows import summarise
    from sbh_jobkit.views.terminal import failing_runs, moment, summary_table

    simulator, failures = simulation.simulator, simulation.failures
    print(f"{simulator.plugin.manifest.name}: {moment(simulator.start)} to {moment(simulator.end)}\n")
    Console(highlight=False).print(summary_table(summarise(_job_lines(simulator), simulation.runs)))
    if failures:
        print()
        print("\n".join(failing_runs(failures)))
        print(f"\nrerun the first: {_rerun(options, simulator, failures[0])}")
    print(f"\n{headline(len(simulation.runs), len(failures))}")
    if options.html:
        print(f"report: {options.html}")


def _rerun(options: argparse.Namespace, simulator: Simulator, run: Run) -> str:
    words = ["sbh-jobkit", "run", options.path, run.job, "--from", _iso(simulator.start), "--at", _iso(run.fire_time)]
    words += ["--tz", options.tz] if options.tz else []
    words += ["--seed", str(options.seed)] if options.seed else []
    return shlex.join(words)


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="minutes").replace("+00:00", "Z")


def _as_json(options: argparse.Namespace, simulation: Simulation) -> dict[str, Any]:
    simulator = simulation.simulator
    return {
        "plugin": simulator.plugin.slug,
        "start": simulator.start.isoformat(),
        "end": simulator.end.isoformat(),
        "tz": simulator.zone.key,
        "ok": simulation.ok,
        "runs": [
            run.to_dict() if run.ok else {**run.to_dict(), "rerun": _rerun(options, simulator, run)}
            for run in simulation.runs
        ],
    }


def _run(options: argparse.Namespace) -> int:
    from sbh_jobkit.simulator import run_job, world_of
    from sbh_jobkit.views.terminal import one_run

    if options.start and not options.at:
        msg = "--from replays up to --at: give --at, too"
        raise TimeFormatError(msg)
    if options.start:
        run = _replayed(options)
    else:
        plugin = _load(options.path)
        job = plugin.jobs[options.job]
        world = world_of(plugin.root)
        world.random.seed(options.seed)
        run = run_job(job, world, at=options.at, tz=options.tz)
    if options.json:
        _print_json(run.to_dict())
    else:
        print("\n".join(one_run(run)))
    return OK if run.ok else FAILED


def _replayed(options: argparse.Namespace) -> Run:
    from sbh_jobkit.simulator import run_job

    simulator = _simulator(options)
    job = simulator.plugin.jobs[options.job]
    for run in simulator.until(options.at):
        if run.job == job.name and run.fire_time == simulator.end:
            return run
    return run_job(job, simulator.world, at=options.at, tz=options.tz)


def _preview(options: argparse.Namespace) -> int:
    from sbh_jobkit.views.terminal import fire_lines

    expression = options.what.startswith("@") or len(options.what.split()) > 1
    fires, now, heading = _of_expression(options) if expression else _of_plugin(options)
    if options.json:
        rows = [{"job": fire.job or None, "at": fire.at.isoformat(), "note": fire.note} for fire in fires]
        _print_json({"what": options.what, "from": now.isoformat(), "fires": rows})
        return OK
    print("\n".join(heading))
    print("\n".join(fire_lines(fires[:_ROWS], now, with_jobs=not expression)))
    if len(fires) > _ROWS:
        print(f"… and {len(fires) - _ROWS:,} more; --json lists them all")
    return OK


def _of_expression(options: argparse.Namespace) -> tuple[list[Fire], datetime, list[str]]:
    from sbh_jobkit import times
    from sbh_jobkit.run import Fire
    from sbh_jobkit.schedule import Schedule

    schedule = Schedule(options.what, options.tz or "UTC")
    now = _start(options, schedule.tz)
    length = times.duration(options.duration or _LOOK_AHEAD)
    found = schedule.fires(now, times.after(now, length))
    fires = [Fire(plugin="", job="", at=at, note=schedule.note(at)) for at in found]
    heading = [f"{schedule.expression}: {schedule.describe()}"]
    if schedule.cron.debian_differs:
        heading.append("note: read as croniter and Kubernetes do; Debian cron would combine the two day fields by AND")
    if not fires:
        heading.append(f"not due within {times.spoken(length)}; next: {schedule.next(now).isoformat()}")
    return fires, now, heading


def _of_plugin(options: argparse.Namespace) -> tuple[list[Fire], datetime, list[str]]:
    from sbh_jobkit import times
    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.simulator import Simulator

    if not Path(options.what).exists():
        msg = f"{options.what!r} is neither a path that exists nor cron (five fields, such as '0 9 * * 1')"
        raise JobkitError(msg)
    plugin = _load(options.what)
    zone = times.zone(options.tz or plugin.manifest.timezone or "UTC")
    now = _start(options, zone)
    simulator = Simulator(plugin, World(), start=now, duration=options.duration or _LOOK_AHEAD, tz=options.tz)
    heading = [f"{due.job.name}: {due.schedule.describe()}" for due in simulator.due]
    heading += [f"{name}: by hand" for name, job in plugin.jobs.items() if job.expression is None]
    return list(simulator.fires()), now, [*heading, ""]


def _start(options: argparse.Namespace, zone: Any) -> datetime:
    from sbh_jobkit import clock, times

    return times.instant(options.start, zone) if options.start else clock.now(zone)


def _print_json(value: Any) -> None:
    json.dump(value, sys.stdout, ensure_ascii=False, indent=1)
    print()
