"""Makes `from src.ext.sdk import …` work without a host checkout.

The finder is the last one in `sys.meta_path`, so a real host checkout on `sys.path` wins. If a user's repository has
its own `src` folder, that package is found first, and only `src.ext` is added.
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False  # as in typing, which would cost more than all of this
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

_SDK = "src.ext.sdk"
_DECORATORS = ("generator_hook", "hook", "job", "llm_filter", "route")


def install() -> None:
    """Make `src.ext.sdk` importable in this process; doing it twice changes nothing."""
    if not any(isinstance(finder, SdkFinder) for finder in sys.meta_path):
        sys.meta_path.append(SdkFinder())


class SdkFinder:
    """Finds `src`, `src.ext` and `src.ext.sdk` if nothing else did."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find one of the three by its name."""
        del path, target
        if name == _SDK:
            return ModuleSpec(name, self, origin="sbh_jobkit")  # type: ignore[arg-type] # as above
        if not _SDK.startswith(f"{name}."):
            return None
        return ModuleSpec(name, self, origin="sbh_jobkit", is_package=True)  # type: ignore[arg-type] # as above

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave it to Python's default."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill a module."""
        if module.__name__ != _SDK:
            module.__path__ = _Folders(module.__name__)  # type: ignore[assignment] # any iterable will do
            return
        sdk = importlib.import_module("sbh_jobkit.plugin.sdk")
        module.__doc__ = sdk.__doc__
        context = importlib.import_module("sbh_jobkit.context.context")
        vars(module).update({name: getattr(sdk, name) for name in _DECORATORS})
        vars(module).update(PluginContext=context.PluginContext, __all__=["PluginContext", *_DECORATORS])


class _Folders:
    """The folders where `src` may be now, also those that were added to `sys.path` after the SDK was imported."""

    def __init__(self, name: str) -> None:
        self._parts = name.split(".")

    def __iter__(self) -> Iterator[str]:
        folders = [os.path.join(entry or ".", *self._parts) for entry in sys.path]  # noqa: PTH118  pathlib costs 10 ms
        return iter([folder for folder in folders if os.path.isdir(folder)])  # noqa: PTH112

    def __repr__(self) -> str:
        return f"{list(self)!r}"
