"""What each page shows and each form does, for one caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from starlette.responses import RedirectResponse, Response

from sbh_jobkit.engines import pauses
from sbh_jobkit.engines.asking import AlreadyRunning, PluginDisabled
from sbh_jobkit.engines.history import Going, Wanted
from sbh_jobkit.engines.instants import from_store, now, to_store
from sbh_jobkit.engines.pauses import NotPaused, Scope
from sbh_jobkit.engines.schema import State
from sbh_jobkit.server.answer import ApiError
from sbh_jobkit.server.job_api import read_row
from sbh_jobkit.server.pages import overview
from sbh_jobkit.server.pages.details import job_facts, run_facts, run_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sbh_jobkit.engines.planner import Key
    from sbh_jobkit.server.service import InstalledPlugin, Service
    from sbh_jobkit.server.tokens import Token

    Page = tuple[str, dict[str, Any]]

_RECENT, _PAGE = 15, 50
_SOONEST_REFRESH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One request for a page, of somebody who has signed in."""

    service: Service
    caller: Token
    tenants: Sequence[str]
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]

    @property
    def refresh(self) -> int:
        """Seconds after which the page was asked to load again; 0 for never."""
        text = self.query.get("refresh", "")
        is_number = text.isascii() and text.isdecimal() and len(text) < 6  # noqa: PLR2004  a day
        return max(int(text), _SOONEST_REFRESH) if is_number and int(text) else 0

    def overview(self) -> Page:
        """Show all jobs, and what matters now."""
        plugins = [each for tenant in self.tenants for each in self.service.plugins(tenant)]
        rows = overview.job_rows(self.service, plugins)
        recent = run_rows(self.service, Wanted(tenant=self._only), most=_RECENT)
        mine = [each for each in recent["ended"] if each["run"].tenant in self.tenants]
        return "server/overview", {
            "warnings": overview.warnings(self.service, self.tenants),
            "rows": rows,
            "days": [(row, overview.day_of(self.service, row)) for row in rows],
            "plugins": [(each, overview.plugin_pause(self.service, each)) for each in plugins],
            "recent": mine,
            "failing": sum(row.is_failing for row in rows),
            "running": sum(len(row.going) for row in rows),
            "late": sum(row.is_late for row in rows),
            "url": self.service.address.url,
            "address": address,
        }

    @property
    def _only(self) -> str | None:
        return self.tenants[0] if len(self.tenants) == 1 else None

    def job(self) -> Page:
        """Show one job."""
        found, key = self._job
        facts = job_facts(self.service, found, key)
        (row,) = [each for each in overview.job_rows(self.service, [found]) if each.key == key]
        return "server/job", {"key": key, "row": row, "plugin": found.plugin, **facts, "address": address}

    def run(self) -> Page:
        """Show one run."""
        found, key = self._job
        row = read_row(self.service, key, self._fire, _number(self.query.get("attempt", "1")))
        if row is None:
            raise ApiError(404, "The job has no such run.")
        if isinstance(row, Going):
            return "server/going", {"key": key, "row": row, "number": self.path["number"], "address": address}
        return "server/run", {"key": key, **run_facts(found, row), "address": address}

    def runs(self) -> Page:
        """Show runs, filtered by what stands in the address."""
        tenant, plugin, job = (self.query.get(name) or None for name in ("tenant", "plugin", "job"))
        tenant = tenant or self._only
        if tenant is not None and tenant not in self.tenants:
            raise ApiError(403, "Your token is not for this tenant.")
        only_failed = self.query.get("outcome") == "failed"
        wanted = Wanted(tenant=tenant, plugin=plugin, job=job)
        before = _number(self.query["before"]) if self.query.get("before") else None
        found = run_rows(self.service, wanted, most=_PAGE, before=before, only_failed=only_failed)
        kept = {name: value for name, value in self.query.items() if name != "before" and value}
        following = f"/runs?{urlencode({**kept, 'before': found['next']})}" if found["next"] else None
        return "server/runs", {
            "runs": found,
            "chosen": {name: self.query.get(name, "") for name in ("tenant", "plugin", "job", "outcome")},
            "tenants": self.tenants,
            "following": following,
            "address": address,
        }

    def confirm(self) -> Page:
        """Say what a run by hand will do."""
        found, key = self._job
        settings = self.service.tenants[key[0]]
        return "server/confirm", {
            "key": key,
            "plugin": found.plugin,
            "disabled": found.installation.disabled,
            "limits": settings.limits,
            "policy": self.service.engine.jobs[key].planned.policy,
            "address": address,
        }

    def run_now(self) -> Response:
        """Run a job by hand, and show its run."""
        _, key = self._job
        try:
            fire = self.service.engine.run_now(key, self.caller.name)
        except (AlreadyRunning, PluginDisabled) as error:
            raise ApiError(409, f"{error}.") from error
        return RedirectResponse(f"{address(key)}/runs/{to_store(fire)}", 303)

    def cancel(self) -> Response:
        """End a run."""
        _, key = self._job
        was = self.service.engine.cancel(key, self._fire, self.caller.name)
        if was is None:
            raise ApiError(404, "The job has no such run.")
        if was is State.ENDED:
            raise ApiError(409, "The run has ended already.")
        return RedirectResponse(f"{address(key)}/runs/{self.path['number']}", 303)

    def switch(self) -> Response:
        """Enable, disable, pause or resume a plugin."""
        what = self.path["what"]
        if what not in {"enable", "disable", "pause", "resume"}:
            raise ApiError(404, "There is no such form.")
        self._require_tenant()
        tenant, slug = self.path["tenant"], self.path["plugin"]
        if what in {"enable", "disable"}:
            self.service.switch(tenant, slug, self.caller.name, on=what == "enable")
        else:
            self.service.plugin(tenant, slug)
            self._pause(Scope(tenant=tenant, plugin=slug), on=what == "pause")
        return RedirectResponse("/", 303)

    def pause(self) -> Response:
        """Let no fire time of a job start."""
        _, key = self._job
        self._pause(overview.scope_of(key), on=True)
        return RedirectResponse(address(key), 303)

    def resume(self) -> Response:
        """Let a job start again."""
        _, key = self._job
        self._pause(overview.scope_of(key), on=False)
        return RedirectResponse(address(key), 303)

    def _pause(self, scope: Scope, *, on: bool) -> None:
        try:
            with self.service.store.write() as connection:
                (pauses.begin if on else pauses.end)(connection, scope, self.caller.name, now())
        except NotPaused as error:
            raise ApiError(409, f"{error}.") from error

    def _require_tenant(self) -> None:
        if self.path["tenant"] not in self.tenants:
            raise ApiError(404, "There is no such tenant, or your token is not for it.")

    @property
    def _job(self) -> tuple[InstalledPlugin, Key]:
        self._require_tenant()
        found = self.service.plugin(self.path["tenant"], self.path["plugin"])
        key = found.key(found.job(self.path["job"]).name)
        if key not in self.service.engine.jobs:
            raise ApiError(404, "The job is not served.")
        return found, key

    @property
    def _fire(self) -> float:
        return from_store(_number(self.path["number"]))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 17):  # noqa: PLR2004  2**53
        raise ApiError(404, "This is not the number of a run.")
    return int(text)


def address(key: Key) -> str:
    """Return the address of a job's page."""
    return "/jobs/" + "/".join(quote(part, safe="") for part in key)
