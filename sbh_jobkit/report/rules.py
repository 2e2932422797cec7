"""The rules of a check for people: one at length, all of them in a list, and the page of the manual."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING

from sbh_jobkit.check.rulebook import require, rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.rulebook import Rule


def explain(id_: str) -> str:
    """Return what a rule asks for, why, a bad and a good plugin, and how to fix it; raises JobkitError for no rule."""
    rule = require(id_)
    parts = [f"{rule.id} ({', '.join(rule.levels)})", rule.what, rule.why]
    parts += [f"{name}:\n\n{indent(text.strip(), '    ')}" for name, text in _examples(rule)]
    parts += [f"To fix it: {rule.fix}"]
    parts += ["--fix can do it"] if rule.fixable else []
    parts += [f"Settings: {', '.join(rule.settings)}"] if rule.settings else []
    return "\n\n".join(parts)


def listed() -> str:
    """Return a line for each rule."""
    found = [*rules().values()]
    width = max(len(rule.id) for rule in found)
    return "\n".join(f"{rule.id:{width}}  {rule.levels[0]:7}  {rule.what.partition(' Today')[0]}" for rule in found)


def page() -> str:
    """Return every rule as Markdown, kind by kind."""
    ours = [rule for rule in rules().values() if rule.kind != "host"]
    kinds = dict.fromkeys(rule.kind for rule in ours)
    return "\n".join(
        f"\n## Rules of {kind}\n{''.join(_section(rule) for rule in ours if rule.kind == kind)}"
        for kind in sorted(kinds)
    )


def _section(rule: Rule) -> str:
    lines = [f"\n### `{rule.id}`\n", f"{rule.what} {rule.why}\n"]
    lines += [f"{name}:\n\n{indent(text.strip(), '    ')}\n" for name, text in _examples(rule)]
    fix = f"To fix it: {rule.fix}.{' `--fix` can do it.' if rule.fixable else ''}"
    lines += [f"{fix} Levels: {', '.join(f'`{level}`' for level in rule.levels)}.\n"]
    lines += [f"Settings: {', '.join(f'`{each}`' for each in rule.settings)}.\n"] if rule.settings else []
    return "\n".join(lines)


def _examples(rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield the names and texts of what is shown; a manifest only where it differs from that of the good plugin."""
    if rule.good_manifest:
        yield "Bad plugin.json", rule.manifest or '{"slug": "p", "name": "P"}'
        yield "Good plugin.json", rule.good_manifest
    if rule.bad != rule.good:
        yield "Bad", rule.bad
        yield "Good", rule.good
    elif rule.bad:
        yield "With", rule.bad
