"""Imports a plugin's files so that they find each other, and never the files of another plugin.

Every plugin gets its own package below `sbh_plugins`, and its modules get an `__import__` that looks among their
siblings first. Nothing is added to `sys.path` or replaced in `sys.modules`, so two plugins with a `main.py` each,
imports inside functions, and threads all work (today's host mixes plugins up: D34).
"""

from __future__ import annotations

import builtins
import sys
from contextlib import nullcontext
from datetime import UTC
from functools import cache
from importlib import import_module
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbh_jobkit import clock
from sbh_jobkit.clock import sleep_bound
from sbh_jobkit.errors import PluginError, TimeLimitExceeded
from sbh_jobkit.machine import interrupts, lines
from sbh_jobkit.machine.guard import note_import
from sbh_jobkit.machine.importing import SECONDS, Importing
from sbh_jobkit.plugin import silent
from sbh_jobkit.plugin.places import PACKAGE, call_place, explain, raised_at
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from types import CodeType, ModuleType

_numbers = count(1)
_spaces: dict[str, ModuleSpace] = {}


class ModuleSpace:
    """The modules of one plugin, in its folder."""

    def __init__(self, root: Path, *, guarded: bool = True, compiled: dict[str, CodeType] | None = None) -> None:
        """Give the folder its own package name; `guarded=False` imports its modules as Python does, for real runs.

        `compiled` has the code of an earlier space of the same folder, by path, which then counts instead of the files.
        """
        self.root = root
        self.guarded = guarded
        self.notes: tuple[str, ...] = ()
        """What the modules did to the machine when they were imported, each with its line."""
        self.reached: set[tuple[str, int]] | None = None
        """The lines that ran when the modules were imported, as file and number; None where nobody has noted them."""
        self.compiled = {} if compiled is None else compiled
        """The code of the modules that have been imported, by path."""
        self.package = f"{PACKAGE}.p{next(_numbers)}"
        self._builtins = {**vars(builtins), "__import__": self._import, silent.NAME: silent.swallowed}
        self._is_sibling: Callable[[str], bool] = cache(self._look_for)
        self._entry: tuple[str, Path] | None = None
        self._edited: str | None = None
        self._why = ""
        _spaces[self.package] = self
        _install()
        sys.modules.setdefault(PACKAGE, _package(PACKAGE, []))
        sys.modules[self.package] = _package(self.package, [str(root)])

    def load(self, path: Path, called: str = "the plugin's entry", *, edited: str | None = None) -> ModuleType:
        """Import one of the folder's files; raises PluginError with the file and line where it failed.

        The file's name need not be an identifier: `my.jobs.py` works. A failed import leaves no modules. The text in
        `edited` replaces the file's; no file is touched, and errors call it `main.py (edited)`.
        """
        self._edited, self._why = edited, ""
        path = path if edited is None else path.with_name(f"{path.name} (edited)")
        shown = path.relative_to(self.root)
        stem = shown.stem.replace(".", "-")  # a dot would be a package, a dash hides no sibling
        self._entry = (".".join([self.package, *shown.parts[:-1], stem]), path)
        try:
            with sleep_bound(), self._noted_lines():
                return self._imported(self._entry[0], called) if self.guarded else import_module(self._entry[0])
        except BaseException as error:
            self.close()
            if isinstance(error, KeyboardInterrupt) and interrupts.must_pass(error):
                raise
            if isinstance(error, TimeLimitExceeded):
                where = raised_at(error, self.root) or shown.as_posix()
                msg = f"{where}: the import takes longer than {SECONDS:g} s; do in a job what takes time"
                raise PluginError(msg) from None
            raise PluginError(self._why or explain(error, self.root, shown.as_posix(), called)) from error

    def _noted_lines(self) -> AbstractContextManager[object]:
        if not self.guarded or not lines.is_cheap():
            return nullcontext()
        watch = lines.LineWatch([], self.root)
        self.reached = watch.reached
        return watch

    def _imported(self, name: str, called: str) -> ModuleType:
        """Import a module in virtual time, away from the machine, and note what it does to it."""
        notes: dict[str, None] = {}

        def note(text: str) -> None:
            notes[": ".join(filter(None, (call_place(sys._getframe(1), self.root), text)))] = None  # noqa: SLF001

        at = times.instant(times.START, times.zone("UTC"))
        importing = Importing(self.root, clock.now(UTC) if clock.is_virtual() else at, at.tzinfo, note)  # type: ignore[arg-type] # a zone
        with importing:
            try:
                module = import_module(name)
            except BaseException as error:  # its text is code of the plugin, too
                otherwise = self._entry[1].relative_to(self.root).as_posix() if self._entry else ""
                self._why = explain(error, self.root, otherwise, called)
                raise
        if importing.failed is not None:
            raise importing.failed
        self.notes = tuple(notes)
        return module

    def find_spec(self, name: str, folders: Sequence[str], target: ModuleType | None) -> ModuleSpec | None:
        """Find a module of the plugin; its entry is found by the path of the file."""
        if self._entry and name == self._entry[0]:
            file = str(self._entry[1])
            return spec_from_file_location(name, file, loader=_Loader(name, file, self._edited))
        specs = (FileFinder(folder, (_Loader, [".py"])).find_spec(name, target) for folder in folders)
        return next(filter(None, specs), None)

    def close(self) -> None:
        """Remove the modules from `sys.modules`."""
        for name in list(sys.modules):  # a copy: garbage collection may close another space meanwhile
            if name == self.package or name.startswith(f"{self.package}."):
                del sys.modules[name]
        _spaces.pop(self.package, None)

    def _look_for(self, name: str) -> bool:
        if name in sys.stdlib_module_names:
            return False
        folder = self.root / name
        return (self.root / f"{name}.py").is_file() or (folder.is_dir() and any(folder.rglob("*.py")))

    def _import(
        self,
        name: str,
        names: Mapping[str, Any] | None = None,
        local_names: Mapping[str, Any] | None = None,
        wanted: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        top = name.partition(".")[0]
        if level or f"{name}.".startswith("src.ext.") or not self._is_sibling(top):
            if not level and top not in sys.stdlib_module_names:
                note_import(name, wanted, self.root, call_place(sys._getframe(1), self.root))  # noqa: SLF001  who imports
            return builtins.__import__(name, names, local_names, wanted or (), level)
        module = builtins.__import__(f"{self.package}.{name}", names, local_names, wanted or (), 0)
        return module if wanted else sys.modules[f"{self.package}.{top}"]


class _Loader(SourceFileLoader):
    """Compiles the source each time, so that an edit within the same second counts; writes no cache files."""

    def __init__(self, fullname: str, path: str, edited: str | None = None) -> None:
        super().__init__(fullname, path)
        self._edited = edited

    def get_data(self, path: str) -> bytes:
        return self._edited.encode() if self._edited is not None else super().get_data(path)

    def get_code(self, fullname: str) -> CodeType:
        compiled = _spaces[_package_of(fullname)].compiled
        if self.path not in compiled:
            compiled[self.path] = self._compile(fullname)
            lines.compiled(compiled[self.path])
        return compiled[self.path]

    def _compile(self, fullname: str) -> CodeType:
        data = self.get_data(self.get_filename(fullname))
        before, nul, _ = data.partition(b"\0")
        if nul:
            msg = "there is a NUL byte; save the file as UTF-8"
            raise SyntaxError(msg, (self.path, before.count(b"\n") + 1, None, None))
        heard = silent.compile_heard(data, self.path) if _spaces[_package_of(fullname)].guarded else None
        return self.source_to_code(data, self.path) if heard is None else heard

    def exec_module(self, module: ModuleType) -> None:
        space = _spaces[_package_of(module.__name__)]
        module.__dict__["__builtins__"] = space._builtins  # noqa: SLF001  the loader is a part of the space
        super().exec_module(module)


class _Finder:
    """Finds the modules of plugins, and no others."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        space = _spaces.get(_package_of(name))
        return space.find_spec(name, list(path or ()), target) if space else None


def _package_of(name: str) -> str:
    return ".".join(name.split(".")[:2])


def _package(name: str, folders: list[str]) -> ModuleType:
    """Return a real package, so that `importlib.resources` finds data beside its modules."""
    loader = _Loader(name, str(Path(folders[0], "__init__.py"))) if folders else None
    spec = ModuleSpec(name, loader, is_package=True)
    spec.submodule_search_locations = folders
    return module_from_spec(spec)


def _install() -> None:
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
