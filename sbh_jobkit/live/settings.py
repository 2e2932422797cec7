"""The settings of a real tenant: `tenant.toml`, read and checked as a whole.

    id = "acme"
    timezone = "Europe/Berlin"
    db = "postgresql://reader@db.example/acme"
    files = "file://files"                      # relative to the file
    secrets = ["env:ACME_", "dotenv:.env"]      # in the order in which they are asked
    [http]
    allow = ["api.github.com", "*.example.com"]
    [policy.daily_report]
    overlap = "queue_one"
    [history]
    days = 30

Every key is checked, and an unknown one is an error. Values of secrets do not stand in the file, only their names.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sbh_jobkit.errors import SettingsError, decode_utf8
from sbh_jobkit.live import keys
from sbh_jobkit.schedule.policies import ALL_JOBS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sbh_jobkit.schedule.policy import Policy

_HERE = Path()
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """What `ctx.http` may do."""

    allow: tuple[str, ...] = ()
    """The hosts that may be reached: `api.example.com`, `*.example.com` for all below it, or `*` for all."""
    timeout: float = 10.0
    """How many seconds a connection, or the next piece of an answer, may take."""
    max_bytes: int = 10_000_000
    """The largest body of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmSettings:
    """Which model answers `ctx.llm`."""

    url: str
    """The address of an OpenAI-compatible API, such as `https://llm.example/v1`."""
    model: str
    """The model that answers where a job names none."""
    key: str | None = None
    """The name of the secret with the API key."""
    timeout: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings:
    """Where `ctx.emit` publishes."""

    log: bool = True
    """Whether each event is logged."""
    webhook: str | None = None
    """An address that gets each event by POST."""
    secret: str | None = None
    """The name of the secret that signs what is sent there."""
    retries: int = 3
    """How often a POST that failed is sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """Where a server says that a job fails, is late or recovers."""

    webhook: str | None = None
    """An address that gets each change by POST."""
    secret: str | None = None
    """The name of the secret that signs what is sent there."""
    retries: int = 3
    """How often a POST that failed is sent again."""
    late: Mapping[str, float] = field(default_factory=dict)
    """For how many seconds a job may be without success; `*` stands for all others that have a schedule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """The limits of each run."""

    seconds: float = 30.0
    memory_mb: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySettings:
    """How long the runs of a job are kept; the last one always is."""

    days: float = 90.0
    runs: int = 1_000
    """How many runs are kept at most."""
    output_days: float = 14.0
    """How long the output of a run, and what it did, is kept; after that only how it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one tenant."""

    id: str
    timezone: ZoneInfo = _UTC
    """The zone of naive times, and of schedules that name none."""
    db: str | None = field(default=None, repr=False)
    """The URL of the database, which may hold a password."""
    files: str | None = None
    """The URL of the storage."""
    secrets: tuple[str, ...] = ()
    """The sources of secrets, in the order in which they are asked."""
    http: HttpSettings = HttpSettings()
    llm: LlmSettings | None = None
    events: EventSettings = EventSettings()
    limits: LimitSettings = LimitSettings()
    alerts: AlertSettings = AlertSettings()
    policy: Mapping[str, Policy] = field(default_factory=dict)
    """The policy of each job that has one of its own; `*` stands for all others."""
    history: Mapping[str, HistorySettings] = field(default_factory=dict)
    """How long runs are kept, by job; `*` stands for all others."""
    path: Path | None = None
    """The file, if they come from one."""
    text: str = field(default="", repr=False, compare=False)
    """What the file says, by which runs read the same settings while it is edited."""
    folder: Path = Path()
    """What relative paths are relative to: the folder of the file."""

    def kept(self, job: str) -> HistorySettings:
        """Return how long the runs of a job are kept."""
        return self.history.get(job) or self.history.get(ALL_JOBS) or HistorySettings()

    @classmethod
    def load(cls, path: str | Path) -> Settings:
        """Read a file; raises SettingsError, which names the file and the key."""
        path = Path(path)
        try:
            text = decode_utf8(path.read_bytes())
        except OSError as error:
            msg = f"cannot read {str(path)!r}: {error.strerror or error}; name the file that describes the tenant"
            raise SettingsError(msg) from error
        except ValueError as error:
            msg = f"cannot read {str(path)!r}: {error}"
            raise SettingsError(msg) from error
        return cls.from_text(path, text)

    @classmethod
    def from_text(cls, path: Path, text: str) -> Settings:
        """Read what a file says, or said; raises SettingsError."""
        found = cls.parse(text, where=path.name, folder=path.absolute().parent)
        return replace(found, path=path.absolute(), text=text)

    @classmethod
    def parse(cls, text: str, *, where: str = "tenant.toml", folder: Path = _HERE) -> Settings:
        """Read settings from TOML; `where` is what errors call it."""
        try:
            written = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # also for a number with too many digits
            msg = f"{where}: this is not TOML: {error}"
            raise SettingsError(msg) from error
        found = keys.read(where, written)
        sections = {
            "http": HttpSettings,
            "llm": LlmSettings,
            "events": EventSettings,
            "limits": LimitSettings,
            "alerts": AlertSettings,
        }
        made = {name: make(**found.pop(name)) for name, make in sections.items() if name in found}
        kept = {job: HistorySettings(**given) for job, given in found.pop("history", {}).items()}
        return cls(**found, **made, history=kept, folder=folder)
