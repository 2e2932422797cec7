"""`sbh-jobkit pause`: let fire times of jobs end as skipped until they are resumed, also over restarts."""

from __future__ import annotations

import getpass
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sbh_jobkit.cli.history import require_known
from sbh_jobkit.engines.instants import now
from sbh_jobkit.errors import JobkitError, did_you_mean
from sbh_jobkit.live.optional import needed

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.pauses import Scope


def pause(options: Namespace) -> bool:
    """Pause a job, a plugin or everything."""
    with writing(options) as connection:
        from sbh_jobkit.engines import pauses

        scope = scope_of(options, connection)
        at, who = now(), person()
        begun = pauses.begin(connection, scope, who, at)
    if (begun.start, begun.who) != (at, who):
        print(f"{begun.sentence} already")
    else:
        print(f"{begun.sentence}; its fire times end as skipped until sbh-jobkit resume")
    return True


@contextmanager
def writing(options: Namespace) -> Iterator[Connection]:
    """Open the store of a command, and change it in one transaction."""
    with needed(f"sbh-jobkit {options.command}", "serve"):
        from sbh_jobkit.engines.store import Store

    store = Store.open(options.store, create=False)
    try:
        with store.write() as connection:
            yield connection
    finally:
        store.close()


def scope_of(options: Namespace, connection: Connection) -> Scope:
    """Return which jobs the options name; raises JobkitError for what no scheduler of the store has served."""
    from sbh_jobkit.engines.history import known_plugins
    from sbh_jobkit.engines.pauses import Scope

    if (options.plugin is None) is not options.all:
        what = "a plugin and --all" if options.all else "neither a plugin nor --all"
        msg = f"{options.command} got {what}; write {options.command} PLUGIN [JOB], or {options.command} --all"
        raise JobkitError(msg)
    require_known(known_plugins(connection), options.plugin, options.job)
    require_tenant(connection, options.tenant)
    return Scope(tenant=options.tenant or "", plugin=options.plugin or "", job=options.job or "")


def require_tenant(connection: Connection, tenant: str | None) -> None:
    """Raise JobkitError for a tenant that no scheduler of the store has served."""
    from sbh_jobkit.engines.history import known_tenants

    tenants = known_tenants(connection)
    if tenant is not None and tenant not in tenants:
        hint = did_you_mean(tenant, tenants) or f"; it has {', '.join(tenants) or 'none yet'}"
        msg = f"the store has no tenant {tenant!r}{hint}"
        raise JobkitError(msg)


def person() -> str:
    """Return who types the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "somebody on the command line"
