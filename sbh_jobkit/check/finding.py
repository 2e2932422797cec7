"""One problem that a check found: its place, its rule, what is wrong, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

RULES = {
    "archive": "The zip can be unpacked and contains a plugin.",
    "dynamic-code": "No code is run from text: no `eval`, `exec`, `compile` or `__import__`.",
    "import": "Only allowed modules and the plugin's own modules are imported.",
    "job-elsewhere": "The entry imports each job that is in another module.",
    "job-twice": "Each job has its own name.",
    "job-unlisted": "If the manifest lists jobs, it lists every scheduled job.",
    "job-without-function": "Each job in the manifest has a function.",
    "load": "The plugin can be imported.",
    "manifest": "The manifest, `plugin.json`, is valid.",
    "permission-missing": "The manifest lists every permission that the code needs.",
    "permission-unused": "The manifest lists only permissions that the code needs.",
    "schedule": "Each schedule is five-field cron that fires at some time.",
    "schedule-step": "No step of a schedule is longer than its range.",
    "sdk-import": "The SDK's decorators are imported.",
    "syntax": "Every file is valid Python.",
}
"""The rules for any host, and what they require; the rules of today's host are divergences, such as D17."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One problem in a plugin."""

    file: str
    """The path in the plugin's folder."""
    line: int
    rule: str
    """One of RULES, or the id of a divergence."""
    message: str
    advice: str = ""
