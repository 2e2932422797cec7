"""Importing a plugin's files so that they see each other and no other plugin's.

Every plugin gets a package of its own below `sbh_plugins`, and its modules get an `__import__` that looks among
their siblings first. Nothing is put on `sys.path` and nothing in `sys.modules` is swapped, so two plugins with
a `main.py` each, imports inside functions and threads all work (the host mixes plugins up: D34).
"""

from __future__ import annotations

import builtins
import importlib
import sys
import traceback
from functools import cache
from importlib.machinery import FileFinder, SourceFileLoader
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sbh_jobkit.clock import sleep_bound
from sbh_jobkit.errors import JobkitError, LimitExceeded, PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, FrameType

_HOME = "sbh_plugins"
_numbers = count(1)
_spaces: dict[str, ModuleSpace] = {}


class ModuleSpace:
    """The modules of one plugin, found in its folder."""

    def __init__(self, root: Path) -> None:
        """Give the folder a package name of its own."""
        self.root = root
        self.package = f"{_HOME}.p{next(_numbers)}"
        self._builtins = {**vars(builtins), "__import__": self._import}
        self._is_sibling: Callable[[str], bool] = cache(self._look_for)
        _spaces[self.package] = self
        _install()
        for name, path in ((_HOME, []), (self.package, [str(root)])):
            if name not in sys.modules:
                package = ModuleType(name)
                package.__path__ = path
                sys.modules[name] = package

    def load(self, path: Path) -> ModuleType:
        """Import one of the folder's files; raises PluginError with the file and line where it failed."""
        name = ".".join(path.relative_to(self.root).with_suffix("").parts)
        try:
            with sleep_bound():
                return importlib.import_module(f"{self.package}.{name}")
        except (Exception, SystemExit, LimitExceeded) as error:
            raise PluginError(explain(error, self.root)) from error

    def close(self) -> None:
        """Forget the modules."""
        for name in [name for name in sys.modules if name == self.package or name.startswith(f"{self.package}.")]:
            del sys.modules[name]
        _spaces.pop(self.package, None)

    def _look_for(self, name: str) -> bool:
        if name in sys.stdlib_module_names:
            return False
        folder = self.root / name
        return (self.root / f"{name}.py").is_file() or (folder.is_dir() and any(folder.glob("*.py")))

    def _import(
        self,
        name: str,
        names: Mapping[str, Any] | None = None,
        local_names: Mapping[str, Any] | None = None,
        wanted: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        top = name.partition(".")[0]
        if level or name.startswith("src.ext") or not self._is_sibling(top):
            return builtins.__import__(name, names, local_names, wanted or (), level)
        module = builtins.__import__(f"{self.package}.{name}", names, local_names, wanted or (), 0)
        return module if wanted else sys.modules[f"{self.package}.{top}"]


class _Loader(SourceFileLoader):
    """Compiles afresh each time, so that an edit within the same second counts, and writes no cache files."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.get_filename(fullname)), self.path)

    def exec_module(self, module: ModuleType) -> None:
        space = _spaces[".".join(module.__name__.split(".")[:2])]
        module.__dict__["__builtins__"] = space._builtins  # noqa: SLF001  the loader is a part of the space
        super().exec_module(module)


class _Finder:
    """Finds modules of plugins' packages, and nothing else."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not name.startswith(f"{_HOME}."):
            return None
        for folder in path or ():
            spec = FileFinder(folder, (_Loader, [".py"])).find_spec(name, target)
            if spec is not None:
                return spec
        return None


def _install() -> None:
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


def place(frames: Sequence[tuple[str, int]], root: Path | None) -> str | None:
    """Return `main.py:7` for the last of the frames (file, line) that stands in the plugin."""
    for filename, line in reversed(frames):
        shown = shown_path(filename, root)
        if shown is not None:
            return f"{shown}:{line}"
    return None


def shown_path(filename: str, root: Path | None) -> str | None:
    """Return a file's path as the plugin's author knows it, or None for a file that is not the plugin's."""
    if root is None:
        return None if _is_ours(filename) else filename.rpartition("/")[2]
    path = Path(filename)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else None


@cache
def _is_ours(filename: str) -> bool:
    folder = str(Path(__file__).parent)
    return filename.startswith((folder, "<frozen", sys.prefix, sys.base_prefix))


def call_place(frame: FrameType | None, root: Path | None) -> str | None:
    """Return `main.py:7` for the innermost call that the plugin's own code made."""
    while frame is not None:
        shown = shown_path(frame.f_code.co_filename, root)
        if shown is not None:
            return f"{shown}:{frame.f_lineno}"
        frame = frame.f_back
    return None


def explain(error: BaseException, root: Path) -> str:
    """Say where in the plugin an import failed and why, in one line and in its author's terms."""
    if isinstance(error, SyntaxError) and error.filename:
        shown = shown_path(error.filename, root) or error.filename
        return f"{shown}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = [(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)]
    where = place(frames, root) or root.name
    if isinstance(error, JobkitError):
        return f"{where}: {error}"
    hint = ""
    if isinstance(error, ModuleNotFoundError) and error.name:
        hint = f"; install it, or put {error.name}.py beside the plugin's entry"
    return f"{where}: {type(error).__name__}: {error}{hint}"
