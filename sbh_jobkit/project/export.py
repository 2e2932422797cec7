"""A notebook becomes a plugin's directory: its files, first tests, and the zip that a host takes.

What was exported is noted in `.sbh-export`, as `sha256sum -c` reads it: so an export replaces what an earlier one
wrote, and leaves alone what somebody has written or changed since.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sbh_jobkit.check.check import check
from sbh_jobkit.errors import ExportError, JobkitError
from sbh_jobkit.plugin.manifest import Manifest
from sbh_jobkit.plugin.places import authors_terms
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.project.first_tests import FILE as TESTS
from sbh_jobkit.project.first_tests import first_tests
from sbh_jobkit.project.plugin import ENTRY, MANIFEST, Draft, draft

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RECORD = ".sbh-export"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_VERSION = "0.1.0"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Export:
    """What was written."""

    folder: Path
    files: tuple[str, ...]
    """Their paths in the folder."""
    notes: tuple[str, ...] = ()
    """What the author should know, a sentence each."""

    def __repr__(self) -> str:
        """Tell where what is, and what to know of it."""
        return "\n".join([f"{self.folder}: {', '.join(self.files)}", *(f"note: {note}" for note in self.notes)])


def export_plugin(
    cells: Iterable[tuple[int, str]],
    names: Mapping[str, Any],
    folder: str | Path,
    *,
    force: bool = False,
    manifest: Manifest | None = None,
) -> Export:
    """Make a plugin's directory of a notebook's cells, (number, text) in the order in which they ran, and its names.

    Runs the jobs once, in virtual time and in the world of the notebook, to write tests that pass. Nothing is written
    unless all can be: raises ExportError with a sentence for each thing that cannot be exported, or for files in the
    folder that no export wrote, unless `force`. A manifest gives slug, name, version and so on; else the folder does.
    """
    target = Path(folder)
    drafted = draft(cells, names, manifest or _named_after(target))
    tests, told = _tried(drafted)
    contents = {name: text.encode() for name, text in {**drafted.files, TESTS: tests}.items()}
    contents[f"{drafted.about.slug}.zip"] = package({name: contents[name] for name in (MANIFEST, ENTRY)})
    _write(target, contents, force=force)
    return Export(folder=target, files=tuple(contents), notes=(*drafted.notes, *told))


def package(contents: Mapping[str, bytes]) -> bytes:
    """Make the zip that a host takes: the same bytes for the same files, on any machine."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in contents.items():
            member = zipfile.ZipInfo(name, _LONG_AGO)
            member.external_attr = 0o644 << 16
            member.create_system = 3  # Unix, also where this is none
            archive.writestr(member, data)
    return buffer.getvalue()


def _named_after(folder: Path) -> Manifest:
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", folder.resolve().name).strip("-") or "plugin"
    return Manifest(slug=slug, name=re.sub(r"[-_]+", " ", slug).title(), version=_VERSION)


def _tried(drafted: Draft) -> tuple[str, list[str]]:
    """Load what will be written and run it, so that nobody meets in the files what could be told now."""
    with TemporaryDirectory(prefix="sbh-export-") as folder:
        for name, text in drafted.files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        try:
            tests, told = first_tests(Plugin.load(folder))
        except JobkitError as error:
            msg = f"what was exported would not work: {authors_terms(str(error), Path(folder))}"
            raise ExportError([msg]) from error
        found = [f"check: {finding.file}:{finding.line}: {finding.message}" for finding in check(folder)]
        return tests, [*told, *found]


def _write(folder: Path, contents: Mapping[str, bytes], *, force: bool) -> None:
    try:
        before = _recorded(folder)
        held = {name: (folder / name).read_bytes() for name in {*contents, *before} if (folder / name).is_file()}
        ours = {name for name, data in held.items() if before.get(name) == _digest(data)}
        others = sorted(name for name in {*held} & {*contents} if name not in ours and held[name] != contents[name])
        if others and not force:
            told = f"{folder} has {', '.join(others)}, which no export wrote, or which changed since"
            raise ExportError([f"{told}; nothing was written: export elsewhere, or with force"])
        for name in ours - {*contents}:
            (folder / name).unlink()
        for name, data in {**contents, RECORD: _record(contents)}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    except OSError as error:
        msg = f"{folder} cannot be written: {error.strerror or error}"
        raise ExportError([msg]) from error


def _recorded(folder: Path) -> dict[str, str]:
    """Return the digests of what an earlier export wrote, by path."""
    if not (folder / RECORD).is_file():
        return {}
    lines = (folder / RECORD).read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines) if name}


def _record(contents: Mapping[str, bytes]) -> bytes:
    return "".join(f"{_digest(data)}  {name}\n" for name, data in sorted(contents.items())).encode()


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()
