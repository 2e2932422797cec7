"""A notebook without a kernel: cells that run one after another in one namespace."""

from __future__ import annotations

import pytest
from IPython.core.inputtransformer2 import TransformerManager

SDK = "from src.ext.sdk import job, route, hook, PluginContext\nfrom sbh_jobkit import World, every, run_job, simulate"


class Kernel:
    """Accepts magics and does nothing."""

    def __getattr__(self, name):
        """Return a function that does nothing, for any magic."""
        return lambda *_: None


def run(*cells, **names):
    """Run cells after a first cell 0 with the usual imports; return the numbered cells and the names."""
    names |= {"__name__": "__main__", "get_ipython": Kernel}
    numbered = list(enumerate([SDK, *cells]))
    for _, text in numbered:
        exec(TransformerManager().transform_cell(text), names)  # noqa: S102  as a notebook does
    return numbered, names


@pytest.fixture
def ran():
    """Return a function that runs cells."""
    return run
