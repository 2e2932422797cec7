"""`sbh-jobkit secrets`: another key for the secrets in a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sbh_jobkit.errors import JobkitError, SettingsError, did_you_mean
from sbh_jobkit.live.optional import needed
from sbh_jobkit.report.text import count

if TYPE_CHECKING:
    from argparse import Namespace

    from sbh_jobkit.engines.store import Store

_ACTIONS = ("rotate", "new-key")


def secrets(options: Namespace) -> bool:
    """Encrypt every secret with a new key, or print a new key."""
    with needed("sbh-jobkit secrets", "serve"):
        from sbh_jobkit.engines.keyring import new_key
        from sbh_jobkit.engines.store import Store

    if options.action not in _ACTIONS:
        hint = did_you_mean(options.action, _ACTIONS) or f"; use one of {', '.join(_ACTIONS)}"
        msg = f"secrets cannot {options.action!r}{hint}"
        raise JobkitError(msg)
    if options.action == "new-key":
        print(new_key())
        return True
    store = Store.open(options.store, create=False)
    try:
        _rotate(options, store)
    finally:
        store.close()
    return True


def _rotate(options: Namespace, store: Store) -> None:
    """Put a new key first in the key file, encrypt again, and drop the old keys; all of it can be repeated.

    Where the keys come from the environment, the first one there is the new one.
    """
    import os

    from sbh_jobkit.cli.web import beside_store
    from sbh_jobkit.engines import vault
    from sbh_jobkit.engines.keyring import VARIABLE, Keys, new_key, replace_private

    path = Path(options.key_file or beside_store(store)("key"))
    keys = Keys.load(path)
    if keys is None:
        msg = f"there is no key file {str(path)!r}, and {VARIABLE} is not set; name the file with --key-file"
        raise SettingsError(msg)
    from_file = VARIABLE not in os.environ
    if from_file:
        with store.read() as connection:
            vault.check(connection, keys)
        replace_private(path, "\n".join([new_key(), *keys.keys]) + "\n")
        keys = Keys.load(path) or keys
    with store.write() as connection:
        number = vault.encrypt_again(connection, keys)
    print(f"{count(number, 'secret')} encrypted with the new key")
    if from_file:
        replace_private(path, f"{keys.keys[0]}\n")
        print(f"{path} has only the new key now; restart the servers of this store")
    else:
        print(f"leave only the first key in {VARIABLE}, and restart the servers of this store")
