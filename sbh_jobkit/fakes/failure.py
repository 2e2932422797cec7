"""A failure that the world's author scripted, as a service answers it."""

from __future__ import annotations


def told(error: BaseException) -> str:
    """Say an error by its class and its text; drop its traceback, which would grow each time the error is raised."""
    error.__traceback__ = None
    return f"{type(error).__name__}: {error}".removesuffix(": ")
