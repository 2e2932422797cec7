"""`sbh-jobkit history`: the runs in a store, newest first, also while a scheduler writes there."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from sbh_jobkit.cli import streams
from sbh_jobkit.errors import JobkitError, did_you_mean
from sbh_jobkit.live.optional import needed
from sbh_jobkit.report.terminal.runs import time_with_zone
from sbh_jobkit.report.terminal.serving import history_lines
from sbh_jobkit.report.text import count

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable

    from sbh_jobkit.engines.history import Going, Recorded


def history(options: Namespace) -> bool:
    """Print the runs, and those that go on."""
    with needed("sbh-jobkit history", "serve"):
        from sbh_jobkit.engines.history import Wanted, known_plugins, read_ended, read_going
        from sbh_jobkit.engines.store import Store

    store = Store.open(options.store, create=False)
    try:
        with store.read() as connection:
            require_known(known_plugins(connection), options.plugin, options.job)
            wanted = Wanted(tenant=options.tenant, plugin=options.plugin, job=options.job)
            found = read_ended(connection, wanted)
            ended = [*islice((each for each in found if not (options.failed and each.run.ok)), options.limit + 1)]
            going = [] if options.failed else read_going(connection, wanted)
    finally:
        store.close()
    shown = ended[: options.limit]
    if options.json:
        streams.print_json([_as_dict(each) for each in shown])
    else:
        _print(shown, going, options.store, has_more=len(ended) > options.limit)
    return True


def require_known(plugins: dict[str, list[str]], plugin: str | None, job: str | None) -> None:
    """Raise JobkitError for a plugin or a job that no scheduler of the store has served."""
    if plugin is not None and plugin not in plugins:
        hint = did_you_mean(plugin, plugins) or f"; it has {', '.join(plugins) or 'none yet'}"
        msg = f"the store has no plugin {plugin!r}{hint}"
        raise JobkitError(msg)
    jobs = [name for slug, names in plugins.items() for name in names if plugin in {None, slug}]
    if job is not None and job not in jobs:
        hint = did_you_mean(job, jobs) or f"; it has {', '.join(dict.fromkeys(jobs)) or 'none yet'}"
        msg = f"the store has no job {job!r}{hint}"
        raise JobkitError(msg)


def _print(ended: list[Recorded], going: Iterable[Going], store: str, *, has_more: bool) -> None:
    runs = [each.run for each in ended]
    several = {name: len({getattr(run, name) for run in runs}) > 1 for name in ("tenant", "plugin")}
    for each in going:
        since = f" since {each.started_at:%H:%M:%S}" if each.started_at is not None else ""
        why = f": {each.reason}" if each.reason else ""
        print(f"{time_with_zone(each.fire_time)}  {each.job}  {each.state}{since}{why}")
    lines = history_lines(runs, with_tenant=several["tenant"], with_plugin=several["plugin"])
    for recorded, line in zip(ended, lines, strict=True):
        late = recorded.late_report
        print(line if late is None else f"{line}; its worker reported later: {late.verdict}")
    if not ended:
        print(f"no run has ended in {store}")
    else:
        more = "; --limit N shows more" if has_more else ""
        print(f"\n{count(len(runs), 'run')}, {count(sum(not run.ok for run in runs), 'failure')}{more}")


def _as_dict(recorded: Recorded) -> dict[str, Any]:
    late = recorded.late_report
    more = {"finished_at": recorded.finished_at.isoformat(), "version": recorded.version}
    row = {**recorded.run.to_dict(), **more}
    return {**row, "late_report": None if late is None else late.to_dict()}
