"""The plain range in other processes, where sets have another order: what a job does must not depend on it.

Python gives texts other hashes in each process, so the order of a set of texts is another one after each restart, and
nobody's simulation in one process shows that. Three processes with fixed seeds of the hashes are compared; an effect
that also differs between two processes with the same seed is random, not ordered, and does not count.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import JobkitError
from sbh_jobkit.run.effects import effects_of
from sbh_jobkit.simulation.compare.judgement import Finding, findings, name_of
from sbh_jobkit.simulation.compare.matching import match

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sbh_jobkit.run.effects import Effect
    from sbh_jobkit.simulation.compare.identity import Identities
    from sbh_jobkit.simulation.compare.matching import EffectChange
    from sbh_jobkit.simulation.stress.scenario import Scenario

_SEEDS = ("1", "2", "3")
"""Values of PYTHONHASHSEED; the first is that of the usual order."""
_LONGEST = timedelta(days=8)
"""How much of the range is simulated: a weekly job runs at least once."""
_CELLS = "order: a notebook does not try it; the command line does, in other processes"
_WHY = "only in another process, where sets have another order: sort what comes out of a set"


def order_findings(plain: Scenario, identities: Identities, path: str | None) -> tuple[list[Finding], list[str]]:
    """Return what depends on the order of sets, and notes; `path` is the plugin's.

    Raises JobkitError where another process cannot simulate it.
    """
    if path is None:
        return [], [_CELLS]
    shorter = replace(plain, end=min(plain.end, plain.start + _LONGEST))
    answers = _simulated(shorter, path, _SEEDS)
    failed = next((answer.removeprefix("sbh-jobkit: error: ") for answer in answers if isinstance(answer, str)), None)
    if failed is not None:
        msg = f"another process, where sets have another order, could not simulate the plugin: {failed}"
        raise JobkitError(msg)
    usual, *others = (_effects(answer) for answer in answers)
    changes = [change for other in others for change in _changes(usual, other, identities)]
    if not changes:
        return [], []
    (again,) = _simulated(shorter, path, _SEEDS[:1])
    random = {_named(change) for change in _changes(usual, _effects(again), identities)}
    first: dict[tuple[str, str, float], EffectChange] = {}
    for change in changes:
        if _named(change) not in random:
            first.setdefault((*_named(change), change.effect.fire_time.timestamp()), change)
    command = f"{shorter.command(path)} --stress order"
    found = findings(first.values(), lambda _: _WHY)
    return [replace(each, command=command) for each in found], []


def _simulated(scenario: Scenario, path: str, seeds: Sequence[str]) -> list[Any]:
    """Return what a process with each seed of the hashes prints as JSON, or its message."""
    words = [sys.executable, "-P", "-m", "sbh_jobkit", *shlex.split(scenario.command(path))[1:], "--json"]
    begun = [
        subprocess.Popen(  # noqa: S603  this program, with the words that repeat the plain range
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONHASHSEED": seed}
        )
        for seed in seeds
    ]
    try:
        return [_answer(*process.communicate()) for process in begun]
    finally:
        for process in begun:
            process.kill()
            process.wait()


def _answer(out: str, errors: str) -> Any:
    try:
        return json.loads(out)
    except ValueError:
        return " ".join(errors.split()) or "it ended without a word"


def _effects(answer: Any) -> list[Effect]:
    return [effect for row in answer["runs"] for effect in effects_of(_run(row))]


def _run(row: Any) -> SimpleNamespace:
    """Return of a run in JSON what its effects are made of."""
    run = SimpleNamespace(**row, before=None, after=None)
    run.fire_time = datetime.fromisoformat(row["fire_time"])
    run.started_at = datetime.fromisoformat(row["started_at"]) if row["started_at"] else None
    for name in ("events", "http_calls", "files"):
        setattr(run, name, [SimpleNamespace(**{**each, "at": run.fire_time}) for each in row[name]])
    return run


def _changes(before: Sequence[Effect], after: Sequence[Effect], identities: Identities) -> Iterator[EffectChange]:
    return (each for each in match(before, after, identities) if each.word not in {"late", "early"})


def _named(change: EffectChange) -> tuple[str, str]:
    return change.effect.job, name_of(change.effect)
