"""One route of `world.http`: a respx route with latency and random failures."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx
import respx
from respx.models import SideEffectError

from sbh_jobkit.errors import WorldError
from sbh_jobkit.fakes import answering
from sbh_jobkit.fakes.faults import latency as _latency
from sbh_jobkit.fakes.http.near_miss import route_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from random import Random

    from sbh_jobkit.fakes.faults.latency import Latency


class _Answers:
    """A route's list of answers; the last one repeats. Used answers are kept, so that a snapshot can be restored."""

    __slots__ = ("_rest", "_used")

    def __init__(self, answers: Iterator[Any] | Sequence[Any]) -> None:
        self._rest = iter(answers)
        self._used: list[Any] = []

    def get(self, index: int) -> Any:
        while len(self._used) <= index:
            try:
                answer = next(self._rest)
            except StopIteration:
                break
            # respx would give the error a text of its own, which no author has written
            is_error = isinstance(answer, type) and issubclass(answer, httpx.RequestError)
            self._used.append(_exception(answer) if is_error else answer)
        if not self._used:
            msg = "a route's side_effect has no answers; give it at least one"
            raise WorldError(msg)
        return self._used[min(index, len(self._used) - 1)]


@dataclass(frozen=True, slots=True)
class RouteState:
    """What a route matches and how it answers, in a snapshot."""

    pattern: Any
    name: str | None
    answer: httpx.Response | None
    effect: Any
    used_answers: int
    calls: int
    passes: bool
    seconds: float
    rate: float
    failure: int | Exception | type[Exception]


class HttpRoute(respx.Route):
    """A respx route with latency and random failures.

    The last answer of a list repeats; an exception class is raised without a message.
    """

    def __init__(self, *patterns: Any, random: Callable[[], Random], **lookups: Any) -> None:
        """Match requests by respx patterns; `random()` returns the generator that decides which requests fail."""
        self._used_answers = 0
        self._kept: list[RouteState] = []
        self._asking: tuple[Any, bool] | None = None
        self.asked = False
        """Whether a request ever matched it."""
        self.make_reliable()
        super().__init__(*patterns, **lookups)  # it takes a snapshot
        self._random = random
        self.adapt: Callable[[Any], Any] = _same
        """Turns the author's functions into those of this world, if it is a copy."""

    def make_reliable(self) -> None:
        """Remove latency and random failures."""
        self._seconds, self._rate = 0.0, 0.0
        self._failure: int | Exception | type[Exception] = 503

    def after(self, latency: Latency) -> Self:
        """Answer after `latency` of virtual time: seconds, or text such as "300ms" or "2s"."""
        self._seconds = _latency.read(latency, "a route's after")
        return self

    def failing(self, rate: float, *, status_code: int = 503, error: Exception | type[Exception] | None = None) -> Self:
        """Fail a share of the requests (0.1 is one in ten) with `error` if given, else with `status_code`.

        `world.random` decides which requests fail, so the same seed gives the same failures.
        """
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            msg = f"a route's failing: {rate!r} is not a share of requests; use a number from 0 to 1"
            raise WorldError(msg)
        failure = status_code if error is None else error
        if not _is_failure(failure):
            msg = f"a route's failing: {failure!r} is neither a status nor an exception"
            raise WorldError(msg)
        self._rate, self._failure = rate, failure
        return self

    def resolve(self, request: httpx.Request, **context: Any) -> Any:
        """Answer a matching request: wait the latency, fail at random, or respond."""
        self.asked = True
        _latency.advance(self._seconds)
        if not self._rate or self._random().random() >= self._rate:
            return super().resolve(request, **context)
        if isinstance(self._failure, int):
            return httpx.Response(self._failure, request=request)
        raise SideEffectError(self, origin=_exception(self._failure))

    @property
    def side_effect(self) -> Any:
        """What answers in place of a fixed response: a function, an error, or a list of answers."""
        return self._side_effect

    @side_effect.setter
    def side_effect(self, effect: Any) -> None:
        self.pass_through(False)
        self._used_answers = 0
        listed = bool(effect) and isinstance(effect, (Iterator, Sequence))
        self._side_effect: Any = _Answers(effect) if listed else effect or None

    def _next_side_effect(self) -> Any:
        effect = self._side_effect
        if isinstance(effect, _Answers):
            self._used_answers += 1
            return self.adapt(effect.get(self._used_answers - 1))
        effect = self.adapt(effect)
        return _exception(effect) if isinstance(effect, type) and issubclass(effect, httpx.RequestError) else effect

    def _resolve_side_effect(self, request: httpx.Request, **context: Any) -> Any:
        """Return the next answer, None where the function lets the request go to the next route."""
        effect = given = self._next_side_effect()
        if isinstance(effect, type) and issubclass(effect, Exception):
            effect = _exception(effect)
        try:
            if not isinstance(effect, Exception) and callable(effect):
                if self._takes_route(effect):
                    context["route"] = self
                effect = answering.call(effect, request, what=self._what, **context)
                if isinstance(effect, type) and issubclass(effect, Exception):
                    effect = _exception(effect)
            if isinstance(effect, Exception):
                raise effect  # noqa: TRY301  an error that is meant is handled as one that the function raised
        except Exception as error:
            raise SideEffectError(self, origin=error) from error
        if effect is None or isinstance(effect, httpx.Response):
            return effect
        wrong = answering.mistake(given, f"{self._what()} is {effect!r}", "return an httpx.Response")
        raise SideEffectError(self, origin=wrong)

    def _what(self) -> str:
        return f"the answer of {route_name(self)}"

    def _takes_route(self, function: Any) -> bool:
        """Whether a function has a parameter `route`, which respx gives it; looked up once for each."""
        if self._asking is None or self._asking[0] is not function:
            try:
                names: Collection[str] = inspect.signature(function).parameters
            except (TypeError, ValueError):  # a function in C has none to look at
                names = ()
            self._asking = (function, "route" in names)
        return self._asking[1]

    def for_world(self, random: Callable[[], Random]) -> HttpRoute:
        """Return this route if it belongs to the world of `random`, else a new one, to be filled by `set_state`."""
        return self if random is self._random else HttpRoute(random=random)

    def snapshot(self) -> None:
        """Keep the state for `rollback`, as respx does, also how many answers of a list are used."""
        self._kept.append(self.get_state())

    def rollback(self) -> None:
        """Set the state of the latest `snapshot`."""
        if self._kept:
            self.set_state(self._kept.pop())

    def get_state(self) -> RouteState:
        """Return the state, for a snapshot."""
        return RouteState(
            self._pattern,
            self._name,
            self._return_value,
            self._side_effect,
            self._used_answers,
            len(self.calls),
            self._pass_through,
            self._seconds,
            self._rate,
            self._failure,
        )

    def set_state(self, state: RouteState) -> None:
        """Set the state of a snapshot."""
        self._pattern = state.pattern
        self._return_value = state.answer
        self._side_effect, self._used_answers = state.effect, state.used_answers
        del self.calls[state.calls :]
        self._pass_through = state.passes
        self._seconds, self._rate, self._failure = state.seconds, state.rate, state.failure


def _same(effect: Any) -> Any:
    return effect


def _is_failure(failure: object) -> bool:
    if isinstance(failure, type):
        return issubclass(failure, Exception)
    return isinstance(failure, Exception) or (isinstance(failure, int) and 100 <= failure <= 599)  # noqa: PLR2004  HTTP


def _exception(failure: Exception | type[Exception]) -> Exception:
    if not isinstance(failure, type):
        return failure
    return failure("") if issubclass(failure, httpx.RequestError) else failure()
