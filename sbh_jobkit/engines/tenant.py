"""The tenant of a run's child process: its settings file, and what a scheduler adds to it.

That is the history of its jobs as the table `plugin_jobs`, the secrets of its plugin in the store, and signed links to
its files. With `dry`, what the job would write is logged and not done.
"""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbh_jobkit.live.session import LiveTenant
from sbh_jobkit.live.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sbh_jobkit.context.backends import Row
    from sbh_jobkit.context.links import Signer
    from sbh_jobkit.engines.keyring import Keys
    from sbh_jobkit.live.dry import Write
    from sbh_jobkit.live.secrets import Source

TABLE = "plugin_jobs"
_LOG = logging.getLogger("sbh_jobkit.dry")


def make_tenant(given: Mapping[str, Any]) -> LiveTenant:
    """Return the tenant of the file at `path`.

    With `text`, that is what the file says, whatever stands in it by now. `store` is the URL of its history, `plugin`
    the slug whose run it is for, `keys` the path of the key file, `sealed` the plugin's encrypted secrets, which are
    read in the store without it, and `links` the address below which links to its files are served; each may be left
    out.
    """
    path, text = given["path"], given.get("text")
    settings = Settings.load(path) if text is None else Settings.from_text(Path(path), text)
    store = given.get("store")
    tables = {} if store is None else {TABLE: partial(_job_rows, store, settings.id)}
    return LiveTenant(
        settings,
        tables=tables,
        dry=_show if given.get("dry") else None,
        stored=_stored(given, settings.id),
        signer=_signer(given, settings.id),
    )


def signers(keys: Keys, address: str, tenant: str) -> list[Signer]:
    """Return what signs links to a tenant's files: the first one signs, and all of them may have signed."""
    from sbh_jobkit.context.links import Signer

    base = f"{address.rstrip('/')}/files/{tenant}"
    return [Signer(base=base, secret=secret, tenant=tenant) for secret in keys.signing("links")]


def _keys(given: Mapping[str, Any]) -> Keys | None:
    from sbh_jobkit.engines.keyring import Keys

    return Keys.load(Path(given["keys"])) if given.get("keys") else None


def _signer(given: Mapping[str, Any], tenant: str) -> Signer | None:
    if not given.get("links") or (keys := _keys(given)) is None:
        return None
    return signers(keys, given["links"], tenant)[0]


def _stored(given: Mapping[str, Any], tenant: str) -> Callable[[], Source] | None:
    if given.get("store") is None or not given.get("plugin") or (keys := _keys(given)) is None:
        return None

    def open_source() -> Source:
        from sbh_jobkit.engines.store import Store
        from sbh_jobkit.engines.vault import StoredSecrets

        attach = partial(Store.attach, given["store"])
        return StoredSecrets(attach, keys, tenant, given["plugin"], sealed=given.get("sealed"))

    return open_source


def _show(write: Write) -> None:
    """Log what a dry run does not do, so that it stands in the log of the run."""
    _LOG.info("not done: %s", write)


def _job_rows(url: str, tenant: str) -> list[Row]:
    """Read the rows of the tenant's jobs; the store is opened for each query, since few jobs ask."""
    from sbh_jobkit.engines.instants import now
    from sbh_jobkit.engines.jobs import job_rows
    from sbh_jobkit.engines.store import Store

    store = Store.attach(url)
    try:
        with store.read() as connection:
            return job_rows(connection, tenant, now())
    finally:
        store.close()
