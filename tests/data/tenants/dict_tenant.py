"""A tenant of dictionaries for a run's child process; its factory is named in requests as `dict_tenant:make`."""

from contextlib import nullcontext
from types import SimpleNamespace

from sbh_jobkit.context.context import PluginContext
from sbh_jobkit.extensions.registry import Extensions
from sbh_jobkit.run.recorder import Recorder
from sbh_jobkit.run.redaction import Redactor
from sbh_jobkit.run.session import Limits

MADE = []
"""The tenants that were made in this process."""


class DictTenant:
    """A tenant with secrets only."""

    id = "acme"

    def __init__(self, settings):
        """Take secrets and limits."""
        self.secrets = dict(settings.get("secrets", {}))
        self.limits = Limits(seconds=settings.get("seconds", 30.0), memory_mb=settings.get("memory_mb", 100.0))
        self.earlier = {}
        if settings.get("once") and MADE:
            msg = "a second tenant cannot be made in this process"
            raise ConnectionError(msg)
        MADE.append(self.id)
        self.is_down = settings.get("is_down", False)
        self.files, self.db, self.http, self.llm = {}, {}, {}, None
        self.hints = SimpleNamespace(secret=lambda _: None, table=lambda _: None)
        self.extensions, self.memory_is_near = Extensions(None, None, ()), lambda: False

    def redactor(self):
        """Return the redactor of the secrets."""
        return Redactor({**self.earlier, **{value: name for name, value in self.secrets.items()}})

    def remember(self, secrets):
        """Keep secrets of earlier runs out of what is kept."""
        self.earlier = dict(secrets)

    def close(self):
        """Have nothing to close."""

    def open(self, job, fire, naive_in):
        """Open a session."""
        if self.is_down:
            msg = "the database is down"
            raise ConnectionError(msg)
        recorder = Recorder(self.redactor, job.root)
        context = PluginContext(self.id, f"{fire:.0f}", services=self, recorder=recorder, zone=naive_in)
        nothing = dict.fromkeys(("rules", "before", "after", "expected"))
        end = {"redactor": self.redactor, "finish": lambda *_: None, "injected": (), "limits": self.limits}
        return nullcontext(SimpleNamespace(context=context, recorder=recorder, **nothing, **end))


make = DictTenant
