"""Calls that change files and whose audit events say too little: `os.open` leaves `dir_fd` out, two have no event.

So these functions are replaced, once, by ones that say it and then do as before.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MADE = "sbh_jobkit.made"
"""Our own audit event for `os.mkfifo` and `os.mknod`: a path, and the descriptor of a folder or -1."""
_opening = threading.local()
_installed = threading.Event()


def install() -> None:
    """Replace the functions; only the first call does."""
    if not _installed.is_set():
        _installed.set()
        opened, made, node = _with_folder(os.open), _announced(os.mkfifo), _announced(os.mknod)
        for module in (os, sys.modules.get("posix", os)):
            module.open, module.mkfifo, module.mknod = opened, made, node  # type: ignore[attr-defined] # as in os


def folder_of_open() -> int | None:
    """Return the descriptor of the folder in which this thread opens a file now; None for the current one."""
    found: int | None = getattr(_opening, "folder", None)
    return found


def _with_folder(function: Callable[..., int]) -> Callable[..., int]:
    @wraps(function)
    def call(*args: Any, dir_fd: int | None = None, **kwargs: Any) -> int:
        if dir_fd is None:
            return function(*args, **kwargs)
        _opening.folder = dir_fd
        try:
            return function(*args, dir_fd=dir_fd, **kwargs)
        finally:
            _opening.folder = None

    return call


def _announced(function: Callable[..., None]) -> Callable[..., None]:
    @wraps(function)
    def call(path: Any, *args: Any, dir_fd: int | None = None, **kwargs: Any) -> None:
        sys.audit(MADE, path, -1 if dir_fd is None else dir_fd)
        function(path, *args, dir_fd=dir_fd, **kwargs)

    return call
