"""Import a plugin from a folder, a file in it, a zip, a module, or the names of a notebook."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from types import CodeType, ModuleType
from typing import Any

from sbh_jobkit.clock import bind_sleep
from sbh_jobkit.errors import PluginError, nearest
from sbh_jobkit.plugin import archive
from sbh_jobkit.plugin import manifest as _manifest
from sbh_jobkit.plugin.addresses import LONGEST
from sbh_jobkit.plugin.manifest import FILE, Manifest
from sbh_jobkit.plugin.marks import attributes_of
from sbh_jobkit.plugin.modules import ModuleSpace
from sbh_jobkit.plugin.sdk import declarations

_real: ContextVar[bool] = ContextVar("real", default=False)
OUTPUT_HISTORY = re.compile(r"_{1,3}|_\d+")
"""The names in which IPython keeps the results of cells, which may be older versions of jobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The parts of a plugin, from any of these places."""

    manifest: Manifest
    names: Mapping[str, Any]
    """The names that its entry defines."""
    typed: str
    """The argument that loads the plugin again."""
    root: Path | None = None
    declared: tuple[Any, ...] = ()
    """Every function that was decorated while the entry was imported, in order."""
    notes: tuple[str, ...] = ()
    """What its modules did to the machine when they were imported, each with its line."""
    close: Callable[[], object] = lambda: None
    """Removes its modules and the unpacked files."""
    compiled: Mapping[str, CodeType] = field(default_factory=dict)
    """The code of its modules, by path; those that a job imports are added when they are imported."""
    reached: set[tuple[str, int]] | None = None
    """The lines that ran when its modules were imported, as file and number; None where nobody has noted them."""
    again: Callable[[], Source] | None = None
    """Imports the same text once more, with variables as at first; None for a plugin that is not read from files."""

    @property
    def offered(self) -> list[Any]:
        """The values of the entry: its functions in order, even those that a later one of the same name replaced."""
        wrappers, home = _wrappers(self.names), self.names.get("__name__")
        own = [wrappers.get(id(function), function) for function in self.declared if _home(function) == home]
        return [*own, *self.names.values()]

    @property
    def elsewhere(self) -> list[Any]:
        """The functions that other modules of the plugin decorate and that the entry does not import."""
        wrappers, home = _wrappers(self.names), self.names.get("__name__")
        return [function for function in self.declared if _home(function) != home and id(function) not in wrappers]


def load_source(source: str | Path | ModuleType | Mapping[str, Any], given: Manifest | None) -> Source:
    """Import a plugin; a manifest in `given` replaces its own."""
    if isinstance(source, ModuleType):
        return _from_module(source, given)
    if isinstance(source, Mapping):
        if isinstance(source, MutableMapping):
            bind_sleep(source)
        found = given or Manifest(slug="notebook", name="Notebook")
        names = {name: value for name, value in source.items() if not OUTPUT_HISTORY.fullmatch(f"{name}")}
        return Source(manifest=found, names=names, typed=found.slug)
    if not isinstance(source, (str, Path)):
        msg = f"cannot load a plugin from {source!r}; give a path, a module or a mapping of names"
        raise PluginError(msg)
    path = Path(source)
    if not path.exists():
        raise PluginError(no_such_path(path))
    is_zip = path.suffix.lower() == ".zip" and path.is_file()
    return replace(_from_zip(path, given) if is_zip else _from_files(path, given), typed=str(source))


def no_such_path(path: Path) -> str:
    """Return the error for a path that does not exist, with the nearest file or folder beside it."""
    beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
    near = nearest(path.name, (name for name in beside if not name.startswith(".")))
    hint = "give a plugin's directory, its plugin.json, main.py or zip"
    return f"no such path: {str(path)!r}; {hint if near is None else f'did you mean {str(path.with_name(near))!r}?'}"


def load_edited(root: Path, found: Manifest, text: str) -> Source:
    """Import a plugin from its folder, with another text in its entry file."""
    return _from_folder(root, found, root, text)


def _from_module(module: ModuleType, given: Manifest | None) -> Source:
    bind_sleep(vars(module))
    file = getattr(module, "__file__", None)
    root = Path(file).resolve().parent if file else None
    if given is None and root and (root / FILE).is_file():
        given = _read(root, root)
    found = given or Manifest(slug=_slug(module.__name__), name=module.__name__)
    return Source(manifest=found, names=vars(module), root=root, typed=str(root) if root else found.slug)


def _from_zip(path: Path, given: Manifest | None) -> Source:
    with ExitStack() as undo:
        folder = Path(mkdtemp(prefix="sbh-plugin-"))
        undo.callback(rmtree, folder, ignore_errors=True)
        archive.unpack(path, folder)
        source = _from_folder(folder, given or _read(folder, path), path)
        undo.callback(source.close)
        return replace(source, close=undo.pop_all().close)


def _from_files(path: Path, given: Manifest | None) -> Source:
    if path.is_dir():
        if given is None and not (path / FILE).is_file():
            msg = f"{path} has no {FILE}; a plugin is a directory with {FILE} and main.py"
            raise PluginError(msg)
        return _from_folder(path, given or _read(path, path), path)
    folder = path.parent
    if path.name == FILE:
        return _from_folder(folder, given or _read(folder, folder), folder)
    if path.suffix != ".py":
        msg = f"{path} is not a plugin; give a directory, a plugin.json, a .py file or a .zip"
        raise PluginError(msg)
    if given is None and (folder / FILE).is_file():
        found = _read(folder, folder)
        given = found if found.entry == path.name else None
    slug = _slug(path.resolve().parent.name)
    return _from_folder(folder, given or Manifest(slug=slug, name=slug, entry=path.name), folder)


def _from_folder(
    folder: Path, found: Manifest, shown: Path, text: str | None = None, compiled: dict[str, CodeType] | None = None
) -> Source:
    """Import the entry of a folder; messages show the path that the author typed, `shown`."""
    root = folder.resolve()
    entry = root / found.entry
    if not entry.is_file():
        msg = f"{shown / FILE}: $.entry: there is no file {found.entry!r} in {shown}"
        raise PluginError(msg)
    space = ModuleSpace(root, guarded=not _real.get(), compiled=compiled)
    with declarations() as declared:
        module = space.load(entry, edited=text)
    if not isinstance(module, ModuleType):
        space.close()
        msg = f"{shown / found.entry}: it replaces itself in sys.modules by a {type(module).__name__}; leave that out"
        raise PluginError(msg)
    return Source(
        manifest=found,
        names=vars(module),
        typed=str(shown),
        root=root,
        declared=tuple(declared),
        notes=space.notes,
        close=space.close,
        compiled=space.compiled,
        reached=space.reached,
        again=lambda: _from_folder(folder, found, shown, text, space.compiled),
    )


@contextmanager
def real_imports() -> Iterator[None]:
    """Load plugins in this block for real runs: on the machine's clock, with its network, and without a limit."""
    token = _real.set(True)
    try:
        yield
    finally:
        _real.reset(token)


def _read(folder: Path, shown: Path) -> Manifest:
    try:
        text = (folder / FILE).read_bytes()
    except OSError as error:
        msg = f"{shown / FILE} cannot be read: {error.strerror}"
        raise PluginError(msg) from error
    return _manifest.read(text, str(shown / FILE))


def _slug(name: str) -> str:
    slug = re.sub(r"[^A-Za-z0-9_-]", "-", name)[:LONGEST]
    return slug if any(sign.isalnum() for sign in slug) else "plugin"


def _home(function: Any) -> str | None:
    return getattr(function, "__module__", None)


def _wrappers(names: Mapping[str, Any]) -> dict[int, Any]:
    """Map the id of each value, and of the functions that it wraps by `functools.wraps`, to the value."""
    found: dict[int, Any] = {}
    for value in names.values():
        inner = value
        while inner is not None and id(inner) not in found:
            found[id(inner)] = value
            inner = attributes_of(inner).get("__wrapped__")
    return found
