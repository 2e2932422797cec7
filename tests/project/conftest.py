"""A notebook without a kernel: cells that are run one after the other in one set of names."""

from __future__ import annotations

import pytest
from IPython.core.inputtransformer2 import TransformerManager

SDK = "from src.ext.sdk import job, route, hook, PluginContext\nfrom sbh_jobkit import World, every, run_job, simulate"


class Kernel:
    """Takes magics and does nothing."""

    def __getattr__(self, name):
        """Return what every magic becomes."""
        return lambda *_: None


def run(*cells, **names):
    """Run cells; return them with their numbers, the first 0 and with the usual imports, and the names they left."""
    names |= {"__name__": "__main__", "get_ipython": Kernel}
    numbered = list(enumerate([SDK, *cells]))
    for _, text in numbered:
        exec(TransformerManager().transform_cell(text), names)  # noqa: S102  what a notebook does
    return numbered, names


@pytest.fixture
def ran():
    """Return what runs cells."""
    return run
