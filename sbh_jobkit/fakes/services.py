"""The backends of a fake tenant for one run: its stores, plus latency and injected faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbh_jobkit.context.backends import LlmAnswer, ServiceError
from sbh_jobkit.fakes.faults import latency
from sbh_jobkit.fakes.files import FakeFiles
from sbh_jobkit.fakes.repeats import Repeats

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from sbh_jobkit.context.backends import HttpBackend, Row
    from sbh_jobkit.extensions.registry import Extensions
    from sbh_jobkit.fakes.faults.injector import FaultInjector
    from sbh_jobkit.fakes.llm import LlmScript
    from sbh_jobkit.fakes.stores import Stores
    from sbh_jobkit.fakes.tables import Tables
    from sbh_jobkit.ports import Service
    from sbh_jobkit.run.recorder import Recorder

_MODEL = "fake-llm"


class FakeServices:
    """The services of a fake tenant, for one run."""

    __slots__ = ("_counts", "_injector", "_recorder", "_stores")

    def __init__(self, stores: Stores, recorder: Recorder, injector: FaultInjector | None = None) -> None:
        """Use the stores.

        `recorder` records files that come by a link; `injector` applies a fault plan to the run, None applies
        nothing.
        """
        self._stores = stores
        self._recorder = recorder
        self._injector = injector
        self._counts: Repeats | None = None

    @property
    def _repeats(self) -> Repeats:
        """The counts of equal calls, which most runs do not need."""
        if self._counts is None:
            self._counts = Repeats()
        return self._counts

    @property
    def secrets(self) -> MutableMapping[str, str]:
        """The secrets."""
        return self._stores.secrets

    @property
    def http(self) -> HttpBackend:
        """The routes; httpx and respx are imported here, when a job first uses them."""
        from sbh_jobkit.fakes.http.http import RoutedHttp
        from sbh_jobkit.fakes.links import LinkServer

        storage = LinkServer(self.files, self._stores.signer, self._recorder.upload)
        return RoutedHttp(self._stores.http, self._stores.redactor, storage, self._injector, self._repeats)

    @property
    def files(self) -> FakeFiles:
        """The object storage."""
        return FakeFiles(self._stores.files, self._stores.signer, self._injector, self._repeats)

    @property
    def db(self) -> FakeRows:
        """The tables."""
        return FakeRows(self._stores.db, self._injector, self._recorder, self._repeats)

    @property
    def llm(self) -> FakeLlm:
        """The scripted language model."""
        return FakeLlm(self._stores.llm, self._injector, self._repeats)

    @property
    def hints(self) -> WorldHints:
        """Advice: lines to paste into `world.py`."""
        return _HINTS

    @property
    def extensions(self) -> Extensions[Service]:
        """The services that extensions add to the world."""
        return self._stores.extensions

    def memory_is_near(self) -> bool:
        """Whether the scripted or measured memory is at 90 % of the limit or above."""
        return self._stores.memory.is_near


class WorldHints:
    """Lines that an author can paste into `world.py`."""

    __slots__ = ()

    def secret(self, key: str) -> str:
        """Return the line that sets a secret."""
        return f'world.secrets["{key}"] = "…"'

    def table(self, table: object) -> str:
        """Return the line that creates a table."""
        if not isinstance(table, str):
            return "give the table's name as text"
        return f'world.db.insert("{table}", [{{…}}]), or world.db.create("{table}") for an empty one'


_HINTS = WorldHints()


class FakeRows:
    """The tables of `world.db`."""

    __slots__ = ("_injector", "_recorder", "_repeats", "_tables")

    def __init__(
        self,
        tables: Tables,
        injector: FaultInjector | None,
        recorder: Recorder | None = None,
        repeats: Repeats | None = None,
    ) -> None:
        """Read the tables.

        `injector` may make queries fail, `recorder` records filters that cannot match, `repeats` ends a loop that
        waits for another answer.
        """
        self._repeats = repeats
        self._tables = tables
        self._injector = injector
        self._recorder = recorder

    def page(self, table: str, filters: Mapping[str, Any] | None, first: int, end: int) -> list[Row]:
        """Return copies of the matching rows with numbers in [first, end)."""
        self._look("query", table, filters, first)
        rows = self._tables.page(table, filters, first, end)
        if not rows and filters and first == 0 < end:
            self._explain("query", table, filters)
        return rows

    def has_row(self, table: str, filters: Mapping[str, Any] | None, number: int) -> bool:
        """Whether a row with that number matches, without a query: for what the kit notes itself."""
        return bool(self._tables.page(table, filters, number, number + 1))

    def get(self, table: str, id: Any) -> Row | None:  # noqa: A002  the contract's parameter name
        """Return a copy of the row with that id, or None."""
        self._look("get_by_id", table, id, None)
        return next(iter(self._tables.select(table, {"id": {"$eq": id}}, end=1)), None)

    def count(self, table: str, filters: Mapping[str, Any] | None) -> int:
        """Count matching rows."""
        self._look("count", table, filters, None)
        number = self._tables.count(table, filters)
        if not number and filters:
            self._explain("count", table, filters)
        return number

    def _look(self, member: str, table: str, asked: Any, first: int | None) -> None:
        self.connect()
        if self._repeats is not None:
            call = f"ctx.db.{member}({table!r})"
            self._repeats.check(lambda: f"{call}\n{asked!r} {first}", 'set world.db.latency = "5ms" in world.py')

    def _explain(self, member: str, table: str, filters: Mapping[str, Any]) -> None:
        """Record a filter that matches no row because of a mistake, such as a misspelt field."""
        if self._recorder is None or (first := self._tables.explain(table, filters)) is None:
            return
        message, advice = first
        self._recorder.fault("filter-invalid", f"ctx.db.{member}", f"table {table!r}: {message}", advice)

    def connect(self) -> None:
        """Wait the latency of one query; raises TimeoutError if an injected fault refuses it."""
        latency.advance(self._tables.latency)
        if self._injector is not None and (refusal := self._injector.on_request("db")) is not None:
            raise TimeoutError(refusal.text)


class FakeLlm:
    """The language model of `world.llm`; it counts a word as a token."""

    __slots__ = ("_injector", "_repeats", "_script")

    def __init__(self, script: LlmScript, injector: FaultInjector | None, repeats: Repeats) -> None:
        """Answer from the script; `injector` may make prompts fail, `repeats` ends a loop of equal ones."""
        self._repeats = repeats
        self._script = script
        self._injector = injector

    @property
    def default_model(self) -> str:
        """The model's name if the job gives none."""
        return _MODEL

    def tokens(self, text: str) -> int:
        """Count the words."""
        return len(text.split())

    def answer(self, prompt: str, model: str, temperature: float, max_tokens: int) -> LlmAnswer:
        """Return the scripted answer, cut to `max_tokens` words.

        Raises ServiceError for an injected fault, and the exception that the script has in place of an answer.
        """
        del model, temperature
        self._repeats.check(lambda: f"ctx.llm.run\n{prompt}", 'give the reply a latency: latency="2s"')
        if self._injector is not None and (refusal := self._injector.on_request("llm")) is not None:
            if refusal.answer is None:
                raise ServiceError(refusal.text)
            return LlmAnswer(refusal.answer, self.tokens(prompt), self.tokens(refusal.answer))
        text = " ".join(self._script.answer(prompt).split(" ")[:max_tokens])
        return LlmAnswer(text, self.tokens(prompt), self.tokens(text))
