"""The fake tenant that an author fills and inspects."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit import clock
from sbh_jobkit.clock import VirtualClock
from sbh_jobkit.display import Shown
from sbh_jobkit.errors import WorldError, did_you_mean
from sbh_jobkit.extensions.manager import manager
from sbh_jobkit.extensions.registry import Extensions
from sbh_jobkit.fakes import effect_rules, network_rules
from sbh_jobkit.fakes.context import FakeContext
from sbh_jobkit.fakes.diff import diff
from sbh_jobkit.fakes.effect_rules import EffectRules
from sbh_jobkit.fakes.expectations import Expectation, expected_reason
from sbh_jobkit.fakes.host.context import HostContext
from sbh_jobkit.fakes.network_rules import NetworkRules
from sbh_jobkit.fakes.rebind import rebind
from sbh_jobkit.fakes.script import FILE, WorldScript
from sbh_jobkit.fakes.snapshot import Snapshot, make_snapshot
from sbh_jobkit.fakes.stores import Stores
from sbh_jobkit.plugin.manifest import PERMISSIONS
from sbh_jobkit.run.kinds import known_kinds
from sbh_jobkit.run.limits import check_time_limit
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.diff import Difference
    from sbh_jobkit.fakes.faults.injector import FaultInjector
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.run.recorder import Recorder

TARGETS = {"guide": FakeContext, "host": HostContext}
"""The context of a job by target: as the guide promises, or as today's host behaves."""
TENANT = "acme"
"""The default tenant."""
_OWN = ("allowed", "permissions", "_time_limit", "_target", "_zone", "_begun")
_SETTINGS = (*_OWN, *effect_rules.RULES, *network_rules.RULES)
"""The attributes that a snapshot keeps, apart from the services."""
_settings = attrgetter(*_SETTINGS)
_NO_SERVICES: Mapping[str, Any] = {}


class World(Stores, EffectRules, NetworkRules, Shown):
    """A fake tenant: `World()`, then `world.secrets["KEY"] = "…"`, `world.db.insert(…)`, and so on."""

    def __init__(
        self,
        tenant_id: str = TENANT,
        tz: str | None = None,
        *,
        user_id: str | None = None,
        role: str | None = None,
        permissions: Collection[str] | None = None,
        time_limit: float = 30.0,
        allow: Collection[str] = (),
        loopback: bool = False,
        target: str = "guide",
        extensions: Iterable[object] = (),
    ) -> None:
        """Start with empty services.

        `tz` names the zone of naive times (default: the plugin's, or UTC); `permissions` replace the manifest's;
        `time_limit` is the limit of a run in seconds; `allow` names kinds of faults that do not fail a run;
        `loopback=True` lets jobs connect to real servers on this machine; `target="host"` behaves as today's host;
        `extensions` are modules or objects to use in addition to the installed extensions.
        """
        super().__init__(tenant_id, user_id, role)
        self._begun = False
        self.tz = tz
        if extensions:
            self._extensions = Extensions(manager(extensions), self, known_kinds())
        if permissions is not None:
            self.permissions = _check_names("permission", permissions, PERMISSIONS)
        self.allow = allow
        self.time_limit = time_limit
        self.loopback = loopback
        self.target = target
        self.expectations: list[Expectation] = []
        self.script: WorldScript | None = None
        self._origins: tuple[World, ...] = ()
        """The worlds of which this one has the state, and so perhaps the functions."""
        self.reached: float | None = None
        """The fire time of the latest run, in epoch seconds."""
        self._settings: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        """Show the tenant, and count rows, files, secrets and events; say so if the script has not set it up yet."""
        counts = f"{self.db!r} {self.files!r} {self.secrets!r} {len(self.events)} events"
        return f"<World {self.tenant_id!r}: {counts}{self.not_begun}>"

    @property
    def not_begun(self) -> str:
        """The end of a sentence that says that `setup` of the world's script has not run yet; "" if it has."""
        if self._begun or self.script is None or self.script.setup is None:
            return ""
        return f"; setup of {self.script.file} has not run yet: the first run calls it, or world.begin({times.START!r})"

    @property
    def tz(self) -> ZoneInfo | None:
        """The zone of naive times; None leaves it to the plugin."""
        return self._tz

    @tz.setter
    def tz(self, zone: ZoneInfo | str | None) -> None:
        if self._begun:
            msg = (
                f"the world has begun in the zone {self.zone}; give another one before, as in World(tz='Europe/Paris')"
            )
            raise WorldError(msg)
        self._tz = self._zone = times.zone(zone) if zone is not None else None

    @property
    def time_limit(self) -> float:
        """The time limit of a run, in seconds."""
        return self._time_limit

    @time_limit.setter
    def time_limit(self, seconds: float) -> None:
        self._time_limit = check_time_limit(seconds)

    @property
    def allow(self) -> Collection[str]:
        """Kinds of faults that do not fail a run."""
        return self.allowed

    @allow.setter
    def allow(self, kinds: Collection[str]) -> None:
        own = known_kinds()
        given = [kinds] if isinstance(kinds, str) else kinds
        all_own = isinstance(given, Iterable) and all(kind in own for kind in given)
        self.allowed = _check_names("kind of fault", given, own if all_own else [*own, *self.extensions.fault_kinds])

    @property
    def target(self) -> str:
        """How `ctx` behaves: "guide" as the guide promises, "host" as today's host does."""
        return self._target

    @target.setter
    def target(self, name: str) -> None:
        (self._target,) = _check_names("target", [name], TARGETS)

    @property
    def folder(self) -> Path:
        """The folder of relative paths: that of `world.py`, or the current directory."""
        return (self.script.root if self.script is not None else None) or Path()

    @classmethod
    def load(
        cls, path: str | Path, *, tenant_id: str = TENANT, tz: str | None = None, extensions: Iterable[object] = ()
    ) -> Self:
        """Load the world that a `world.py` describes.

        Its `setup` is called when the world begins: by the first run or simulation, or by `world.begin`.
        """
        world = cls(tenant_id, tz, extensions=extensions)
        world.script = WorldScript.load(path)  # type: ignore[arg-type] # accepts text, too
        return world

    @classmethod
    def for_folder(cls, root: Path | None, tenant_id: str = TENANT, seed: int = 0) -> Self:
        """Load the `world.py` in a plugin's folder; without one, make an empty world.

        `seed` seeds `world.random`. For any tenant but the default one, the tenant's name is part of the seed, so that
        requests do not fail at all tenants in the same minute.
        """
        if not tenant_id.isprintable():
            msg = f"a tenant has a name such as 'acme', got {tenant_id!r}"
            raise WorldError(msg)
        if root is not None and (root / FILE).is_file():
            world = cls.load(root / FILE, tenant_id=tenant_id)
        else:
            world = cls(tenant_id)
        world.random.seed(seed if tenant_id == TENANT else f"{seed} {tenant_id}")
        return world

    @classmethod
    def of(cls, root: Path | None, tenant_id: str = TENANT, seed: int = 0) -> Self:
        """Old name of `for_folder`."""
        return cls.for_folder(root, tenant_id, seed)

    def expect_failure(self, job: str, start: str | datetime, end: str | datetime, *, because: str) -> None:
        """Expect every run of a job in [start, end) to fail; a run that succeeds is then a failure."""
        expectation = Expectation(job=job, start=start, end=end, because=because)
        expectation.check(self.zone)
        self.expectations.append(expectation)

    def expected(self, job: str, epoch: float) -> str | None:
        """Return why a job is expected to fail at an instant (epoch seconds), or None."""
        return expected_reason(self.expectations, job, epoch, self.zone)

    def begin(self, at: str | datetime, tz: ZoneInfo | str | None = None, plugin: Plugin | None = None) -> None:
        """Begin the world's time at `at`: call `setup` of its script, and date the files that have no time yet.

        Only the first call does this. Runs and simulations call it; call it yourself to change what `setup` made
        before the first run. `plugin` is passed to extensions.
        """
        if not self._begun:
            self._zone = times.zone(tz) if tz is not None else self.zone
        beginning = times.instant_in_range(at, self.zone)
        self.files.begin(beginning)  # in a world that has begun, it dates files that were written since
        if self._begun:
            return
        self._begun = True
        if self.script is not None or self.extensions:
            with VirtualClock(beginning, self.zone):
                self.extensions.configure(plugin)
                if self.script is not None:
                    self.script.begin(self)

    def refuse_to_go_back(self, beginning: datetime) -> None:
        """Raise WorldError if a simulation begins before the latest run of the world: it would meet its own traces."""
        if self.reached is not None and beginning.timestamp() < self.reached:
            been = datetime.fromtimestamp(self.reached, self.zone)
            msg = (
                f"the world has been at {times.format_time(been)} already, and cannot begin again at "
                f"{times.format_time(beginning)}; keep before = world.snapshot(), "
                "and give world.at(before) to each simulation"
            )
            raise WorldError(msg)

    def snapshot(self) -> Snapshot:
        """Return the state of the world now, for `restore` and `diff`; it is fast, because nothing is copied.

        Variables of `world.py` are not included.
        """
        extensions = self.extensions
        services = extensions.services if extensions else _NO_SERVICES
        settings = (*_settings(self), tuple(self.expectations))
        if self._settings != settings:
            self._settings = settings
        return make_snapshot(
            origin=self,
            taken=clock.now(self.zone) if clock.is_virtual() else None,
            files=self.files.snapshot(),
            tables=self.db.snapshot(),
            secrets=self.secrets.snapshot(),
            llm=self.llm.snapshot(),
            http=self._http.get_state() if self._http is not None else None,
            jobs=self.jobs.snapshot(),
            memory=self.memory.snapshot(),
            events=self.events.snapshot(),
            random=self.random.snapshot(),
            services={name: each.snapshot() for name, each in services.items()} if services else _NO_SERVICES,
            settings=self._settings,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Set the world to the state of a snapshot, which may be of another world."""
        if not isinstance(snapshot, Snapshot):
            msg = f"world.restore takes what world.snapshot() returned, got {snapshot!r}"
            raise WorldError(msg)
        self.files.restore(snapshot.files)
        self.db.restore(snapshot.tables)
        self.secrets.restore(snapshot.secrets)
        origin = snapshot.origin
        if origin is not self and isinstance(origin, World) and origin not in self._origins:
            self._origins = (*self._origins, *origin._origins, origin)  # noqa: SLF001  same class
        self.llm.restore(snapshot.llm, self._adapt)
        if snapshot.http is not None:
            self.http.set_state(snapshot.http, self._adapt)
        elif self._http is not None:
            self._http.routes.clear()
            self._http.forget()
        self.jobs.restore(snapshot.jobs)
        self.memory.restore(snapshot.memory)
        self.events.restore(snapshot.events)
        self.random.restore(snapshot.random)
        for name, state in snapshot.services.items():
            self.extensions.services[name].restore(state)
        *settings, expectations = snapshot.settings
        for name, value in zip(_SETTINGS, settings, strict=True):
            setattr(self, name, value)
        self.expectations = list(expectations)
        self.reached = snapshot.taken.timestamp() if snapshot.taken is not None else None

    def _adapt(self, value: Any) -> Any:
        """Return a function of a world that this one is a copy of, as this one's."""
        return rebind(value, self._origins, self) if self._origins else value

    def at(self, snapshot: Snapshot, tenant_id: str | None = None) -> Self:
        """Return a new world in the state of a snapshot, of this or another tenant; neither changes the other."""
        world = type(self)(tenant_id or self.tenant_id, user_id=self.user_id, role=self.role)
        world._extensions = Extensions(self.extensions.manager, world, known_kinds())  # noqa: SLF001  same class
        world.tz, world.script = self.tz, self.script
        world.secrets.ever |= self.secrets.ever
        world.secrets.own |= self.secrets.own
        world.restore(snapshot)
        return world

    def difference(self, before: Snapshot, after: Snapshot) -> Difference:
        """Return the changes from one snapshot to another, as `diff` does."""
        return diff(before, after)

    def context(self, plugin: Plugin | None = None) -> FakeContext:
        """Return a `ctx` as a job of the plugin gets it; without a plugin, everything is permitted."""
        if plugin is None:
            return self.open(self.recorder(None), None, self.zone)
        self.install(plugin.jobs)
        return self.open(self.recorder(plugin.root), plugin.manifest.permissions, self.zone)

    def install(self, jobs: Mapping[str, Job], tz: ZoneInfo | None = None) -> None:
        """Add a plugin's jobs to the table `plugin_jobs`; their schedules are in `tz`, if given."""
        for name, job in jobs.items():
            self.jobs.install(job.manifest.slug, name, job.schedule_in(tz or self.tz))

    def open(
        self,
        recorder: Recorder,
        permissions: frozenset[str] | None,
        zone: ZoneInfo,
        injector: FaultInjector | None = None,
    ) -> FakeContext:
        """Return the context of one run; `injector` applies a fault plan to it."""
        allowed = permissions if self.permissions is None else self.permissions
        return TARGETS[self._target](
            self.tenant_id,
            self.user_id,
            self.role,
            stores=self,
            recorder=recorder,
            permissions=allowed,
            zone=zone,
            injector=injector,
        )


def _check_names(what: str, names: Collection[str], known: Collection[str]) -> frozenset[str]:
    if not isinstance(names, Iterable):
        msg = f"a {what} must be a name or a list of names, got {names!r}"
        raise WorldError(msg)
    given = [names] if isinstance(names, str) else names
    for name in given:
        if not isinstance(name, str) or name not in known:
            hint = did_you_mean(f"{name}", known) or f"; use one of {', '.join(sorted(known))}"
            msg = f"unknown {what} {name!r}{hint}"
            raise WorldError(msg)
    return frozenset(given)
