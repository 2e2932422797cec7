"""Find the plugins below a folder, such as those of a repository that has many."""

from __future__ import annotations

import os
from pathlib import Path

from sbh_jobkit.plugin.manifest import FILE


def plugins_below(path: str | Path) -> list[str]:
    """Return the paths of the plugins below a folder; any other path, and a folder that is a plugin, is returned."""
    if not Path(path).is_dir() or Path(path, FILE).is_file():
        return [str(path)]
    found = []
    for folder, below, files in os.walk(path):
        if FILE in files:
            found.append(folder)
            below.clear()  # a plugin is not searched for more plugins
        below[:] = sorted(name for name in below if not name.startswith("."))
    return found or [str(path)]
