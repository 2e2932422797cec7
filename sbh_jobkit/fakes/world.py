"""The fake tenant, as its author sees it: everything a job can meet, to fill and to look at."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit import clock
from sbh_jobkit.clock import VirtualClock
from sbh_jobkit.display import Shown
from sbh_jobkit.errors import WorldError, did_you_mean
from sbh_jobkit.extensions.manager import manager
from sbh_jobkit.extensions.registry import Extensions
from sbh_jobkit.fakes.context import FakeContext
from sbh_jobkit.fakes.diff import diff
from sbh_jobkit.fakes.expectations import Expectation, reason
from sbh_jobkit.fakes.host.context import HostContext
from sbh_jobkit.fakes.script import FILE, WorldScript
from sbh_jobkit.fakes.snapshot import Snapshot
from sbh_jobkit.fakes.stores import Stores
from sbh_jobkit.plugin.manifest import PERMISSIONS
from sbh_jobkit.run.recorder import known_kinds
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.diff import Difference
    from sbh_jobkit.fakes.faults.injector import FaultInjector
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.run.recorder import Recorder

TARGETS = {"guide": FakeContext, "host": HostContext}
"""What answers a job, by what it is asked to be like: the guide's promises, or today's host."""


TENANT = "acme"
"""The tenant that is meant where none is named."""
_SETTINGS = ("allowed", "permissions", "_time_limit", "loopback", "_target", "_zone", "_begun")
"""What a snapshot keeps of a world beside its services."""
_settings = attrgetter(*_SETTINGS)
_NO_SERVICES: Mapping[str, Any] = {}


class World(Stores, Shown):
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
        """Start empty.

        `tz` names the zone of naive times (the plugin's, or UTC); `permissions` override the manifest's;
        `time_limit` is in seconds of a run; `allow` names kinds of fault that do not fail a run;
        `loopback` lets jobs reach real servers of this machine; `target="host"` answers as today's host does;
        `extensions` are modules or objects that add to the world, beside those that are installed.
        """
        super().__init__(tenant_id, user_id, role)
        self.tz = times.zone(tz) if tz is not None else None
        self._zone = self.tz
        if extensions:
            self._extensions = Extensions(manager(extensions), self, known_kinds())
        if permissions is not None:
            self.permissions = _known("permission", permissions, PERMISSIONS)
        self.allow = allow
        self.time_limit = time_limit
        self.loopback = loopback
        self.target = target
        self.expectations: list[Expectation] = []
        self.script: WorldScript | None = None
        self._begun = False
        self._settings: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        """Say whose world it is and what it holds."""
        return f"<World {self.tenant_id!r}: {self.db!r} {self.files!r} {self.secrets!r} {len(self.events)} events>"

    @property
    def time_limit(self) -> float:
        """How long a run may take, in seconds."""
        return self._time_limit

    @time_limit.setter
    def time_limit(self, seconds: float) -> None:
        self._time_limit = check_time_limit(seconds)

    @property
    def allow(self) -> Collection[str]:
        """Kinds of fault that do not fail a run."""
        return self.allowed

    @allow.setter
    def allow(self, kinds: Collection[str]) -> None:
        own = known_kinds()
        given = [kinds] if isinstance(kinds, str) else kinds
        all_own = isinstance(given, Iterable) and all(kind in own for kind in given)
        self.allowed = _known("kind of fault", given, own if all_own else [*own, *self.extensions.fault_kinds])

    @property
    def target(self) -> str:
        """Whose answers a job gets: "guide", what is promised, or "host", what today's host does."""
        return self._target

    @target.setter
    def target(self, name: str) -> None:
        (self._target,) = _known("target", [name], TARGETS)

    @property
    def folder(self) -> Path:
        """Where relative paths begin: beside the `world.py` that describes the world, if one does."""
        return (self.script.root if self.script is not None else None) or Path()

    @classmethod
    def load(
        cls, path: str | Path, *, tenant_id: str = TENANT, tz: str | None = None, extensions: Iterable[object] = ()
    ) -> Self:
        """Make the world that a `world.py` describes; its `setup` is called when the world begins."""
        world = cls(tenant_id, tz, extensions=extensions)
        world.script = WorldScript.load(path)  # type: ignore[arg-type] # text is a path, too
        return world

    @classmethod
    def for_folder(cls, root: Path | None, tenant_id: str = TENANT, seed: int = 0) -> Self:
        """Load the `world.py` in a plugin's folder; without one, make an empty world.

        `seed` seeds `world.random`. For any tenant but the default one, the tenant's name is part of the seed, so that
        requests do not fail at all tenants in the same minute.
        """
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
        """Expect every run of a job in [start, end) to fail; one that does not fail is then the failure."""
        expectation = Expectation(job=job, start=start, end=end, because=because)
        expectation.check(self.zone)
        self.expectations.append(expectation)

    def expected(self, job: str, epoch: float) -> str | None:
        """Say why a job is expected to fail at an instant, or None."""
        return reason(self.expectations, job, epoch, self.zone) if self.expectations else None

    def begin(self, at: str | datetime, tz: ZoneInfo | str | None = None, plugin: Plugin | None = None) -> None:
        """Start the world's time, once: `setup` of its script is called, and files without a time are new then.

        Runs and simulations do it; do it yourself to change what `setup` made before the first of them. Extensions
        are told the plugin that will run there.
        """
        if not self._begun:
            self._zone = times.zone(tz) if tz is not None else self.zone
        beginning = times.instant(at, self.zone)
        self.files.begin(beginning)  # in a world that goes on, those that were written since
        if self._begun:
            return
        self._begun = True
        if self.script is not None or self.extensions:
            with VirtualClock(beginning, self.zone):
                self.extensions.configure(plugin)
                if self.script is not None:
                    self.script.begin(self)

    def snapshot(self) -> Snapshot:
        """Keep the world as it is now, to go back to or to compare with; nothing is copied.

        What `world.py` keeps in variables of its own is no part of it.
        """
        services, settings = self.extensions.services, (*_settings(self), tuple(self.expectations))
        self._settings = self._settings if self._settings == settings else settings
        return Snapshot(
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
            services={name: service.snapshot() for name, service in services.items()} if services else _NO_SERVICES,
            settings=self._settings,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Make the world what it was when a snapshot was taken, of it or of another world."""
        if not isinstance(snapshot, Snapshot):
            msg = f"world.restore takes what world.snapshot() returned, got {snapshot!r}"
            raise WorldError(msg)
        self.files.restore(snapshot.files)
        self.db.restore(snapshot.tables)
        self.secrets.restore(snapshot.secrets)
        self.llm.restore(snapshot.llm)
        if snapshot.http is not None:
            self.http.set_state(snapshot.http)
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

    def at(self, snapshot: Snapshot) -> Self:
        """Return a world of its own as it was when a snapshot was taken; what is done there changes nothing here."""
        world = type(self)(self.tenant_id, user_id=self.user_id, role=self.role)
        world._extensions = Extensions(self.extensions.manager, world, known_kinds())  # noqa: SLF001  one of us
        world.tz, world.script = self.tz, self.script
        world.secrets.ever |= self.secrets.ever
        world.restore(snapshot)
        return world

    def difference(self, before: Snapshot, after: Snapshot) -> Difference:
        """Return what changed between two snapshots; what they share costs nothing."""
        return diff(before, after)

    def context(self, plugin: Plugin | None = None) -> FakeContext:
        """Return what a job of the plugin would be called with."""
        if plugin is None:
            return self.open(self.recorder(None), None, self.zone)
        self.install(plugin.jobs)
        return self.open(self.recorder(plugin.root), plugin.manifest.permissions, self.zone)

    def install(self, jobs: Mapping[str, Job], tz: ZoneInfo | None = None) -> None:
        """List a plugin's jobs in the table `plugin_jobs`, scheduled as if `tz` were in force."""
        for name, job in jobs.items():
            self.jobs.install(job.manifest.slug, name, job.schedule_in(tz or self.tz))

    def open(
        self,
        recorder: Recorder,
        permissions: frozenset[str] | None,
        zone: ZoneInfo,
        injector: FaultInjector | None = None,
    ) -> FakeContext:
        """Return the context of one run; `injector` is what a fault plan does to it."""
        allowed = permissions if self.permissions is None else self.permissions
        return TARGETS[self.target](
            self.tenant_id,
            self.user_id,
            self.role,
            stores=self,
            recorder=recorder,
            permissions=allowed,
            zone=zone,
            injector=injector,
        )


def _known(what: str, names: Collection[str], known: Collection[str]) -> frozenset[str]:
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


def check_time_limit(seconds: float) -> float:
    """Return how long a run may take; raises WorldError for what is no such time."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < inf:
        msg = f"time_limit must be a number of seconds above 0, got {seconds!r}"
        raise WorldError(msg)
    return float(seconds)
