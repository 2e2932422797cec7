"""What to check, and how: the options of the command line, over those of `[tool.sbh-jobkit.check]`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.check import rulebook
from sbh_jobkit.check.finding import LEVELS
from sbh_jobkit.check.importing import LIMIT
from sbh_jobkit.errors import JobkitError, decode_utf8, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from sbh_jobkit.check.finding import Finding

TARGETS = ("guide", "host")
FILE = "pyproject.toml"
_TABLE = "[tool.sbh-jobkit.check]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How plugins are checked."""

    target: str = "guide"
    level: str = "warning"
    """The least serious level that is reported."""
    imports: bool = True
    """Whether the plugin is imported, too."""
    import_limit: float = LIMIT
    select: tuple[str, ...] = ()
    """The rules to report; empty for all."""
    ignore: tuple[str, ...] = ()
    """The rules not to report."""
    per_file: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The rules not to report in files whose path matches a pattern."""
    time_limit: float = 30.0
    """How many seconds the platform lets a job run."""
    crowd: int = 5
    """So many jobs of a plugin that are due in the same minute are worth a finding."""

    def __post_init__(self) -> None:
        """Raise JobkitError for an unknown target, level or rule."""
        _known("target", self.target, TARGETS)
        _known("level", self.level, LEVELS)
        if not self.import_limit > 0:
            msg = f"--import-limit must be more than 0 seconds, got {self.import_limit:g}"
            raise JobkitError(msg)
        for name in (*self.select, *self.ignore, *(each for found in self.per_file.values() for each in found)):
            rulebook.require(name)

    @classmethod
    def read(cls, folder: Path, **given: Any) -> Self:
        """Return the settings of the nearest `pyproject.toml` of a folder or above; those given win.

        Raises JobkitError for a setting that is unknown or has a wrong value.
        """
        file = next((each / FILE for each in [folder, *folder.parents] if (each / FILE).is_file()), None)
        found = cls() if file is None else cls._from_file(file)
        return replace(found, **{name: value for name, value in given.items() if value is not None})

    @classmethod
    def _from_file(cls, file: Path) -> Self:
        try:
            data: Any = tomllib.loads(decode_utf8(file.read_bytes()))
        except (OSError, ValueError, RecursionError) as error:
            msg = f"{file} cannot be read: {error}"
            raise JobkitError(msg) from error
        for key in ("tool", "sbh-jobkit", "check"):
            data = data.get(key, {}) if isinstance(data, Mapping) else {}
        known = {each.name.replace("_", "-"): each.name for each in fields(cls) if each.name != "imports"}
        if not isinstance(data, Mapping):
            msg = f"{file}: {_TABLE} must be a table, got {data!r}"
            raise JobkitError(msg)
        try:
            return cls(**{known[_name(key, known)]: _value(key, value) for key, value in data.items()})
        except JobkitError as error:
            msg = f"{file}: {_TABLE}: {error}"
            raise JobkitError(msg) from None

    def reports(self, found: Finding) -> bool:
        """Whether a finding is reported: by its level, its rule and its file."""
        if LEVELS.index(found.level) > LEVELS.index(self.level):
            return False
        if found.rule in self.ignore or (self.select and found.rule not in self.select):
            return False
        return not any(fnmatch(found.file, each) and found.rule in rules for each, rules in self.per_file.items())


def _name(key: str, known: Mapping[str, str]) -> str:
    if key not in known:
        hint = did_you_mean(key, known) or f"; the settings are {', '.join(known)}"
        msg = f"unknown setting {key!r}{hint}"
        raise JobkitError(msg)
    return key


def _value(key: str, value: Any) -> Any:
    """Return a setting as a field of Settings; raises JobkitError for a value of the wrong type."""
    if key in {"select", "ignore"}:
        return _rules(key, value)
    if key == "per-file":
        if isinstance(value, Mapping):
            return {pattern: _rules(f"{key}.{pattern}", each) for pattern, each in value.items()}
        wanted = "a table of patterns and rules"
    elif key in {"import-limit", "time-limit", "crowd"}:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
            return value
        wanted = "a number above 0"
    else:
        if isinstance(value, str):
            return value
        wanted = "text"
    msg = f"{key} must be {wanted}, got {value!r}"
    raise JobkitError(msg)


def _rules(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        msg = f"{key} must be a list of rules, got {value!r}"
        raise JobkitError(msg)
    return tuple(value)


def _known(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        hint = did_you_mean(f"{value}", known) or f"; use one of {', '.join(known)}"
        msg = f"unknown {what} {value!r}{hint}"
        raise JobkitError(msg)
