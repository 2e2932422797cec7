"""Where an author keeps a plugin: a folder, a file in it, a zip, a module, or a notebook's names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from types import ModuleType
from typing import Any

from sbh_jobkit.clock import bind_sleep
from sbh_jobkit.errors import PluginError
from sbh_jobkit.plugin import archive
from sbh_jobkit.plugin import manifest as _manifest
from sbh_jobkit.plugin.manifest import FILE, Manifest
from sbh_jobkit.plugin.modules import ModuleSpace
from sbh_jobkit.plugin.sdk import declarations

_PAST_OUTPUT = re.compile(r"_{1,3}|_\d+")
"""The names under which IPython keeps what cells returned, jobs among it that were defined anew since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a plugin is made of, wherever it came from."""

    manifest: Manifest
    names: Mapping[str, Any]
    """What its entry defines."""
    typed: str
    """What an author would type to load it again."""
    root: Path | None = None
    declared: tuple[Any, ...] = ()
    """Every function that was decorated while the entry was imported, in that order."""
    close: Callable[[], object] = lambda: None
    """Forgets its modules and removes what was unpacked."""

    @property
    def offered(self) -> list[Any]:
        """What the entry offers: its functions in their order, also those that a later one of the name hides."""
        stand_ins, home = _stand_ins(self.names), self.names.get("__name__")
        own = [stand_ins.get(id(function), function) for function in self.declared if _home(function) == home]
        return [*own, *self.names.values()]

    @property
    def elsewhere(self) -> list[Any]:
        """What siblings declare and the entry does not offer."""
        stand_ins, home = _stand_ins(self.names), self.names.get("__name__")
        return [function for function in self.declared if _home(function) != home and id(function) not in stand_ins]


def find(source: str | Path | ModuleType | Mapping[str, Any], given: Manifest | None) -> Source:
    """Import a plugin from wherever it is; a manifest that is given wins over its own."""
    if isinstance(source, ModuleType):
        return _of_module(source, given)
    if isinstance(source, Mapping):
        if isinstance(source, MutableMapping):
            bind_sleep(source)
        found = given or Manifest(slug="notebook", name="Notebook")
        names = {name: value for name, value in source.items() if not _PAST_OUTPUT.fullmatch(f"{name}")}
        return Source(manifest=found, names=names, typed=found.slug)
    if not isinstance(source, (str, Path)):
        msg = f"a plugin is loaded from a path, a module or a mapping of names, not from {source!r}"
        raise PluginError(msg)
    path = Path(source)
    if not path.exists():
        msg = f"no such path: {str(source)!r}; give a plugin's directory, its plugin.json, main.py or zip"
        raise PluginError(msg)
    is_zip = path.suffix.lower() == ".zip" and path.is_file()
    return replace(_of_zip(path, given) if is_zip else _of_files(path, given), typed=str(source))


def edited(root: Path, found: Manifest, text: str) -> Source:
    """Import a plugin from its folder with a text in place of its entry's."""
    return _of_folder(root, found, root, text)


def _of_module(module: ModuleType, given: Manifest | None) -> Source:
    bind_sleep(vars(module))
    file = getattr(module, "__file__", None)
    root = Path(file).resolve().parent if file else None
    if given is None and root and (root / FILE).is_file():
        given = _read(root, root)
    found = given or Manifest(slug=_slug(module.__name__), name=module.__name__)
    return Source(manifest=found, names=vars(module), root=root, typed=str(root) if root else found.slug)


def _of_zip(path: Path, given: Manifest | None) -> Source:
    with ExitStack() as undo:
        folder = Path(mkdtemp(prefix="sbh-plugin-"))
        undo.callback(rmtree, folder, ignore_errors=True)
        archive.unpack(path, folder)
        source = _of_folder(folder, given or _read(folder, path), path)
        undo.callback(source.close)
        return replace(source, close=undo.pop_all().close)


def _of_files(path: Path, given: Manifest | None) -> Source:
    if path.is_dir():
        if given is None and not (path / FILE).is_file():
            msg = f"{path} has no {FILE}; a plugin is a directory with {FILE} and main.py"
            raise PluginError(msg)
        return _of_folder(path, given or _read(path, path), path)
    folder = path.parent
    if path.name == FILE:
        return _of_folder(folder, given or _read(folder, folder), folder)
    if path.suffix != ".py":
        msg = f"{path} is not a plugin; give a directory, a plugin.json, a .py file or a .zip"
        raise PluginError(msg)
    if given is None and (folder / FILE).is_file():
        found = _read(folder, folder)
        given = found if found.entry == path.name else None
    slug = _slug(path.resolve().parent.name) or "plugin"
    return _of_folder(folder, given or Manifest(slug=slug, name=slug, entry=path.name), folder)


def _of_folder(folder: Path, found: Manifest, shown: Path, text: str | None = None) -> Source:
    """Import the entry of a folder, which messages call as the author does."""
    root = folder.resolve()
    entry = root / found.entry
    if not entry.is_file():
        msg = f"{shown / FILE}: $.entry: there is no file {found.entry!r} in {shown}"
        raise PluginError(msg)
    space = ModuleSpace(root)
    with declarations() as declared:
        names = vars(space.load(entry, edited=text))
    return Source(manifest=found, names=names, typed=str(shown), root=root, declared=tuple(declared), close=space.close)


def _read(folder: Path, shown: Path) -> Manifest:
    try:
        text = (folder / FILE).read_bytes()
    except OSError as error:
        msg = f"{shown / FILE} cannot be read: {error.strerror}"
        raise PluginError(msg) from error
    return _manifest.read(text, str(shown / FILE))


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)


def _home(function: Any) -> str | None:
    return getattr(function, "__module__", None)


def _stand_ins(names: Mapping[str, Any]) -> dict[int, Any]:
    """Map what the names hold, and what that wraps by `functools.wraps`, by id, to what the names hold."""
    found: dict[int, Any] = {}
    for value in names.values():
        inner = value
        while inner is not None and id(inner) not in found:
            found[id(inner)] = value
            inner = getattr(inner, "__dict__", {}).get("__wrapped__")
    return found
