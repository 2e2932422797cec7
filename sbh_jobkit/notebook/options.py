"""The options that several magics have, and those of `%simulate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.magic_arguments import argument

from sbh_jobkit.simulation.stress.kinds import CHOICES

if TYPE_CHECKING:
    from collections.abc import Callable

    _Magic = TypeVar("_Magic", bound=Callable[..., Any])

TZ = {"metavar": "ZONE", "help": "time zone (default: the world's, else the manifest's, else UTC)"}
WORLD = {
    "metavar": "FILE",
    "help": "a world.py that describes the fake tenant (default: the notebook's, else the plugin's)",
}
TO = {"dest": "end", "metavar": "ISO", "help": "the end of the range, instead of its length"}
LENGTHS = "length of the range, such as 7d, 12h, 2w, 1mo or 1y"
TARGET = {"metavar": "guide|host", "help": "behave as the guide promises (default) or as today's host does"}


_CONDITIONS = (
    argument("--tz", **TZ),
    argument("--world", **WORLD),
    argument("--target", **TARGET),
    argument(
        "--policy",
        action="append",
        metavar="[JOB:]NAME=VALUE",
        help="a policy for due runs, such as overlap=allow; may be repeated",
    ),
    argument("--faults", metavar="FILE", help="a fault plan, a TOML file: faults to inject"),
    argument("--fault", action="append", metavar="LINE", help="one more fault to inject; may be repeated"),
    argument("--seed", type=int, metavar="N", help="seed of world.random and of random faults"),
)


def under_conditions(magic: _Magic) -> _Magic:
    """Add the options that all magics which simulate have."""
    for option in reversed(_CONDITIONS):
        magic = option(magic)
    return magic


_JUDGED = (
    argument(
        "--budget",
        action="append",
        metavar="NAME=LIMIT",
        help="fails if the runs use more, such as llm_tokens=200k or triage:llm_tokens@day=20k; may be repeated",
    ),
    argument("--twice", action="store_true", help="follow each run by a second one; fails if that does anything"),
    argument("--strict", action="store_true", help="fails also if an observation is made"),
    argument("--unreached", action="store_true", help="note the lines that no run reached (slower before Python 3.12)"),
    argument("--stress", metavar="KINDS", help=f"find failures on difficult days, returns a Stress: any of {CHOICES}"),
    argument("--against", metavar="PATH|GITREF", help="another version of the plugin; returns a Comparison"),
    argument("--time-limit", type=float, metavar="SECONDS", help="how long a run may take (default: 30)"),
)


def judging(magic: _Magic) -> _Magic:
    """Add the options that say what else is looked at, and what fails a simulation."""
    for option in reversed(_JUDGED):
        magic = option(magic)
    return magic
