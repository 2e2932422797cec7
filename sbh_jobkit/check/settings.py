"""What to check, and how: the options of the command line, over those of `pyproject.toml`."""

from __future__ import annotations

from dataclasses import dataclass

from sbh_jobkit.check.finding import LEVELS
from sbh_jobkit.check.importing import LIMIT
from sbh_jobkit.errors import JobkitError, did_you_mean

TARGETS = ("guide", "host")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How plugins are checked."""

    target: str = "guide"
    level: str = "warning"
    """The least serious level that is reported."""
    imports: bool = True
    """Whether the plugin is imported, too."""
    import_limit: float = LIMIT

    def __post_init__(self) -> None:
        """Raise JobkitError for an unknown target or level."""
        _known("target", self.target, TARGETS)
        _known("level", self.level, LEVELS)
        if not self.import_limit > 0:
            msg = f"--import-limit must be more than 0 seconds, got {self.import_limit:g}"
            raise JobkitError(msg)

    def reports(self, level: str) -> bool:
        """Whether findings of a level are reported."""
        return LEVELS.index(level) <= LEVELS.index(self.level)


def _known(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        hint = did_you_mean(f"{value}", known) or f"; use one of {', '.join(known)}"
        msg = f"unknown {what} {value!r}{hint}"
        raise JobkitError(msg)
