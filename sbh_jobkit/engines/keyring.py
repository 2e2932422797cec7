"""The key that encrypts the secrets in a store: from the environment, or from a file that only its owner can read.

Several keys may stand there, the newest first: it encrypts, and all of them decrypt, so that a key can be replaced
while schedulers go on. Links to files are signed with keys that follow from them.
"""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from hmac import digest
from typing import TYPE_CHECKING, Self

from sbh_jobkit.errors import SettingsError
from sbh_jobkit.live.optional import needed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

VARIABLE = "SBH_JOBKIT_KEY"
_ONLY_OWNER = 0o077


class Keys:
    """The keys of a store, the newest first."""

    def __init__(self, keys: Sequence[str], where: str) -> None:
        """Take keys as Fernet writes them; raises SettingsError for one that is not a key. `where` is for errors."""
        with needed("secrets in the store", "serve"):
            from cryptography.fernet import Fernet, MultiFernet
        self.where = where
        self.keys = tuple(keys)
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as error:
            msg = f"{where} has no key of 32 bytes in base64; sbh-jobkit secrets new-key prints one"
            raise SettingsError(msg) from error

    def __repr__(self) -> str:
        """Show nothing of them."""
        return f"<Keys of {self.where}>"

    @classmethod
    def load(cls, path: Path, environment: Mapping[str, str] | None = None) -> Self | None:
        """Read the keys of the environment, else of a file; None where there is neither.

        Raises SettingsError for a file that others can read.
        """
        found = (os.environ if environment is None else environment).get(VARIABLE)
        if found is not None:
            return cls([key.strip() for key in found.split(",")], f"the variable {VARIABLE}")
        if not path.exists():
            return None
        require_private(path, "key file")
        return cls(path.read_text(encoding="ascii", errors="replace").split(), f"the key file {str(path)!r}")

    @classmethod
    def load_or_make(cls, path: Path, environment: Mapping[str, str] | None = None) -> Self:
        """Read the keys, and write a file with a new one where there are none."""
        found = cls.load(path, environment)
        if found is not None:
            return found
        key = new_key()
        write_private(path, f"{key}\n")
        return cls([key], f"the key file {str(path)!r}")

    def encrypt(self, text: str) -> str:
        """Return a text encrypted with the newest key."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str | None:
        """Return the text; None where no key fits."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(token).decode()
        except InvalidToken:
            return None

    def signing(self, purpose: str) -> list[bytes]:
        """Return a key for signatures of one purpose from each key, the newest first."""
        return [digest(key.encode(), f"sbh-jobkit {purpose}".encode(), sha256) for key in self.keys]


def new_key() -> str:
    """Return a new key."""
    with needed("secrets in the store", "serve"):
        from cryptography.fernet import Fernet
    return Fernet.generate_key().decode()


def require_private(path: Path, what: str) -> None:
    """Raise SettingsError for a file that others can read."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _ONLY_OWNER:
        msg = f"the {what} {str(path)!r} can be read by others (mode {mode:o}); type: chmod 600 {path}"
        raise SettingsError(msg)


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner can read; raises SettingsError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        msg = f"cannot write {str(path)!r}: {error.strerror}"
        raise SettingsError(msg) from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)


def replace_private(path: Path, text: str) -> None:
    """Replace such a file at once, so that it is never there in part."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    write_private(beside, text)
    beside.replace(path)
