"""`--sbh-report FILE`: the report of each plugin that was simulated; of several, each in a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_sbhjobs.failure import rerun
from sbh_jobkit.report.html.simulation import page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pytest

    from sbh_jobkit import Simulation


def pages(simulations: Mapping[Path, Simulation], config: pytest.Config) -> dict[str, tuple[str, str]]:
    """Write each simulation as HTML, by the plugin's file and with its slug: text only, as xdist can carry it."""
    return {
        str(path): (simulation.plugin.slug, page(simulation, rerun(config, path, simulation)))
        for path, simulation in simulations.items()
    }


def write(pages: Mapping[str, tuple[str, str]], file: Path) -> Iterator[Path]:
    """Write one page to the file, or several beside it: `report-hub.html`; yield each path, raise OSError."""
    taken: set[str] = set()
    for _, (slug, text) in sorted(pages.items()):
        names = (slug, *(f"{slug}-{number}" for number in range(2, len(pages) + 1)))
        name = next(name for name in names if name not in taken)
        taken.add(name)
        target = file if len(pages) == 1 else file.with_stem(f"{file.stem}-{name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        yield target
