"""Sends alerts: one thread looks at the rows of the store, and tells the webhook of each tenant what has changed.

A change is written down as known before it is sent, so it is sent at most once, also where the server is killed; a POST
that fails is sent again as often as the tenant says.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from sbh_jobkit.engines import alerts
from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.manual import ManualOnly
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.live.secrets import LiveSecrets
from sbh_jobkit.live.webhook import Webhook
from sbh_jobkit.schedule.policies import ALL_JOBS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sbh_jobkit.engines.alerts import Alert
    from sbh_jobkit.engines.planner import Key
    from sbh_jobkit.engines.served import ServedJob
    from sbh_jobkit.engines.store import Store
    from sbh_jobkit.live.settings import Settings

_LOG = logging.getLogger("sbh_jobkit.alerts")
_LOOK = 5.0
"""Seconds between two looks; a run that ends causes one at once."""


class Alerting:
    """Looks and sends, from `start` to `stop`."""

    def __init__(
        self,
        store: Store,
        jobs: Callable[[], Mapping[Key, ServedJob]],
        tenants: Callable[[], Iterable[Settings]],
    ) -> None:
        """Ask for what is served, and by which settings, at each look."""
        self._store = store
        self._jobs = jobs
        self._tenants = tenants
        self._woken, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="sbh-alerts", daemon=True)

    def start(self) -> None:
        """Record the current state without alerting, and start the thread."""
        self.look()
        self._thread.start()

    def wake(self, _: object = None) -> None:
        """Look soon: a run has ended."""
        self._woken.set()

    def stop(self) -> None:
        """Send what has happened, each once, and end."""
        self._stopping.set()
        self._woken.set()
        self._thread.join()

    def look(self) -> None:
        """Find what has changed and send it."""
        for settings in self._tenants():
            if settings.alerts.webhook is not None:
                limits = {key: _limit(settings, job) for key, job in self._jobs().items() if key[0] == settings.id}
                with self._store.write() as connection:
                    found = alerts.look(connection, settings.id, limits, now())
                self._send(settings, found)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._woken.wait(_LOOK)
            self._woken.clear()
            try:
                self.look()
            except DBAPIError as error:
                _LOG.warning("alerts wait, since the store cannot be used: %s", f"{error.orig}".strip())
            except Exception:  # noqa: BLE001  a thread that ends here would never tell anybody of a failure again
                _LOG.exception("looking for alerts has failed")

    def _send(self, settings: Settings, found: Iterable[Alert]) -> None:
        if not (found := list(found)):
            return
        given = settings.alerts
        try:
            secrets = LiveSecrets.from_settings(settings, os.environ) if given.secret else {}
        except JobkitError as error:
            jobs = ", ".join(dict.fromkeys(each.key[2] for each in found))
            _LOG.error("%s: alerts of %s were not sent: %s", settings.id, jobs, error)
            return
        hook = Webhook(
            f"{given.webhook}", secrets, secret=given.secret, retries=given.retries, wait=self._stopping.wait
        )
        try:
            for each in found:
                if (why := hook.send(each.to_json())) is not None:
                    _LOG.error("%s: the alert that %s/%s %s was not sent: %s", *each.key, _WORDS[each.kind], why)
        finally:
            hook.close()


_WORDS = {"failed": "has failed", "late": "is late", "recovered": "has recovered"}


def _limit(settings: Settings, job: ServedJob) -> float | None:
    """Return for how many seconds a job may be without success; `*` is for those that have a schedule."""
    late = settings.alerts.late
    planned = job.planned
    if planned.job in late:
        return late[planned.job]
    return None if isinstance(planned.schedule, ManualOnly) else late.get(ALL_JOBS)
