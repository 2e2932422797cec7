"""The tenant of a run's child process: its settings file, and the history of its jobs as the table `plugin_jobs`.

With `dry`, what the job would write is logged and not done.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from sbh_jobkit.live.session import LiveTenant
from sbh_jobkit.live.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sbh_jobkit.context.backends import Row
    from sbh_jobkit.live.dry import Write

TABLE = "plugin_jobs"
_LOG = logging.getLogger("sbh_jobkit.dry")


def make_tenant(given: Mapping[str, Any]) -> LiveTenant:
    """Return the tenant of the file at `path`; its history is in the store at the URL `store`, if there is one."""
    settings = Settings.load(given["path"])
    store = given.get("store")
    tables = {} if store is None else {TABLE: partial(_job_rows, store, settings.id)}
    return LiveTenant(settings, tables=tables, dry=_show if given.get("dry") else None)


def _show(write: Write) -> None:
    """Log what a dry run does not do, so that it stands in the log of the run."""
    _LOG.info("not done: %s", write)


def _job_rows(url: str, tenant: str) -> list[Row]:
    """Read the rows of the tenant's jobs; the store is opened for each query, since few jobs ask."""
    from sbh_jobkit.engines.instants import now
    from sbh_jobkit.engines.jobs import job_rows
    from sbh_jobkit.engines.store import Store

    store = Store.open(url)
    try:
        with store.read() as connection:
            return job_rows(connection, tenant, now())
    finally:
        store.close()
