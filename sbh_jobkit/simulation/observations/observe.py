"""All observations of a simulation, in a fixed order.

First come those about single runs, in the order of the runs, then those that show only over all runs, and last what
the simulation did not call at all.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from sbh_jobkit.simulation.observations.calls import (
    batch_observations,
    call_observations,
    kept_answers,
    more_observations,
    page_observations,
    route_observations,
)
from sbh_jobkit.simulation.observations.lasting import changed_variables, growing_files, not_called, overwritten_files
from sbh_jobkit.simulation.observations.observation import Observation, Observed, merged
from sbh_jobkit.simulation.observations.searches import search_observations
from sbh_jobkit.simulation.observations.values import value_observations

if TYPE_CHECKING:
    from collections.abc import Iterator


def observe(simulation: Observed) -> tuple[Observation, ...]:
    """Return what is probably not meant, without the kinds that the world allows."""
    allowed = simulation.world.allowed
    kept = (each for each in _all(simulation) if each.kind not in allowed)
    redacted = simulation.world.redactor().text  # a route, or the name of a file, can have a secret in it
    return tuple(replace(each, message=redacted(each.message)) for each in merged(kept))


def _all(simulation: Observed) -> Iterator[Observation]:
    replies = bool(simulation.world.llm.has_replies)
    for run in simulation.runs:
        if not run.ok:  # what is wrong with it is shown already
            continue
        yield from call_observations(run, replies=replies)
        yield from value_observations(run)
    yield from chain(
        kept_answers(simulation.runs),
        search_observations(simulation),
        page_observations(simulation),
        more_observations(simulation),
        batch_observations(simulation),
        growing_files(simulation),
        overwritten_files(simulation),
        changed_variables(simulation),
        route_observations(simulation),
        not_called(simulation),
    )
