"""The signs of a report: each verdict's word, shape and place in a track.

A reader who does not see colours knows them by height (runs that need attention are tall) and by the sign on top.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sbh_jobkit.run.run import Run

COLOURS = {"good": "#1a7f37", "note": "#9a6700", "bad": "#cf222e", "muted": "#737a83"}
"""Of texts in notebooks: each can be read on a white page and on a dark one; an output does not know which it is on."""

_CIRCLE = "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """How one verdict is drawn and named."""

    verdict: str
    word: str
    meaning: str
    reach: float
    """The height of its marks, as a share of the track."""
    shape: str
    """An SVG path around 0,0, for the legend, for runs with a section and for expected failures."""
    hollow: bool = False


_SIGNS = (
    Sign(verdict="ok", word="ok", meaning="succeeded", reach=0.4, shape="M0-6V6", hollow=True),
    Sign(
        verdict="coalesced", word="coalesced", meaning="merged into a later run", reach=0.2, shape="M0 2V6", hollow=True
    ),
    Sign(
        verdict="skipped",
        word="skipped",
        meaning="not started because of a policy",
        reach=0.3,
        shape="M0-2V6",
        hollow=True,
    ),
    Sign(
        verdict="expected",
        word="failed as expected",
        meaning="its world says that it fails",
        reach=0.6,
        shape="M-5-3L0 2L5-3",
        hollow=True,
    ),
    Sign(
        verdict="faulty",
        word="faulty",
        meaning="returned success, but the kit saw a fault",
        reach=1,
        shape="M0-5L5 4H-5z",
    ),
    Sign(verdict="missed", word="missed", meaning="not started in time", reach=1, shape=_CIRCLE, hollow=True),
    Sign(
        verdict="cancelled",
        word="cancelled",
        meaning="stopped by a person",
        reach=1,
        shape="M-4-4H4V4H-4z",
        hollow=True,
    ),
    Sign(
        verdict="lost",
        word="lost",
        meaning="started, and its scheduler or worker died",
        reach=1,
        shape="M-5-5H5L-5 5H5z",
        hollow=True,
    ),
    Sign(
        verdict="unexpected_ok",
        word="passed unexpectedly",
        meaning="its world says that it fails",
        reach=1,
        shape="M0-5L5 0L0 5L-5 0z",
        hollow=True,
    ),
    Sign(verdict="timed_out", word="timed out", meaning="took longer than its limit", reach=1, shape="M-5-5H5L-5 5H5z"),
    Sign(
        verdict="out_of_memory",
        word="out of memory",
        meaning="used more than its limit",
        reach=1,
        shape="M-4-4H4V4H-4z",
    ),
    Sign(verdict="failed", word="failed", meaning="returned an error", reach=1, shape=_CIRCLE),
    Sign(
        verdict="crashed", word="crashed", meaning="raised an error", reach=1, shape="M-4-4L4 4M4-4L-4 4", hollow=True
    ),
)
SIGNS = {sign.verdict: sign for sign in _SIGNS}
"""By verdict, in the order they are drawn: runs that need attention lie on top."""
_OK = {"ok", "coalesced", "skipped", "expected"}


def sign_of(run: Run) -> Sign:
    """Return the sign of a run; a run that did not start and has a fault is faulty."""
    verdict = run.verdict
    return SIGNS["faulty"] if verdict in _OK and not run.ok else SIGNS[verdict]
