"""`sbh-jobkit token`: who may call the REST API of a store's servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.errors import JobkitError, did_you_mean
from sbh_jobkit.live.optional import needed

if TYPE_CHECKING:
    from argparse import Namespace

    from sqlalchemy.engine import Connection

_ACTIONS = ("list", "add", "remove")


def token(options: Namespace) -> bool:
    """List tokens, add one and print it, or remove one."""
    with needed("sbh-jobkit token", "serve"):
        from sbh_jobkit.engines.store import Store

    if options.action not in _ACTIONS:
        hint = did_you_mean(options.action, _ACTIONS) or f"; use one of {', '.join(_ACTIONS)}"
        msg = f"token cannot {options.action!r}{hint}"
        raise JobkitError(msg)
    if (options.name is None) is not (options.action == "list"):
        msg = f"token {options.action} {'takes no name' if options.action == 'list' else 'needs the name of a token'}"
        raise JobkitError(msg)
    store = Store.open(options.store, create=options.action == "add")
    try:
        with store.write() as connection:
            shown = _carry_out(connection, options)
    finally:
        store.close()
    if shown:  # only what is committed
        print(shown)
    return True


def _carry_out(connection: Connection, options: Namespace) -> str:
    from sbh_jobkit.server import tokens

    if options.action == "add":
        return tokens.add(connection, options.name, options.role, tenant=options.tenant)
    if options.action == "remove":
        tokens.remove(connection, options.name)
        return ""
    found = tokens.read(connection)
    width = max((len(each.name) for each in found), default=0)
    lines = (
        f"{each.name:<{width}}  {each.role:<7}  {each.tenant or 'all tenants'}  since {each.created_at:%Y-%m-%d}"
        for each in found
    )
    return "\n".join(lines) or "there is no token; sbh-jobkit token add NAME makes one"
