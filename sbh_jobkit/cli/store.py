"""`sbh-jobkit store`: make or migrate the tables of a store, or copy one from SQLite into PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.engines.engine import DISTRIBUTED, LOCAL
from sbh_jobkit.errors import JobkitError, StoreError, did_you_mean
from sbh_jobkit.live.keys import without_password
from sbh_jobkit.live.optional import needed

if TYPE_CHECKING:
    from argparse import Namespace

_WHAT = {
    "sbh_job_run": "runs",
    "sbh_job_mark": "jobs",
    "sbh_plugin": "plugins",
    "sbh_package": "packages",
    "sbh_tenant": "tenants",
    "sbh_pause": "pauses",
    "sbh_token": "tokens",
    "sbh_secret": "secrets",
    "sbh_alert": "states of alerts",
    "sbh_life": "times in which a scheduler was alive",
}


def store(options: Namespace) -> bool:
    """Do what is asked with a store, and say what was done."""
    actions = {"migrate": _migrate, "copy": _copy}
    if options.action not in actions:
        hint = did_you_mean(options.action, actions)
        msg = f"store cannot {options.action!r}{hint}{'' if hint else '; it can migrate or copy'}"
        raise JobkitError(msg)
    with needed("sbh-jobkit store", "serve"):
        import sqlalchemy  # noqa: F401  only to say so where it is missing
    actions[options.action](options)
    return True


def _migrate(options: Namespace) -> None:
    """Make or migrate all tables that serve and workers need, in one transaction."""
    from sbh_jobkit.engines import schema
    from sbh_jobkit.engines.distributed import adapters, queue_schema
    from sbh_jobkit.engines.store import Store

    if options.source is not None:
        msg = "store migrate takes no --from; store copy does"
        raise JobkitError(msg)
    if options.engine != LOCAL:
        adapters.require(options.engine)
    if options.store.startswith("sqlite") or options.engine != DISTRIBUTED:
        Store.open(options.store).close()
        print(f"the store {without_password(options.store)!r} has version {schema.VERSION}")
        return
    applied: list[str] = []
    shown = without_password(options.store)
    opened = Store.open(options.store, beside=lambda made: applied.extend(queue_schema.apply(made, shown)))
    print(f"the store {opened.shown!r} has version {schema.VERSION}")
    done = "made" if queue_schema.WHOLE in applied else ", ".join(applied) or "nothing to do"
    print(f"its queue for workers: {done}")
    opened.close()


def _copy(options: Namespace) -> None:
    """Copy a store from SQLite into PostgreSQL, whose tables are there and empty."""
    from sbh_jobkit.engines import copying
    from sbh_jobkit.engines.distributed import queue_schema
    from sbh_jobkit.engines.store import Store

    source = options.source or ""
    if not source.startswith("sqlite"):
        msg = (
            f"store copy copies from SQLite, and --from is {without_password(source)!r}; write --from sqlite:///jobs.db"
        )
        msg += ", or use pg_dump between two databases of PostgreSQL"
        raise StoreError(msg)
    target = queue_schema.open_shared(options.store, has_queue=options.engine == DISTRIBUTED)
    try:
        from_ = Store.open(source, create=False)
        try:
            rows = copying.copy(from_, target)
        finally:
            from_.close()
        print(f"copied {from_.shown!r} to {target.shown!r}:")
        for name, number in rows.items():
            print(f"  {_WHAT.get(name, name)}: {number:,}")
    finally:
        target.close()
