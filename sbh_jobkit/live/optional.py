"""Importing what only a real tenant needs, with the line to type where it is missing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sbh_jobkit.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def needed(purpose: str, extra: str) -> Iterator[None]:
    """Turn a failed import into one sentence: what needs which package, and how to install it."""
    try:
        yield
    except ImportError as error:
        name = (error.name or "a package").partition(".")[0]
        msg = f'{purpose} needs {name}, which is not installed; type: pip install "sbh-jobkit[{extra}]"'
        raise SettingsError(msg) from error
