"""The tenant's secrets: the author sets them, a job reads them, nothing shows them."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import WorldError, did_you_mean

if TYPE_CHECKING:
    from sbh_jobkit.fakes.faults.injector import FaultInjector
    from sbh_jobkit.run.recorder import Recorder

_ABSENT: Any = None.__class__  # tells an absent default from None; no job has a reason to pass this class
_ADVICE = "set text: json.dumps(…) makes text of an object"


@dataclass(frozen=True, slots=True)
class SecretsState:
    """Every secret at one moment."""

    values: dict[str, str] = field(repr=False)


class SecretStore(MutableMapping[str, str]):
    """`world.secrets["API_KEY"] = "…"`; values are text and never appear in a repr."""

    def __init__(self) -> None:
        """Start with none."""
        self._values: dict[str, str] = {}
        self._kept = SecretsState({})
        self.ever: dict[str, str] = {}
        """The name of every value that was ever set: a value that was replaced is still a secret."""

    def __getitem__(self, key: str) -> str:
        """Return the value."""
        return self._values[key]

    def __setitem__(self, key: str, value: str) -> None:
        """Set it; raises WorldError for what is not text."""
        if not isinstance(key, str) or not key:
            msg = f"a secret's name must be text that is not empty, got {key!r}"
            raise WorldError(msg)
        if not isinstance(value, str):
            msg = f"secret {key!r} must be text, got a value of type {type(value).__name__}"
            raise WorldError(msg)
        self._values[key] = value
        self.ever[value] = key

    def __delitem__(self, key: str) -> None:
        """Remove it."""
        del self._values[key]

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self._values)

    def __len__(self) -> int:
        """Count them."""
        return len(self._values)

    def __repr__(self) -> str:
        """Show names only."""
        return f"<secrets: {', '.join(self._values) or 'none'}>"

    def snapshot(self) -> SecretsState:
        """Keep the secrets as they are now."""
        if self._kept.values != self._values:
            self._kept = SecretsState(dict(self._values))
        return self._kept

    def restore(self, state: SecretsState) -> None:
        """Have the secrets of a snapshot again; what was a secret in between stays one."""
        self._values = dict(state.values)
        self.ever |= {value: key for key, value in self._values.items()}


class FakeSecrets:
    """`ctx.secrets`."""

    __slots__ = ("_journal", "_store", "_trouble")

    def __init__(self, store: SecretStore, journal: Recorder, trouble: FaultInjector | None = None) -> None:
        """Read from the tenant's store."""
        self._store = store
        self._journal = journal
        self._trouble = trouble

    def __repr__(self) -> str:
        """Show names only."""
        return repr(self._store)

    def get(self, key: str, default: str | None = _ABSENT) -> str | None:
        """Return the secret; an absent one is the default, and a fault where none was given."""
        self._called("get")
        if not self._is_name("get", key):
            return None if default is _ABSENT else default
        if key in self._store:
            return self._store[key]
        if default is not _ABSENT:
            return default
        paste = f'world.secrets["{key}"] = "…"'
        message = f"secret {key!r} is not set{did_you_mean(key, self._store)}"
        self._journal.fault("secret-missing", "ctx.secrets.get", message, paste)
        return None

    def set(self, key: str, value: str) -> bool:
        """Store a secret; False, and a fault, for a name or a value that is not text."""
        self._called("set")
        try:
            self._store[key] = value
        except WorldError as error:
            self._journal.fault("secret-type", "ctx.secrets.set", str(error), _ADVICE)
            return False
        return True

    def delete(self, key: str) -> bool:
        """Remove a secret; True if it existed."""
        self._called("delete")
        return self._is_name("delete", key) and self._store.pop(key, None) is not None

    def list(self) -> dict[str, Any]:
        """Describe the secrets by name."""
        self._called("list")
        return {key: f"‹secret:{key}›" for key in sorted(self._store)}

    def has(self, key: str) -> bool:
        """Whether the secret is set."""
        self._called("has")
        return self._is_name("has", key) and key in self._store

    def _is_name(self, member: str, key: object) -> bool:
        """Whether a name is text; what is not leaves a fault, and is the name of nothing."""
        if isinstance(key, str):
            return True
        self._journal.fault("secret-type", f"ctx.secrets.{member}", f"a secret's name must be text, got {key!r}")
        return False

    def _called(self, member: str) -> None:
        if self._trouble is not None:
            self._trouble.call(f"secrets.{member}")
