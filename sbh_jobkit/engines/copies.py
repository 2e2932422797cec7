"""Copies of plugins, from which runs load: what is edited in place changes nothing until the plugin is loaded again.

A copy is named by its content, so each run can say which text it ran. Schedulers lock the copies that they use; those
that nobody uses any more are removed when a scheduler begins.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from sbh_jobkit.engines.describe import describe
from sbh_jobkit.engines.folders import (
    CannotCopy,
    FolderLocks,
    digest_entry,
    plugin_files,
    remove_unused,
    require_small,
)
from sbh_jobkit.errors import PluginError

if TYPE_CHECKING:
    from sbh_jobkit.engines.describe import PluginDescription

_NEW = ".new-"


class Copies:
    """The folder with the copies of one store's plugins."""

    def __init__(self, folder: Path) -> None:
        """Remove what nobody uses; the folder is named as the store is, with `.copies` at the end."""
        self._folder = folder
        self._locks = FolderLocks()
        for each in folder.glob("*") if folder.is_dir() else ():
            remove_unused(each)

    def load(self, path: str) -> PluginDescription:
        """Copy a plugin, and return what the copy has; raises PluginError, and CannotCopy."""
        source = Path(path)
        if not source.exists():
            return describe(path)  # which says so
        try:
            kept = self._keep(source)
        except OSError as error:
            msg = f"{path}: the plugin cannot be copied to {str(self._folder)!r}: {error.strerror}"
            raise CannotCopy(msg) from error
        inner = next(each for each in kept.iterdir())
        copy = inner / source.name if source.is_file() and inner.is_dir() else inner
        shown = source if source.is_dir() or inner.is_file() else source.parent
        try:
            found = describe(str(copy))
        except PluginError as error:
            raise PluginError(f"{error}".replace(f"{inner}", f"{shown}")) from error
        warnings = tuple(each.replace(f"{inner}", f"{shown}") for each in found.warnings)
        return replace(found, path=path, copy=str(copy), fingerprint=kept.name[:8], warnings=warnings)

    def close(self) -> None:
        """Let go of the copies."""
        self._locks.close()

    def _keep(self, source: Path) -> Path:
        """Return the folder of the copy, which this process has locked."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = Path(mkdtemp(prefix=_NEW, dir=self._folder))
        try:
            self._locks.lock(new)
            kept = self._folder / self._copy(source, new)
            while True:
                with suppress(OSError):  # it is there already
                    new.rename(kept)
                    return kept
                with suppress(FileNotFoundError):  # it has just been removed, since nobody used it
                    self._locks.lock(kept)
                    if kept.exists():
                        return kept
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _copy(self, source: Path, new: Path) -> str:
        """Copy a plugin into a new folder; return the name that its content has."""
        digest, size = sha256(), 0
        is_zip = source.is_file() and source.suffix.lower() == ".zip"
        root = source.resolve() if source.is_dir() else source.resolve().parent
        files = [(source.name, source)] if is_zip else list(plugin_files(root, self._belongs))
        require_small(source, 0, len(files))
        base = new if is_zip else new / (root.name or "plugin")
        base.mkdir(exist_ok=True)
        for name, file in sorted(files):
            size += file.stat().st_size
            require_small(source, size, len(files))
            data = file.read_bytes()
            (base / name).parent.mkdir(parents=True, exist_ok=True)
            (base / name).write_bytes(data)
            digest.update(digest_entry(name, data))
        return digest.hexdigest()[:16]

    def _belongs(self, path: Path) -> bool:
        """Whether a file or a folder is the plugin's, and not what the store has beside itself."""
        return path.parent != self._folder.parent or not path.name.startswith(self._folder.stem)
