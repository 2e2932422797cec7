"""Uploads that were replaced: their folders are removed once no run and no other scheduler uses them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from sbh_jobkit.engines import installations
from sbh_jobkit.engines.folders import FolderLocks, remove_unused
from sbh_jobkit.engines.schema import GOING, job_run

if TYPE_CHECKING:
    from sbh_jobkit.engines.store import Store


class Uploads:
    """The folder of uploads: TENANT/PLUGIN/VERSION."""

    def __init__(self, folder: Path) -> None:
        """Use none of them yet."""
        self.folder = folder
        self._locks = FolderLocks()

    def use(self, path: Path) -> None:
        """Keep an upload, since it is served from now on."""
        self._locks.lock(path)

    def close(self) -> None:
        """Keep nothing any more."""
        self._locks.close()

    def sweep(self, store: Store) -> None:
        """Remove what is not installed any more, unless a run of its plugin goes on, which may use it."""
        with store.read() as connection:
            kept = {Path(each.path) for each in installations.read(connection) if each.is_uploaded}
            c = job_run.c
            rows = connection.execute(select(c.tenant, c.plugin).where(c.state.in_(GOING)).distinct())
            going = {(row.tenant, row.plugin) for row in rows}
        for path in self.folder.glob("*/*/*") if self.folder.is_dir() else ():
            tenant, slug, _ = path.parts[-3:]
            if path not in kept and (tenant, slug) not in going and not tenant.startswith("."):
                self._locks.release(path)
                remove_unused(path)
