"""Which calls change real files, as Python's audit events name them, and which of those are harmless."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, unquote

from sbh_jobkit.machine.unheard_calls import MADE, folder_of_open

if TYPE_CHECKING:
    from collections.abc import Iterator

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_BYTECODE = re.compile(r".+\.pyc(\.\d+)?")
_CACHE = "__pycache__"
_IN_MEMORY = "/memfd:"
"""How Linux names a file without a path, of `os.memfd_create`."""


class _Change(NamedTuple):
    """What an event does to the paths among its arguments."""

    verb: str
    paths: tuple[tuple[int, int | None], ...]
    """The numbers of the arguments that are a path, and of the folder's descriptor that it begins at."""
    follows: bool = False
    """Whether a symbolic link stands for the file that it leads to."""


_CHANGES = {
    "os.remove": _Change("removed", ((0, 1),)),
    "os.rmdir": _Change("removed", ((0, 1),)),
    "os.mkdir": _Change("made", ((0, 2),)),
    "os.rename": _Change("renamed", ((0, 2), (1, 3))),
    "os.link": _Change("linked", ((1, 3), (0, 2))),
    "os.symlink": _Change("linked", ((1, 2),)),
    "os.truncate": _Change("cut", ((0, None),), follows=True),
    "os.chmod": _Change("changed the mode of", ((0, 2),), follows=True),
    "os.chown": _Change("changed the owner of", ((0, 3),), follows=True),
    "os.utime": _Change("changed the time of", ((0, 3),), follows=True),
    "os.setxattr": _Change("changed", ((0, None),), follows=True),
    "os.removexattr": _Change("changed", ((0, None),), follows=True),
    MADE: _Change("made", ((0, 1),)),
    "socket.bind": _Change("made", ((1, None),)),
}
_OF_WHAT_IS_THERE = {"removed", "cut", "changed the mode of", "changed the owner of", "changed the time of", "changed"}
EVENTS = frozenset({"open", "sqlite3.connect", *_CHANGES})


class RealFiles:
    """Tells changes of real files from those of temporary files, of devices and of Python's own cache."""

    __slots__ = ("_temporary",)

    def __init__(self) -> None:
        """Find the temporary folder now: the first to ask for it writes a file, to try it."""
        self._temporary = os.path.realpath(tempfile.gettempdir())

    def is_temporary(self, path: str) -> bool:
        """Whether a resolved path is in the temporary folder."""
        return f"{path}{os.sep}".startswith(f"{self._temporary}{os.sep}")

    def changes(self, event: str, arguments: tuple[Any, ...]) -> Iterator[tuple[str, str]]:
        """Yield what an event does to real files, as a verb and a path each."""
        if event == "open":
            path, mode, flags = arguments
            writes = any(letter in mode for letter in "wax+") if mode else bool(flags & _WRITES)
            found = [("wrote", path, folder_of_open(), True)] if writes else []
        elif event == "sqlite3.connect":
            found = [("wrote", _database(arguments[0]), None, True)]
        else:
            change = _CHANGES[event]
            found = [
                (change.verb, _opened(arguments[number]), None if at is None else arguments[at], change.follows)
                for number, at in change.paths
            ]
        for verb, path, folder, follows in found:
            real = _resolved(path, folder, follows=follows)
            if real is not None and not self._is_harmless(real) and _can_be(verb, real):
                yield verb, real

    def _is_harmless(self, path: str) -> bool:
        folder, _, name = path.rpartition(os.sep)
        if self.is_temporary(path) or path.startswith(("/dev/", _IN_MEMORY)):
            return True
        return name == _CACHE or (os.path.basename(folder) == _CACHE and _BYTECODE.fullmatch(name) is not None)


def _can_be(verb: str, path: str) -> bool:
    """Whether a call can do it: what is not there cannot be removed, and what is there cannot be made."""
    there = os.path.lexists(path)
    return not there if verb == "made" else there or verb not in _OF_WHAT_IS_THERE


def _opened(path: Any) -> Any:
    """Return the path of a file that is open already, of which a call has the descriptor; anything else as it is."""
    if isinstance(path, int):
        with suppress(OSError):
            found = os.readlink(f"/proc/self/fd/{path}")
            return found if found.startswith("/") else None
    return path


def _resolved(path: Any, folder: Any, *, follows: bool) -> str | None:
    """Return an absolute path without links; None for what is not a path, such as a file that is open already."""
    try:
        text = os.fsdecode(path)
    except TypeError:
        return None
    if not text or "\0" in text:  # a socket without a file
        return None
    if isinstance(folder, int) and folder >= 0 and not os.path.isabs(text):
        with suppress(OSError):
            text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
    if follows:
        return os.path.realpath(text)
    above, name = os.path.split(os.path.abspath(text))
    return os.path.join(os.path.realpath(above), name)


def _database(given: Any) -> Any:
    """Return the file that SQLite may write; None for a database in memory, or one that is only read."""
    try:
        text = os.fsdecode(given)
    except TypeError:
        return None
    if not text.startswith("file:"):
        return None if text in {"", ":memory:"} else text
    name, _, query = text.removeprefix("file:").partition("?")
    options = {key: values[-1] for key, values in parse_qs(query.partition("#")[0]).items()}
    path = unquote(name.partition("#")[0])
    if path.startswith("//"):
        path = f"/{path[2:].partition('/')[2]}"
    in_memory = path in {"", ":memory:"} or options.get("mode") == "memory" or options.get("vfs") == "memdb"
    return None if in_memory or options.get("mode") == "ro" or options.get("immutable") == "1" else path
