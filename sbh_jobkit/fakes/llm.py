"""The tenant's language model, scripted: text, or a function of the prompt, by regular expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import WorldError
from sbh_jobkit.fakes.faults import latency as _latency
from sbh_jobkit.fakes.persistent_list import ListSnapshot, PersistentList

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sbh_jobkit.fakes.faults.latency import Latency
    from sbh_jobkit.run.run import LlmCall

    Answer = str | Exception | type[Exception] | Callable[[str], str]


@dataclass(frozen=True, slots=True, eq=False)
class _Reply:
    """A pattern and its answers, of which the last one repeats."""

    pattern: re.Pattern[str]
    answers: list[Any]
    seconds: float

    def answer(self, given: int) -> Any:
        return self.answers[min(given, len(self.answers) - 1)]


@dataclass(frozen=True, slots=True)
class LlmState:
    """The replies, how many answers each has given, and what was asked, at one moment."""

    replies: tuple[_Reply, ...]
    given: tuple[int, ...]
    calls: ListSnapshot[LlmCall]


class LlmScript:
    """`world.llm`: what the model answers; the latest reply whose `when` is found in the prompt counts."""

    def __init__(self) -> None:
        """Start with a default answer that is plainly fake."""
        self._replies: list[_Reply] = []
        self._given: list[int] = []
        self._kept: LlmState | None = None
        self.calls: PersistentList[LlmCall] = PersistentList()
        """Every prompt and its answer."""

    def __repr__(self) -> str:
        """Count replies and calls."""
        return f"<llm: {len(self._replies)} replies, {len(self.calls)} calls>"

    def reply(self, answer: Answer | Sequence[Answer], *, when: str = "", latency: Latency = 0) -> None:
        """Answer with a text, what a function makes of the prompt, or an exception, for prompts that match `when`.

        A list answers one prompt after the other, and its last answer repeats. Each takes `latency`, virtual time:
        seconds, or text such as "300ms" or "2s".
        """
        answers = list(answer) if isinstance(answer, (list, tuple)) else [answer]
        for one in answers or [answer]:
            if not isinstance(one, (str, Exception)) and not callable(one):
                kinds = "text, an exception, a function of the prompt, or a list of these"
                msg = f"world.llm.reply takes {kinds}, got {one!r}"
                raise WorldError(msg)
        try:
            pattern = re.compile(when)
        except (re.error, TypeError) as error:
            msg = f"world.llm.reply: when={when!r} is not a regular expression: {error}"
            raise WorldError(msg) from error
        self._replies.insert(0, _Reply(pattern, answers, _latency.read(latency, "world.llm.reply: latency")))
        self._given.insert(0, 0)

    def answer(self, prompt: str) -> str:
        """Return the scripted answer to a prompt, or raise the scripted error, after its latency."""
        for number, reply in enumerate(self._replies):
            if reply.pattern.search(prompt):
                answer = reply.answer(self._given[number])
                self._given[number] += 1
                _latency.advance(reply.seconds)
                if isinstance(answer, str):
                    return answer
                if _is_failure(answer):
                    raise answer
                return str(answer(prompt))
        return f"[fake answer to a prompt of {len(prompt)} characters]"

    def snapshot(self) -> LlmState:
        """Keep what it would answer next, and what it was asked."""
        state = LlmState(tuple(self._replies), tuple(self._given), self.calls.snapshot())
        self._kept = self._kept if self._kept == state else state
        return self._kept

    def restore(self, state: LlmState) -> None:
        """Answer as it would have at a snapshot."""
        self._replies, self._given = list(state.replies), list(state.given)
        self.calls.restore(state.calls)


def _is_failure(answer: Any) -> bool:
    return isinstance(answer, Exception) or (isinstance(answer, type) and issubclass(answer, Exception))
