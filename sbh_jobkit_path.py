"""Finds `src.ext.sdk` in any Python of an environment, also before the kit is imported, as in a notebook's first cell.

`sbh_jobkit.pth` imports this module whenever Python starts. So it imports nothing itself, and costs a few tenths of a
millisecond; the kit is imported when something asks for `src` that nothing else provides. Two other ways were tried. A
folder `src/ext` in site-packages has no code that runs at the start, but it comes before a checkout of the host that is
added to `sys.path` later, and it is not found where a project has a package `src` of its own. IPython has no place in
which a package may ask to be loaded, other than settings, which belong to the user.

PYTEST_DONT_REWRITE: it is imported long before pytest, which would warn of that in every session.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as in typing, which would cost more than all of this
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class LateFinder:
    """Finds the SDK if no other finder of the process does, also none that was added later."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find `src`, `src.ext` and `src.ext.sdk`."""
        if not "src.ext.sdk.".startswith(f"{name}."):
            return None
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            if (spec := finder.find_spec(name, path, target)) is not None:
                return spec
        from sbh_jobkit.plugin.importer import SdkFinder

        return SdkFinder().find_spec(name)


sys.meta_path.append(LateFinder())
