"""Plugins on their way to workers: a zip in the store, named by the digest of its files, and a folder where they run.

Each worker fetches a package once and keeps it unpacked beside others. What is in the folder is compared with the
digest before each run, so a plugin whose files were changed, here or in the store, does not run.
"""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING

from sqlalchemy import select

from sbh_jobkit.engines.folders import digest_entry, plugin_files
from sbh_jobkit.engines.instants import now, now_in, to_store
from sbh_jobkit.engines.schema import insert, package
from sbh_jobkit.errors import PluginError
from sbh_jobkit.plugin.archive import check_members, unpack
from sbh_jobkit.plugin.manifest import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.store import Store

_DATE = (1980, 1, 1, 0, 0, 0)
"""Of each file in a zip, so that equal files give equal zips."""
_MOST_BYTES = 1 << 30


class PackageChanged(PluginError):  # noqa: N818  what is the matter, not an error of the program
    """A package whose files are not those that its digest names."""


def pack(source: Path) -> tuple[str, bytes]:
    """Return the digest and the zip of a plugin: a folder with plugin.json, or a zip; raises PluginError."""
    if source.is_file() and source.suffix.lower() == ".zip":
        with TemporaryDirectory(prefix="sbh-pack-") as folder:
            unpack(source, Path(folder))
            return pack(Path(folder))
    if not (source / FILE).is_file():
        example = '{"slug": "shop", "name": "Shop"}'
        advice = f'write one with "slug" and "name", such as {example}'
        msg = f"{source} has no {FILE}, so it cannot be brought to workers; {advice}"
        raise PluginError(msg)
    written, digest = io.BytesIO(), sha256()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in _files(source):
            archive.writestr(zipfile.ZipInfo(name, _DATE), data)
            digest.update(digest_entry(name, data))
        check_members(source, archive.infolist())  # what workers would refuse never reaches them
    return digest.hexdigest(), written.getvalue()


def digest_of(folder: Path) -> str:
    """Return the digest of the names and the contents of the files below a folder."""
    digest = sha256()
    for name, data in _files(folder):
        digest.update(digest_entry(name, data))
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a plugin by name, with what is in them."""
    for name, path in sorted(plugin_files(folder)):
        yield name, path.read_bytes()


def put(connection: Connection, digest: str, data: bytes) -> None:
    """Keep a package in the store, unless it is there."""
    new = {"digest": digest, "data": data, "created_at": to_store(now_in(connection))}
    connection.execute(insert(connection, package).values(**new).on_conflict_do_nothing())


class PackageCache:
    """The packages that a worker has fetched, in a folder."""

    def __init__(self, store: Store, folder: Path, *, most_bytes: int = _MOST_BYTES) -> None:
        """Keep them in `folder`, which is made; beyond `most_bytes` those go that were not used for longest."""
        self._store = store
        self._folder = folder
        self._most_bytes = most_bytes
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def folder(self, digest: str) -> Path:
        """Return the folder of a package, which is fetched if it is not there.

        Raises PackageChanged where its files are not those of the digest, and PluginError where the store lacks it.
        """
        kept = self._folder / digest
        if not kept.is_dir():
            self._fetch(digest, kept)
            self._make_room(kept)
        self._require(digest, kept, "in the worker's cache")
        with suppress(OSError):
            os.utime(kept, (now(), now()))  # when it was last used, exactly: the machine's own times are coarse
        return kept

    def _fetch(self, digest: str, kept: Path) -> None:
        with self._store.read() as connection:
            data = connection.execute(select(package.c.data).where(package.c.digest == digest)).scalar()
        if data is None:
            msg = f"the store has no package {digest}; upload the plugin again"
            raise PluginError(msg)
        new = Path(mkdtemp(prefix=".new-", dir=self._folder))
        try:
            archive = new / "package.zip"
            archive.write_bytes(data)
            try:
                unpack(archive, new / "files")
            except PluginError as error:
                msg = f"the package {digest} in the store is damaged: {error}".replace(f"{archive}", "it")
                raise PackageChanged(msg) from error
            self._require(digest, new / "files", "in the store")
            with suppress(OSError):  # another worker of this machine was faster
                (new / "files").rename(kept)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _require(self, digest: str, folder: Path, where: str) -> None:
        found = digest_of(folder)
        if found != digest:
            msg = f"the package {where} was changed: expected {digest}, found {found}; upload the plugin again"
            raise PackageChanged(msg)

    def _make_room(self, newest: Path) -> None:
        """Remove packages that were not used for longest, until the others fit."""
        kept = sorted(self._folder.glob("[0-9a-f]*"), key=lambda path: path.stat().st_mtime, reverse=True)
        left = self._most_bytes
        for path in kept:
            left -= sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            if left < 0 and path != newest:
                shutil.rmtree(path, ignore_errors=True)
