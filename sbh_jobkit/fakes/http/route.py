"""One route of the tenant's internet: a respx route that can be slow and unreliable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx
import respx
from respx.models import SideEffectError

from sbh_jobkit.errors import WorldError
from sbh_jobkit.fakes.faults import latency as _latency

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from sbh_jobkit.fakes.faults.latency import Latency


class _Answers:
    """A route's list of answers, of which the last one repeats; they stay, so that a snapshot can go back to one."""

    __slots__ = ("_rest", "_taken")

    def __init__(self, answers: Iterator[Any] | Sequence[Any]) -> None:
        self._rest = iter(answers)
        self._taken: list[Any] = []

    def number(self, index: int) -> Any:
        while len(self._taken) <= index:
            try:
                answer = next(self._rest)
            except StopIteration:
                break
            # with a text of respx, an author would search for who said it
            fails = isinstance(answer, type) and issubclass(answer, httpx.RequestError)
            self._taken.append(_made(answer) if fails else answer)
        if not self._taken:
            msg = "a route's side_effect gave no answer at all"
            raise WorldError(msg)
        return self._taken[min(index, len(self._taken) - 1)]


@dataclass(frozen=True, slots=True)
class RouteState:
    """What a route matches and how it answers, at one moment."""

    pattern: Any
    name: str | None
    answer: httpx.Response | None
    effect: Any
    given: int
    calls: int
    passes: bool
    seconds: float
    rate: float
    failure: int | Exception | type[Exception]


class HttpRoute(respx.Route):
    """A respx route that can be slow and unreliable.

    Its list of answers repeats the last one, and its class of an error fails without a text.
    """

    def __init__(self, *patterns: Any, random: Callable[[], Random], **lookups: Any) -> None:
        """Match what the patterns match; `chance` gives what decides which requests fail."""
        self._given = 0
        super().__init__(*patterns, **lookups)
        self._random = random
        self.make_reliable()

    def make_reliable(self) -> None:
        """Answer at once, and never fail by chance."""
        self._seconds, self._rate = 0.0, 0.0
        self._failure: int | Exception | type[Exception] = 503

    def after(self, latency: Latency) -> Self:
        """Answer after that much virtual time: seconds, or text such as "300ms" or "2s"."""
        self._seconds = _latency.read(latency, "a route's after")
        return self

    def failing(self, rate: float, *, status_code: int = 503, error: Exception | type[Exception] | None = None) -> Self:
        """Fail that share of requests (0.1 is one in ten) by an error, if given, else by a status.

        Which ones is drawn from `world.random`, so the same seed has the same failures.
        """
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            msg = f"a route's failing: {rate!r} is not a share of requests; use a number from 0 to 1"
            raise WorldError(msg)
        failure = status_code if error is None else error
        if not _fails(failure):
            msg = f"a route's failing: {failure!r} is neither a status nor an exception"
            raise WorldError(msg)
        self._rate, self._failure = rate, failure
        return self

    def resolve(self, request: httpx.Request, **context: Any) -> Any:
        """Answer a request that matches."""
        _latency.advance(self._seconds)
        if not self._rate or self._random().random() >= self._rate:
            return super().resolve(request, **context)
        if isinstance(self._failure, int):
            return httpx.Response(self._failure, request=request)
        raise SideEffectError(self, origin=_made(self._failure))

    @property
    def side_effect(self) -> Any:
        """What answers instead of a fixed response: a function, an error, or a list of answers."""
        return self._side_effect

    @side_effect.setter
    def side_effect(self, effect: Any) -> None:
        self.pass_through(False)
        self._given = 0
        listed = bool(effect) and isinstance(effect, (Iterator, Sequence))
        self._side_effect: Any = _Answers(effect) if listed else effect or None

    def _next_side_effect(self) -> Any:
        effect = self._side_effect
        if isinstance(effect, _Answers):
            self._given += 1
            return effect.number(self._given - 1)
        return _made(effect) if isinstance(effect, type) and issubclass(effect, httpx.RequestError) else effect

    def for_world(self, random: Callable[[], Random]) -> HttpRoute:
        """Return the route itself in its own world, which `chance` tells, and a copy of it in another."""
        return self if random is self._random else HttpRoute(random=random)

    def get_state(self) -> RouteState:
        """Keep how it would answer next."""
        return RouteState(
            self._pattern,
            self._name,
            self._return_value,
            self._side_effect,
            self._given,
            len(self.calls),
            self._pass_through,
            self._seconds,
            self._rate,
            self._failure,
        )

    def set_state(self, state: RouteState) -> None:
        """Answer as it would have at a snapshot."""
        self._pattern = state.pattern
        self._return_value = state.answer
        self._side_effect, self._given = state.effect, state.given
        del self.calls[state.calls :]
        self._pass_through = state.passes
        self._seconds, self._rate, self._failure = state.seconds, state.rate, state.failure


def _fails(failure: object) -> bool:
    if isinstance(failure, type):
        return issubclass(failure, Exception)
    return isinstance(failure, Exception) or (isinstance(failure, int) and 100 <= failure <= 599)  # noqa: PLR2004  HTTP


def _made(failure: Exception | type[Exception]) -> Exception:
    if not isinstance(failure, type):
        return failure
    return failure("") if issubclass(failure, httpx.RequestError) else failure()
