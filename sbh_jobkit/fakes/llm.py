"""The tenant's language model: its answers are scripted, by a regular expression on the prompt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import Members, WorldError
from sbh_jobkit.fakes import answering
from sbh_jobkit.fakes.faults import latency as _latency
from sbh_jobkit.fakes.persistent_list import ListSnapshot, PersistentList

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sbh_jobkit.fakes.faults.latency import Latency
    from sbh_jobkit.run.run import LlmCall

    Answer = str | Exception | type[Exception] | Callable[[str], str]


@dataclass(frozen=True, slots=True, eq=False)
class _Reply:
    """A pattern and its answers; the last answer repeats."""

    pattern: re.Pattern[str]
    answers: list[Any]
    seconds: float

    def answer(self, used: int) -> Any:
        return self.answers[min(used, len(self.answers) - 1)]


@dataclass(frozen=True, slots=True)
class LlmState:
    """The replies, the number of answers used of each, and the calls, of a snapshot."""

    replies: tuple[_Reply, ...]
    used: tuple[int, ...]
    calls: ListSnapshot[LlmCall]


class LlmScript(Members):
    """`world.llm`: the model's answers; of the replies whose `when` matches a prompt, the last one added answers."""

    _called = "world.llm"

    def __init__(self) -> None:
        """Start without replies: every prompt gets a default answer that is plainly fake."""
        self._replies: list[_Reply] = []
        self._used: list[int] = []
        self._kept: LlmState | None = None
        self._adapt: Callable[[Any], Any] | None = None
        self.calls: PersistentList[LlmCall] = PersistentList()
        """Every prompt and its answer, oldest first."""

    def __repr__(self) -> str:
        """Show the numbers of replies and calls."""
        return f"<llm: {len(self._replies)} replies, {len(self.calls)} calls>"

    @property
    def has_replies(self) -> bool:
        """Whether any reply was added."""
        return bool(self._replies)

    def reply(self, answer: Answer | Sequence[Answer], *, when: str = "", latency: Latency = 0) -> None:
        """Answer prompts in which the regular expression `when` is found.

        `answer` is text, an exception to raise, a function of the prompt, or a list of these: one per prompt, the last
        one repeats. Each answer takes `latency` of virtual time: seconds, or text such as "300ms" or "2s".
        """
        answers = list(answer) if isinstance(answer, (list, tuple)) else [answer]
        for each in answers or [answer]:
            if not isinstance(each, (str, Exception)) and not callable(each):
                kinds = "text, an exception, a function of the prompt, or a list of these"
                msg = f"world.llm.reply takes {kinds}, got {each!r}"
                raise WorldError(msg)
        try:
            pattern = re.compile(when)
        except (re.error, TypeError) as error:
            msg = f"world.llm.reply: when={when!r} is not a regular expression: {error}"
            raise WorldError(msg) from error
        self._replies.insert(0, _Reply(pattern, answers, _latency.read(latency, "world.llm.reply: latency")))
        self._used.insert(0, 0)

    def answer(self, prompt: str) -> str:
        """Wait the reply's latency, then return its answer, or raise its exception."""
        for number, reply in enumerate(self._replies):
            if reply.pattern.search(prompt):
                answer = reply.answer(self._used[number])
                self._used[number] += 1
                _latency.advance(reply.seconds)
                if isinstance(answer, str):
                    return answer
                if not _is_failure(answer):
                    function = answer if self._adapt is None else self._adapt(answer)
                    answer = answering.call(function, prompt, what=lambda: "the reply to a prompt")
                if _is_failure(answer):
                    raise answer
                if isinstance(answer, (int, float)) and not isinstance(answer, bool):
                    return str(answer)
                if not isinstance(answer, str):
                    raise answering.mistake(function, f"the reply to a prompt is {answer!r}", "return text")
                return answer
        return f"[fake answer to a prompt of {len(prompt)} characters]"

    def snapshot(self) -> LlmState:
        """Return the replies and the calls as they are now."""
        kept, now = self._kept, (tuple(self._replies), tuple(self._used), self.calls.snapshot())
        if kept is None or (kept.replies, kept.used, kept.calls) != now:
            kept = self._kept = LlmState(*now)
        return kept

    def restore(self, state: LlmState, adapt: Callable[[Any], Any]) -> None:
        """Set the replies and the calls of a snapshot, whose functions `adapt` turns into this world's."""
        self._replies, self._used = list(state.replies), list(state.used)
        self._adapt = adapt
        self.calls.restore(state.calls)


def _is_failure(answer: Any) -> bool:
    return isinstance(answer, Exception) or (isinstance(answer, type) and issubclass(answer, Exception))
