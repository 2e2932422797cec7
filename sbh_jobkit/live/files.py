"""The files of a real tenant, by fsspec: in a folder (`file://`) or in this process's memory (`memory://`).

A key is a path below the root, with the content type beside it: in the folder `.content-types` there is a file of the
same name that holds the type, unless the type is the one that the key's ending stands for. So a folder that people
fill by other means has sensible types, too. A file is written under another name first, and then renamed.
"""

from __future__ import annotations

import mimetypes
import os
import re
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sbh_jobkit import clock
from sbh_jobkit.context.backends import FileInfo
from sbh_jobkit.errors import SettingsError
from sbh_jobkit.live.optional import needed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.context.links import Signer
    from sbh_jobkit.live.settings import Settings

BINARY = "application/octet-stream"
_TYPES = ".content-types"
_PARTS = ".parts"
_OWN = {_TYPES, _PARTS}
"""Folders below the root that hold no files of the tenant."""
_ODD = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
LONGEST = 1024
"""How many bytes a key may have."""


class LiveFiles:
    """Files below one root."""

    __slots__ = ("_fs", "_root", "_signer")

    def __init__(self, filesystem: Any, root: str, signer: Signer | None = None) -> None:
        """Keep files in a filesystem of fsspec below `root`; `signer` makes the links."""
        self._fs = filesystem
        self._root = root.rstrip("/")
        self._signer = signer

    @classmethod
    def from_settings(cls, settings: Settings, signer: Signer | None = None) -> LiveFiles:
        """Open the storage of the settings; raises SettingsError if there is none."""
        if settings.files is None:
            msg = 'tenant.toml names no storage; add a line such as files = "file://folder"'
            raise SettingsError(msg)
        scheme, _, path = settings.files.partition("://")
        with needed(f"a storage '{scheme}://…'", "serve"):
            import fsspec
        if scheme == "file":
            root = str((settings.folder / path).resolve())
            if root == "/":
                msg = f"files must be a folder of its own, got {settings.files!r}"
                raise SettingsError(msg)
            return cls(fsspec.filesystem("file", auto_mkdir=True), root, signer)
        return cls(fsspec.filesystem("memory"), f"/{settings.id}/{path.strip('/')}", signer)

    def list(self, prefix: str) -> Iterator[FileInfo]:
        """Yield the files whose keys begin with a prefix, sorted by key."""
        folder = prefix.rpartition("/")[0]
        if not _is_key(f"{folder}/x" if folder else "x"):
            return
        below = f"{self._root}/{folder}" if folder else self._root
        found = self._fs.find(below, detail=True) if self._fs.isdir(below) else {}
        keys = {path[len(self._root) + 1 :]: info for path, info in found.items()}
        for key in sorted(keys):
            if key.startswith(prefix) and key.partition("/")[0] not in _OWN and self._is_inside(key):
                yield self._info(key, keys[key])

    def reach(self) -> str:
        """Return what is there; raises SettingsError for a folder that cannot be used. Nothing is made."""
        if self._fs.protocol == "memory":
            return "in memory"
        folder = Path(self._root)
        there = next(each for each in (folder, *folder.parents) if each.exists())
        if not there.is_dir() or not os.access(there, os.R_OK | os.W_OK | os.X_OK):
            msg = f"{str(there)!r} {'cannot be written' if there.is_dir() else 'is not a folder'}"
            raise SettingsError(msg)
        return "a folder that can be written" if there == folder else "a folder that is made with the first file"

    def stat(self, key: str) -> FileInfo | None:
        """Return one file's facts, or None."""
        if not _is_key(key) or not self._is_inside(key) or not self._fs.isfile(self._path(key)):
            return None
        return self._info(key, self._fs.info(self._path(key)))

    def read(self, key: str) -> bytes | None:
        """Return the bytes of a file, for what serves links; None if there is no such file."""
        return None if self.stat(key) is None else bytes(self._fs.cat_file(self._path(key)))

    def put(self, key: str, data: bytes, content_type: str) -> bool:
        """Store a file; raises ValueError for a key that this storage cannot have."""
        path = self.check(key, content_type)
        part = f"{self._root}/{_PARTS}/{uuid4().hex}"
        self._write(part, data)
        self._keep_type(key, content_type)
        self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._fs.mv(part, path)
        return True

    def delete(self, key: str) -> bool:
        """Remove a file; True if it existed."""
        if self.stat(key) is None:
            return False
        self._fs.rm_file(self._path(key))
        self._forget_type(key)
        return True

    def presign(self, key: str, operation: str, expires_in: int) -> str:
        """Return a signed link; raises SettingsError where nothing serves links."""
        if self._signer is None:
            msg = "links to files need a server that serves them, and none runs for this tenant"
            raise SettingsError(msg)
        return self._signer.sign(f"{key}", operation, expires_in, clock.now(UTC))

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _is_inside(self, key: str) -> bool:
        """Whether a path leads below the root also by symbolic links."""
        if self._fs.protocol == "memory":
            return True
        root = os.path.realpath(self._root)
        return os.path.realpath(self._path(key)).startswith(root + os.sep)

    def check(self, key: str, content_type: str) -> str:
        """Return the path of a file to store; raises ValueError for a key that this storage cannot have."""
        del content_type  # which may be any text
        if not _is_key(key):
            msg = f"a file's key must be a path below the tenant's files, such as 'reports/a.csv', got {key!r}"
            raise ValueError(msg)
        path, folders = self._path(key), key.split("/")[:-1]
        above = ["/".join(folders[: number + 1]) for number in range(len(folders))]
        if not self._is_inside(key):
            msg = f"the key {key!r} leads out of the tenant's files by a symbolic link"
            raise ValueError(msg)
        if (file := next((folder for folder in above if self._fs.isfile(self._path(folder))), None)) is not None:
            msg = f"the key {key!r} needs a folder {file!r}, and there is a file of that name"
            raise ValueError(msg)
        if self._fs.isdir(path):
            msg = f"the key {key!r} is the name of a folder with files; use another name"
            raise ValueError(msg)
        return path

    def _write(self, path: str, data: bytes) -> None:
        self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._fs.pipe_file(path, data)

    def _info(self, key: str, info: Any) -> FileInfo:
        at = info["mtime"] if "mtime" in info else self._fs.modified(self._path(key)).timestamp()
        return FileInfo(key, info["size"], self._type(key), at)

    def _type(self, key: str) -> str:
        beside = f"{self._root}/{_TYPES}/{key}"
        return self._fs.cat_file(beside).decode() if self._fs.isfile(beside) else _usual_type(key)

    def _keep_type(self, key: str, content_type: str) -> None:
        if content_type == _usual_type(key):
            self._forget_type(key)
        else:
            self._write(f"{self._root}/{_TYPES}/{key}", content_type.encode())

    def _forget_type(self, key: str) -> None:
        beside = f"{self._root}/{_TYPES}/{key}"
        if self._fs.isfile(beside):
            self._fs.rm_file(beside)


def _is_key(key: str) -> bool:
    return is_path(key) and "\\" not in key and key.partition("/")[0] not in _OWN


def is_path(key: str) -> bool:
    """Whether a key is a plain path below a root, of characters that every storage can have."""
    return not _ODD.search(key) and len(key.encode()) <= LONGEST and not {"", ".", ".."} & {*key.split("/")}


def _usual_type(key: str) -> str:
    return mimetypes.types_map.get(Path(key).suffix.lower(), BINARY)
