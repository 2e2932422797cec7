"""What a check found: where, which rule, what is wrong, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

RULES = {
    "archive": "The zip can be unpacked, and holds a plugin.",
    "dynamic-code": "Nothing is run from text: no `eval`, `exec`, `compile` or `__import__`.",
    "import": "Only modules that the platform allows, and the plugin's own, are imported.",
    "job-elsewhere": "A job of another module counts once the entry imports it by name.",
    "job-twice": "Each job has a name of its own.",
    "job-unlisted": "Where the manifest lists jobs, it lists every scheduled one.",
    "job-without-function": "A job of the manifest has a function.",
    "load": "The plugin can be imported.",
    "manifest": "The manifest has no faults.",
    "permission-missing": "What the code calls is permitted.",
    "permission-unused": "What is permitted is called.",
    "schedule": "A schedule is five-field cron that fires at some time.",
    "sdk-import": "The platform's decorators are imported.",
    "syntax": "Every file is Python.",
}
"""The rules that hold for any host, and what they ask for; those of today's host are divergences, such as D17."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One thing that does not do."""

    file: str
    """In the plugin's folder."""
    line: int
    rule: str
    """One of RULES, or the id of a divergence."""
    message: str
    advice: str = ""
