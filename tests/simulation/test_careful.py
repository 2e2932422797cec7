"""Careful plugins give no finding: under no stress, against themselves, run twice, and observed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sbh_jobkit import diff, simulate
from sbh_jobkit.simulation.stress.stress import KINDS

ROOT = Path(__file__).parents[2]
CAREFUL = {
    "hello": ROOT / "examples" / "hello",
    "hub_ops": ROOT / "examples" / "hub_ops",
    "library": ROOT / "tests" / "data" / "planted" / "library",
    "clinic": ROOT / "tests" / "data" / "planted" / "clinic",
    "office": ROOT / "tests" / "data" / "planted" / "office",
    "shop": ROOT / "tests" / "data" / "planted" / "shop",
}
ONLY_REPORTS = {"hub_ops"}
"""An example whose events only say what happened."""


@pytest.fixture(params=CAREFUL.values(), ids=CAREFUL)
def folder(request):
    """Return the folder of a careful plugin."""
    return request.param


@pytest.mark.parametrize("kind", KINDS)
def test_no_stress_finds_anything(folder, kind):
    """Whatever they meet, they report it or catch up."""
    words = ["simulate", f"{folder}", "--from", "2026-01-01", "--for", "6d", "--stress", kind, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "sbh_jobkit", *words], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, json.loads(done.stdout)["findings"]) == (0, [])


def test_nothing_else_is_said_of_them(folder):
    """No difference from themselves, no observation that counts, and a second run of a job does nothing."""
    first, second = (simulate(folder, duration="10d", twice=True) for _ in range(2))
    assert first.ok
    assert diff(first, second).summary == "no difference"
    assert first.unmeant == []
    assert folder.name in ONLY_REPORTS or first.not_idempotent == {}
