"""`ctx.secrets` on today's host, which shows a job nothing and keeps nothing (D6, D7, D39)."""

from __future__ import annotations

from typing import Any

from sbh_jobkit.context.secrets import Secrets, secret_problem

_NOT_GIVEN: Any = None.__class__  # a default that no caller passes; None would be a value


class HostSecrets(Secrets):
    """The tenant's secrets, which a job can neither read nor change."""

    __slots__ = ()

    def get(self, key: str, default: str | None = _NOT_GIVEN) -> str | None:
        """Return None (D6); raises TypeError for a default (D7)."""
        if default is not _NOT_GIVEN:
            message = f"today's host accepts no default: ctx.secrets.get({key!r}, …) raises TypeError"
            self._recorder.divergence("D7", "ctx.secrets.get", message)
            msg = "ctx.secrets.get() takes only a key"
            raise TypeError(msg)
        if super().get(key) is not None:
            message = f"today's host gives no secret to a job: ctx.secrets.get({key!r}) returns None"
            self._recorder.divergence("D6", "ctx.secrets.get", message)
        return None

    def set(self, key: str, value: str) -> bool:
        """Return False, and keep nothing (D39)."""
        self._gate("secrets.set")
        if secret_problem(key, value) is not None:
            return super().set(key, value)
        self._recorder.secret(key, value, new=False)
        message = f"today's host lets no job set a secret: ctx.secrets.set({key!r}, …) returns False"
        self._recorder.divergence("D39", "ctx.secrets.set", message)
        return False

    def delete(self, key: str) -> bool:
        """Return False, and remove nothing (D39)."""
        self._gate("secrets.delete")
        if self._is_name("delete", key) and key in self._backend:
            message = f"today's host lets no job delete a secret: ctx.secrets.delete({key!r}) returns False"
            self._recorder.divergence("D39", "ctx.secrets.delete", message)
        return False

    def list(self) -> dict[str, str]:
        """Return no secrets (D39)."""
        self._gate("secrets.list")
        if self._backend:
            message = "today's host lists no secrets for a job: ctx.secrets.list() returns {}"
            self._recorder.divergence("D39", "ctx.secrets.list", message)
        return {}

    @property
    def has(self) -> Any:
        """Raise AttributeError (D7)."""
        self._recorder.divergence(
            "D7", "ctx.secrets.has", "today's host has no ctx.secrets.has: it raises AttributeError"
        )
        msg = "ctx.secrets has no 'has'"
        raise AttributeError(msg)
