"""The tenant's secrets: the author sets them, a job reads them, nothing shows them."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field

from sbh_jobkit.context.secrets import secret_problem
from sbh_jobkit.errors import WorldError


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
        if (problem := secret_problem(key, value)) is not None:
            raise WorldError(problem)
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
