"""`ctx.secrets`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sbh_jobkit.context.gate import OfOneRun
from sbh_jobkit.errors import Members, did_you_mean, half_pair
from sbh_jobkit.plugin.members import SYNONYMS

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from sbh_jobkit.context.backends import Hints
    from sbh_jobkit.context.gate import Gate
    from sbh_jobkit.run.recorder import Recorder

_NOT_GIVEN: Any = None.__class__  # tells a missing default from None; no job has a reason to pass this class
_ADVICE = "set text: json.dumps(…) makes text of an object"


class Secrets(OfOneRun, Members):
    """The tenant's secrets; needs no permission."""

    __slots__ = ("_backend", "_gate", "_hints", "_recorder")
    _called = "ctx.secrets"
    _synonyms: ClassVar[Mapping[str, str]] = SYNONYMS["secrets"]

    def __init__(self, backend: MutableMapping[str, str], recorder: Recorder, gate: Gate, hints: Hints) -> None:
        """Read and write the backend's secrets."""
        self._backend = backend
        self._recorder = recorder
        self._gate = gate
        self._hints = hints

    def __repr__(self) -> str:
        """Show names only."""
        return f"<secrets: {', '.join(self._backend) or 'none'}>"

    def get(self, key: str, default: str | None = _NOT_GIVEN) -> str | None:
        """Return the secret; an absent one is the default, and a fault where no default was given."""
        self._gate("secrets.get")
        if not self._is_name("get", key):
            return None if default is _NOT_GIVEN else default
        value = self._backend.get(key)
        if value is not None:
            return value
        if default is not _NOT_GIVEN:
            return default
        message = f"secret {key!r} is not set{did_you_mean(key, self._backend)}"
        self._recorder.fault("secret-missing", "ctx.secrets.get", message, self._hints.secret(key))
        return None

    def set(self, key: str, value: str) -> bool:
        """Store a secret; False, and a fault, for a name or a value that is not text."""
        self._gate("secrets.set")
        if (problem := secret_problem(key, value)) is not None:
            self._recorder.fault("secret-type", "ctx.secrets.set", problem, _ADVICE)
            return False
        self._recorder.secret(key, value, new=key not in self._backend)
        self._backend[key] = value
        return True

    def delete(self, key: str) -> bool:
        """Remove a secret; True if it existed."""
        self._gate("secrets.delete")
        return self._is_name("delete", key) and self._backend.pop(key, None) is not None

    def list(self) -> dict[str, str]:
        """Return the values of all secrets by name, sorted."""
        self._gate("secrets.list")
        return {key: self._backend[key] for key in sorted(self._backend)}

    def has(self, key: str) -> bool:
        """Whether the secret is set."""
        self._gate("secrets.has")
        return self._is_name("has", key) and key in self._backend

    def _is_name(self, member: str, key: object) -> bool:
        if isinstance(key, str):
            return True
        self._recorder.fault("secret-type", f"ctx.secrets.{member}", f"a secret's name must be text, got {key!r}")
        return False


def secret_problem(key: object, value: object) -> str | None:
    """Return what is wrong with a secret to set, or None."""
    if not isinstance(key, str) or not key:
        return f"a secret's name must be text that is not empty, got {key!r}"
    if not isinstance(value, str):
        return f"secret {key!r} must be text, got a value of type {type(value).__name__}"
    for what, text in (("name", key), ("value", value)):
        if half_pair(text) is not None:  # which half is not said: it is a part of the value
            return f"a secret must be text that UTF-8 can write, and the {what} of {key!r} has half of a surrogate pair"
    return None
