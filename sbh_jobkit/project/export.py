"""Export a notebook as a plugin's directory: its files, first tests, and a zip to upload.

The file `.sbh-export` records the digest of each exported file, in the format of `sha256sum -c`. So a later export
replaces the files of an earlier one, but not files that were changed or added since.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from inspect import unwrap
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FunctionType
from typing import TYPE_CHECKING, Any

from sbh_jobkit.check.check import check
from sbh_jobkit.errors import ExportError, JobkitError
from sbh_jobkit.plugin.manifest import Manifest
from sbh_jobkit.plugin.places import authors_terms
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.project.agreement import disagreements
from sbh_jobkit.project.first_tests import FILE as TESTS
from sbh_jobkit.project.first_tests import make_tests
from sbh_jobkit.project.plugin import ENTRY, MANIFEST, PluginFiles, make_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sbh_jobkit.project.code.cells import Cell

RECORD = ".sbh-export"
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_VERSION = "0.1.0"
_WOULD_NOT_WORK = "the exported plugin would not work: "


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Export:
    """The result of an export."""

    folder: Path
    files: tuple[str, ...]
    """The paths of the written files in the folder."""
    notes: tuple[str, ...] = ()
    """Notes for the author, a sentence each."""

    def __repr__(self) -> str:
        """Return the folder, the files and the notes."""
        return "\n".join([f"{self.folder}: {', '.join(self.files)}", *(f"note: {note}" for note in self.notes)])


def export_plugin(
    cells: Iterable[tuple[int, str] | Cell],
    names: Mapping[str, Any],
    folder: str | Path,
    *,
    force: bool = False,
    manifest: Manifest | None = None,
    loaded: Plugin | None = None,
) -> Export:
    """Export a notebook's cells, (number, text) in the order in which they ran, and its names to a plugin's directory.

    Runs each job once, in virtual time and in the notebook's world, to write tests that pass. Raises ExportError, and
    writes nothing, if something cannot be exported (a sentence for each problem), or if the folder has changed or
    unknown files and `force` is not set. Slug and name come from the manifest, or else from the folder's name.
    `loaded` is the plugin that the notebook has loaded: its zone and its `world.py` count where the cells name none.
    """
    target = Path(folder)
    made = make_files(cells, names, manifest or named_after(target), loaded)
    plugin_files, tests, notes = _tested(made, names)
    contents = {name: text.encode() for name, text in {**plugin_files.files, TESTS: tests}.items()}
    contents[f"{plugin_files.manifest.slug}.zip"] = package({name: contents[name] for name in (MANIFEST, ENTRY)})
    _write(target, contents, force=force)
    return Export(folder=target, files=tuple(contents), notes=(*plugin_files.notes, *notes))


def package(contents: Mapping[str, bytes]) -> bytes:
    """Return the zip to upload: the same bytes for the same files, on any machine."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in contents.items():
            member = zipfile.ZipInfo(name, _ZIP_EPOCH)
            member.external_attr = 0o644 << 16
            member.create_system = 3  # Unix, also on other systems
            archive.writestr(member, data)
    return buffer.getvalue()


def named_after(folder: Path) -> Manifest:
    """Return a manifest with the folder's name as slug and name."""
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", folder.resolve().name).strip("-") or "plugin"
    return Manifest(slug=slug, name=re.sub(r"[-_]+", " ", slug).title(), version=_VERSION)


def _tested(made: PluginFiles, names: Mapping[str, Any]) -> tuple[PluginFiles, str, list[str]]:
    """Return the files with the world of the loaded plugin, if it works in another folder, their tests, and notes."""
    if made.loaded_world is not None:
        try:
            copied = made.with_loaded_world()
            return copied, *_make_tests(copied, names)
        except ExportError as error:
            made = made.without_loaded_world(str(error).removeprefix(_WOULD_NOT_WORK))
    return made, *_make_tests(made, names)


def _make_tests(plugin_files: PluginFiles, names: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Load the exported files and run the jobs, to find problems before anything is written."""
    with TemporaryDirectory(prefix="sbh-export-") as folder:
        for name, text in plugin_files.files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        try:
            plugin = Plugin.load(folder)
            problems, differ = disagreements(plugin_files.code, names, _names(plugin))
            tests, notes = ("", []) if problems else make_tests(plugin)
        except JobkitError as error:
            msg = f"{_WOULD_NOT_WORK}{authors_terms(str(error), Path(folder))}"
            raise ExportError([msg]) from error
        if problems:
            raise ExportError(problems)
        found = [f"check: {finding.file}:{finding.line}: {finding.message}" for finding in check(folder)]
        return tests, [*differ, *notes, *found]


def _names(plugin: Plugin) -> Mapping[str, Any]:
    """Return the names of a plugin's entry."""
    functions = [
        *(job.function for job in plugin.jobs.values()),
        *(route.function for route in plugin.routes),
        *(hook.function for hook in plugin.hooks),
    ]
    return next((unwrap(each).__globals__ for each in functions if isinstance(each, FunctionType)), {})


def _write(folder: Path, contents: Mapping[str, bytes], *, force: bool) -> None:
    try:
        before = _recorded(folder)
        held = {name: (folder / name).read_bytes() for name in {*contents, *before} if (folder / name).is_file()}
        ours = {name for name, data in held.items() if before.get(name) == _digest(data)}
        others = sorted(name for name in {*held} & {*contents} if name not in ours and held[name] != contents[name])
        if others and not force:
            what = f"{folder} has files that an export did not write, or that changed since: {', '.join(others)}"
            raise ExportError([f"{what}; nothing was written, export to another folder or use force"])
        for name in ours - {*contents}:
            (folder / name).unlink()
        for name, data in {**contents, RECORD: _record(contents)}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    except OSError as error:
        msg = f"{folder} cannot be written: {error.strerror or error}"
        raise ExportError([msg]) from error


def _recorded(folder: Path) -> dict[str, str]:
    """Return the digests of the files of an earlier export, by path."""
    if not (folder / RECORD).is_file():
        return {}
    lines = (folder / RECORD).read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines) if name}


def _record(contents: Mapping[str, bytes]) -> bytes:
    return "".join(f"{_digest(data)}  {name}\n" for name, data in sorted(contents.items())).encode()


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()
