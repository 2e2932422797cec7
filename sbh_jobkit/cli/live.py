"""`sbh-jobkit run --live`: one job, once, now, on the real services of a tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.cli import streams
from sbh_jobkit.cli.served import describe_all, load_tenants, modules
from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.served import request_for
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.errors import JobkitError, UnknownJobError, did_you_mean
from sbh_jobkit.report.terminal.runs import run_lines

if TYPE_CHECKING:
    from argparse import Namespace

    from sbh_jobkit.engines.handle import RunHandle
    from sbh_jobkit.run.run import Run

_SIMULATED = ("at", "start", "tz", "target", "policy", "time_limit", "faults", "fault", "seed")


def run_live(options: Namespace) -> bool:
    """Run the job in a child process, print what happened, and return whether the run is ok."""
    for name in _SIMULATED:
        if getattr(options, name) is not None:
            msg = f"--{'from' if name == 'start' else name.replace('_', '-')} belongs to a simulation; leave it out"
            msg += " with --live, or leave out --live"
            raise JobkitError(msg)
    (tenant,) = load_tenants([options.tenant] if options.tenant else None)
    (plugin,) = describe_all([options.path])
    jobs = {job.name: job for job in plugin.jobs}
    if options.job not in jobs:
        hint = did_you_mean(options.job, jobs) or f"; its jobs are {', '.join(jobs) or 'none'}"
        msg = f"the plugin has no job {options.job!r}{hint}"
        raise UnknownJobError(msg)
    request = request_for(plugin, jobs[options.job], tenant, None, dry=options.dry)
    with Starter.start(modules()) as starter:
        done = _follow(starter.request(request.at(now())))
    if options.json:
        streams.print_json(done.to_dict())
    else:
        if options.dry:
            print("dry run: what it would have written was not written; see the lines of its log")
        print("\n".join(run_lines(done)))
    return done.ok


def _follow(handle: RunHandle) -> Run:
    """Let the run go, and wait for its end; Ctrl-C ends it, and what it did so far is shown."""
    with handle:
        try:
            if handle.wait_ready():
                handle.go()
            return handle.result()
        except KeyboardInterrupt:
            handle.cancel("Ctrl-C")
            return handle.result()
