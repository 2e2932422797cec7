"""Numbers for Prometheus: of runs, as the platform's guide names them, and of the store and its processes."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from sbh_jobkit.run.run import Outcome

if TYPE_CHECKING:
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.server.gauges import Gauges

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_LABELS = ("tenant", "plugin", "job")
_LAST = 100
_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Metrics:
    """Counts runs as they end, since this process began."""

    def __init__(self) -> None:
        """Start at nothing."""
        disable_created_metrics()  # type: ignore[no-untyped-call] # a time for each series, which nobody asks for
        self._registry = CollectorRegistry()
        self._total = Counter("job_executions", "Job executions.", (*_LABELS, "outcome"), registry=self._registry)
        self._seconds = Histogram(
            "job_duration_seconds", "How long executions took.", _LABELS, registry=self._registry, buckets=_BUCKETS
        )
        text = f"The share of the last {_LAST} executions that succeeded."
        self._rate = Gauge("job_success_rate", text, _LABELS, registry=self._registry)
        text = "The most memory, in bytes, that the last execution used."
        self._memory = Gauge("job_memory_usage", text, _LABELS, registry=self._registry)
        text = "Fire times that ended without an execution."
        self._unstarted = Counter("job_unstarted", text, (*_LABELS, "outcome"), registry=self._registry)
        text = "How many executions have failed one after another, up to the last one."
        self._failures = Gauge("job_consecutive_failures", text, _LABELS, registry=self._registry)
        self._recent: dict[tuple[str, str, str], deque[bool]] = {}
        self._lock = threading.Lock()

    def ended(self, run: Run) -> None:
        """Count a run; one that did not start is no execution."""
        key = run.tenant, run.plugin, run.job
        if run.started_at is None:
            self._unstarted.labels(*key, run.outcome.value).inc()
            return
        with self._lock:
            recent = self._recent.setdefault(key, deque(maxlen=_LAST))
            recent.append(run.ok)
            self._rate.labels(*key).set(sum(recent) / len(recent))
        if run.ok:
            self._failures.labels(*key).set(0)
        elif run.outcome is not Outcome.CANCELLED:
            self._failures.labels(*key).inc()
        self._total.labels(*key, run.outcome.value).inc()
        self._seconds.labels(*key).observe(run.duration.total_seconds())
        if run.memory_mb is not None:
            self._memory.labels(*key).set(run.memory_mb * (1 << 20))

    def watch(self, gauges: Gauges) -> None:
        """Ask for the numbers of a store at each scrape, too."""
        self._registry.register(gauges)

    def text(self) -> bytes:
        """Return all of them as Prometheus reads them."""
        return generate_latest(self._registry)
