"""What `sbh_simulate` returns: a simulation that can be held against a file."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Self

import pytest

from pytest_sbhjobs import snapshot
from sbh_jobkit.simulation.result import Simulation

if TYPE_CHECKING:
    from pathlib import Path

    from sbh_jobkit.run.run import Run


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Replay(Simulation):
    """A simulation of any length, and where its test stands."""

    folder: Path = field(compare=False)
    update: bool = field(compare=False)

    @classmethod
    def of(cls, simulation: Simulation, runs: list[Run], folder: Path, *, update: bool) -> Self:
        """Make it of a simulation, with the runs as the test gets them."""
        values = {each.name: getattr(simulation, each.name) for each in fields(Simulation)}
        return cls(**{**values, "runs": runs, "folder": folder, "update": update})

    def assert_matches(self, path: str, *, values: bool = True) -> None:
        """Fail unless the file tells the same; `pytest --sbh-update` writes it. A relative path is the test folder's.

        Without `values` what the jobs returned is left out.
        """
        __tracebackhide__ = True
        file = self.folder / path
        told = snapshot.text(self, values=values)
        if self.update:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(told, encoding="utf-8")
            return
        difference = snapshot.difference(file, path, told)
        if difference:
            pytest.fail(difference, pytrace=False)
