"""The rules of `check`: what each asks for, why, a bad and a good plugin, and how to fix it; from `rules.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import JobkitError, did_you_mean
from sbh_jobkit.plugin import divergences

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOST_LEVELS = {
    "D12": ("warning",),
    "D16": ("error", "note"),
    "D34": ("note", "warning"),
    "D37": ("warning",),
    "D38": ("note", "warning"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule."""

    id: str
    kind: str
    """The kind of rule, which is the module that has it."""
    levels: tuple[str, ...]
    """The levels of its findings, the usual one first."""
    what: str
    """What it asks for."""
    why: str
    """What happens otherwise."""
    fix: str
    """What to do."""
    bad: str = ""
    """The `main.py` of a plugin that breaks it."""
    good: str = ""
    """The same plugin, put right."""
    manifest: str = ""
    """The `plugin.json` of both, if it matters."""
    good_manifest: str = ""
    """The `plugin.json` of the good plugin, if it differs."""
    settings: tuple[str, ...] = ()
    """The settings in `pyproject.toml` that concern it."""
    fixable: bool = False
    """Whether `--fix` can put it right."""


@cache
def rules() -> Mapping[str, Rule]:
    """Return every rule by its id: those for any host by name, then those of today's host by number."""
    data = tomllib.loads(files(__package__).joinpath("rules.toml").read_text(encoding="utf-8"))
    found = {id_: _ours(id_, row) for id_, row in sorted(data.items())}
    found |= {id_: _of_host(each) for id_, each in divergences.table().items()}
    return MappingProxyType(found)


def _ours(id_: str, row: dict[str, Any]) -> Rule:
    lists = ("levels", "settings")
    values: dict[str, Any] = {key: tuple(value) if key in lists else value for key, value in row.items()}
    return Rule(id=id_, **values)


def _of_host(found: divergences.Divergence) -> Rule:
    return Rule(
        id=found.id,
        kind="host",
        levels=_HOST_LEVELS.get(found.id, ("error",)),
        what=f"{found.guide} Today's host: {found.host}",
        why="A job that is green here fails or does something else on today's host.",
        fix=found.advice,
    )


def require(id_: str) -> Rule:
    """Return a rule; raises JobkitError for an unknown one, with the nearest."""
    known = rules()
    if id_ not in known:
        hint = did_you_mean(id_, known) or "; sbh-jobkit check --list shows all rules"
        msg = f"there is no rule {id_!r}{hint}"
        raise JobkitError(msg)
    return known[id_]
