"""Policies by job: those of a command line, and which one a job has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import PolicyError
from sbh_jobkit.schedule.policy import Policy
from sbh_jobkit.schedule.settings import split_setting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FORM = "SETTING=VALUE or JOB:SETTING=VALUE, such as overlap=queue_one"
_NUMBERS = {"max_instances", "retry"}
_LONG = 20
"""So many digits are not a number of runs."""
ALL_JOBS = "*"
"""Stands for every job that has no policy of its own."""


def parse(lines: Sequence[str]) -> dict[str, Policy]:
    """Parse policies of a command line, such as `overlap=queue_one` or `my_job:max_instances=2`; return them by job."""
    settings: dict[str, dict[str, Any]] = {}
    for line in lines:
        name, value = split_setting(line, PolicyError, "a policy", _FORM)
        job, colon, setting = name.rpartition(":")
        whole = setting in _NUMBERS and value.isascii() and value.isdecimal() and len(value) < _LONG
        number = int(value) if whole else value
        settings.setdefault(job if colon else ALL_JOBS, {})[setting] = number
    shared = settings.get(ALL_JOBS, {})
    return {job: Policy.from_settings({**shared, **own}) for job, own in settings.items()}


def policy_lookup(policy: Policy | Mapping[str, Policy] | None, jobs: Mapping[str, object]) -> Callable[[str], Policy]:
    """Return a function from a job's name to its policy, given one policy for all jobs or a policy by job."""
    if not isinstance(policy, Mapping):
        return lambda _: policy or Policy()
    for name in policy:
        if name != ALL_JOBS:
            jobs[name]  # raises for an unknown job, with a suggestion
    return lambda job: policy.get(job) or policy.get(ALL_JOBS) or Policy()
