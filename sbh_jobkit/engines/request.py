"""What a server asks for: one run of one job, as values that another process can read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.errors import JobkitError, did_you_mean
from sbh_jobkit.schedule.times import zone

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from sbh_jobkit.run.session import Tenant

_OWN = ("job", "fire", "call")
"""What differs between the runs of one process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One run of one job."""

    plugin: str
    """The path that `Plugin.load` takes."""
    slug: str
    job: str
    fire: float
    """When it was due, in seconds since 1970."""
    tenant: str
    """The name of the tenant; the factory makes the tenant itself."""
    factory: str
    """The function that makes the tenant, as `module:function`; it is called with the settings.

    Output is redacted by the redactor of the tenant's session; where the tenant has a method `redactor`, also what the
    plugin prints while it is loaded. A process may have several runs where the tenant also has `remember`, which takes
    the secrets of earlier runs, names by values, and `close`.
    """
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What the factory needs, as JSON values."""
    timezone: str | None = None
    """The zone of its schedule; without a schedule, the zone of its naive times."""

    call: Mapping[str, Any] | None = None
    """What is called in place of a job: a route or a hook of the plugin."""

    loading_seconds: float = 60.0
    """How long loading the plugin and making the tenant may take."""

    again: bool = False
    """Whether its process waits for another run when it has ended."""

    def __post_init__(self) -> None:
        """Raise JobkitError for a factory that is not of the form `module:function`."""
        module, _, function = self.factory.partition(":")
        if not module or not function:
            msg = f"the factory of tenant {self.tenant!r} is {self.factory!r}; write it as module:function"
            raise JobkitError(msg)

    def at(self, fire: float) -> Self:
        """Return the same request for another fire time, in epoch seconds."""
        return replace(self, fire=fire)

    def giving(self, **settings: object) -> Self:
        """Return the same request with more settings."""
        return replace(self, settings={**self.settings, **settings})

    @property
    def shared(self) -> Self:
        """What another request must be equal in to be run by the same process: all but the run itself."""
        return replace(self, job="", fire=0.0, call=None, again=False)

    @property
    def own(self) -> dict[str, Any]:
        """What is this run's alone, by name."""
        return {name: getattr(self, name) for name in _OWN}

    def following(self, own: Mapping[str, Any]) -> Self:
        """Return the request of another run of the same process, from what is its own."""
        return replace(self, **{name: own[name] for name in (*_OWN, "again")})

    def to_json(self) -> str:
        """Return the request in one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str | bytes) -> Self:
        """Return the request that `to_json` wrote."""
        return cls(**json.loads(line))

    @property
    def tz(self) -> ZoneInfo:
        """The zone of the run's times, UTC where none was named."""
        return zone(self.timezone or "UTC")

    def make_tenant(self) -> Tenant:
        """Call the factory; raises JobkitError where there is none of that name."""
        module, _, name = self.factory.partition(":")
        try:
            names = vars(import_module(module))
        except ModuleNotFoundError as error:
            msg = f"the factory of tenant {self.tenant!r} is {self.factory!r}, and there is no module {error.name!r}"
            raise JobkitError(msg) from error
        if name not in names:
            hint = did_you_mean(name, names)
            msg = f"the factory of tenant {self.tenant!r} is {self.factory!r}, and {module} has no {name!r}{hint}"
            raise JobkitError(msg)
        tenant: Tenant = names[name](self.settings)
        return tenant
