"""The secrets of plugins in the store, encrypted: one more source for `ctx.secrets`, and what the REST API writes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, delete, select, update

from sbh_jobkit.engines.instants import now, to_store
from sbh_jobkit.engines.schema import insert, secret
from sbh_jobkit.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.keyring import Keys
    from sbh_jobkit.engines.store import Store


_SEALED = (  # made once: to build a statement costs more than to execute it
    select(secret.c.name, secret.c.value)
    .where(secret.c.tenant == bindparam("its_tenant"), secret.c.plugin == bindparam("its_plugin"))
    .order_by(secret.c.name)
)


class StoredSecrets:
    """The secrets of one plugin at one tenant; read once, as a run needs them."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        keys: Keys,
        tenant: str,
        plugin: str,
        *,
        sealed: Mapping[str, str] | None = None,
    ) -> None:
        """Read nothing yet; with `sealed`, which are the encrypted secrets by name, the store is only for writing."""
        self.writable = True
        self._open_store = cache(open_store)
        self._keys = keys
        self._owner = (tenant, plugin)
        self._sealed = sealed
        self._read: dict[str, str] | None = None

    def names(self) -> Iterable[str]:
        """Return their names."""
        return list(self._values())

    def get(self, name: str) -> str | None:
        """Return a secret, or None."""
        return self._values().get(name)

    def put(self, name: str, value: str) -> None:
        """Store a secret."""
        values = self._values()
        with self._open_store().write() as connection:
            put(connection, self._keys, self._owner, name, value)
        values[name] = value

    def remove(self, name: str) -> None:
        """Remove a secret that is there."""
        with self._open_store().write() as connection:
            connection.execute(delete(secret).where(_of(self._owner), secret.c.name == name))
        self._values().pop(name, None)

    def _values(self) -> dict[str, str]:
        if self._read is None:
            if (found := self._sealed) is None:
                with self._open_store().read() as connection:
                    found = sealed(connection, *self._owner)
            values = {name: self._keys.decrypt(value) for name, value in found.items()}
            _require_all(self._keys, [name for name, value in values.items() if value is None])
            self._read = {name: value for name, value in values.items() if value is not None}
        return self._read


def sealed(connection: Connection, tenant: str, plugin: str) -> dict[str, str]:
    """Return the encrypted secrets of a plugin, by name."""
    rows = connection.execute(_SEALED, {"its_tenant": tenant, "its_plugin": plugin})
    return {row.name: row.value for row in rows}


def put(connection: Connection, keys: Keys, owner: tuple[str, str], name: str, value: str) -> None:
    """Write a secret of a tenant's plugin; raises SettingsError where the store's secrets have another key by now."""
    other = connection.execute(select(secret.c.value).limit(1)).scalar()
    if other is not None and keys.decrypt(other) is None:
        msg = f"{keys.where} is not the key of the secrets in the store any more; start this process again with theirs"
        raise SettingsError(msg)
    written = {"value": keys.encrypt(value), "changed_at": to_store(now())}
    mine = _of(owner), secret.c.name == name
    if connection.execute(update(secret).where(*mine).values(**written)).rowcount == 0:
        tenant, plugin = owner
        new = {"tenant": tenant, "plugin": plugin, "name": name, **written}
        connection.execute(insert(connection, secret).values(**new).on_conflict_do_nothing())


def names_of(connection: Connection, tenant: str, plugin: str) -> list[str]:
    """Return the names of a plugin's secrets."""
    found = select(secret.c.name).where(_of((tenant, plugin))).order_by(secret.c.name)
    return list(connection.execute(found).scalars())


def check(connection: Connection, keys: Keys) -> None:
    """Raise SettingsError where the keys do not fit; it names the secrets that cannot be read."""
    rows = connection.execute(select(secret).order_by(secret.c.tenant, secret.c.plugin, secret.c.name)).all()
    _require_all(keys, [f"{row.plugin}/{row.name}" for row in rows if keys.decrypt(row.value) is None])


def encrypt_again(connection: Connection, keys: Keys) -> int:
    """Encrypt every secret with the newest key; return how many there are. Raises SettingsError."""
    check(connection, keys)
    rows = connection.execute(select(secret).with_for_update()).all()
    for row in rows:
        mine = _of((row.tenant, row.plugin)), secret.c.name == row.name
        again = keys.encrypt(keys.decrypt(row.value) or "")
        connection.execute(update(secret).where(*mine).values(value=again))
    return len(rows)


def _of(owner: tuple[str, str]) -> ColumnElement[bool]:
    return and_(secret.c.tenant == owner[0], secret.c.plugin == owner[1])


def _require_all(keys: Keys, unread: list[str]) -> None:
    if unread:
        msg = f"{keys.where} is not the key of these secrets in the store: {', '.join(unread)}; give the key that they"
        msg += " were written with"
        raise SettingsError(msg)
