"""The tenant's secrets: an author sets them, a job reads them, and their values are never shown."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field

from sbh_jobkit.context.secrets import secret_problem
from sbh_jobkit.errors import Members, WorldError


@dataclass(frozen=True, slots=True)
class SecretsState:
    """The secrets of a snapshot, by name."""

    values: dict[str, str] = field(repr=False)


class SecretStore(MutableMapping[str, str], Members):
    """`world.secrets["API_KEY"] = "…"`; values are text and never appear in a repr."""

    _called = "world.secrets"

    def __init__(self) -> None:
        """Start without secrets."""
        self._values: dict[str, str] = {}
        self._kept = SecretsState({})
        self.ever: dict[str, str] = {}
        """Names by value, of every value that was ever set: a replaced value is still a secret."""
        self.own: set[str] = set()
        """The names that jobs set where there was no secret."""

    def __getitem__(self, key: str) -> str:
        """Return a secret's value; raises KeyError if it is not set."""
        return self._values[key]

    def __setitem__(self, key: str, value: str) -> None:
        """Set a secret; raises WorldError if name or value is not text."""
        if (problem := secret_problem(key, value)) is not None:
            raise WorldError(problem)
        self._values[key] = value
        self.ever[value] = key

    def __delitem__(self, key: str) -> None:
        """Remove a secret; raises KeyError if it is not set."""
        del self._values[key]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return the number of secrets."""
        return len(self._values)

    def __repr__(self) -> str:
        """Show the names, never the values."""
        return f"<secrets: {', '.join(self._values) or 'none'}>"

    def snapshot(self) -> SecretsState:
        """Return the secrets as they are now."""
        if self._kept.values != self._values:
            self._kept = SecretsState(dict(self._values))
        return self._kept

    def restore(self, state: SecretsState) -> None:
        """Set the secrets of a snapshot; values that were set since are still redacted."""
        self._values = dict(state.values)
        self.ever |= {value: key for key, value in self._values.items()}
