"""`sbh-jobkit store migrate`: make the tables of a store, or bring them up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.errors import JobkitError, did_you_mean
from sbh_jobkit.live.optional import needed

if TYPE_CHECKING:
    from argparse import Namespace


def store(options: Namespace) -> bool:
    """Make or migrate all tables that serve and workers need, and say what was done."""
    if options.action != "migrate":
        hint = did_you_mean(options.action, ["migrate"])
        msg = f"store cannot {options.action!r}{hint}{'' if hint else '; it can migrate'}"
        raise JobkitError(msg)
    with needed("sbh-jobkit store", "serve"):
        from sbh_jobkit.engines import schema
        from sbh_jobkit.engines.store import Store
    opened = Store.open(options.store)
    try:
        print(f"the store {opened.shown!r} has version {schema.VERSION}")
        if not opened.is_sqlite:
            from sbh_jobkit.engines.distributed import queue_schema

            applied = queue_schema.migrate(opened)
            print(f"its queue for workers: {', '.join(applied) or 'nothing to do'}")
    finally:
        opened.close()
    return True
