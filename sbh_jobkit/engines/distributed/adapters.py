"""The engines that have a name: Procrastinate, and those of extensions, which are checked when they are opened."""

from __future__ import annotations

import inspect
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from sbh_jobkit.engines.distributed import queue_schema
from sbh_jobkit.engines.distributed.guarded import GuardedEngine
from sbh_jobkit.engines.engine import DISTRIBUTED, LOCAL, Engine
from sbh_jobkit.errors import ExtensionError, JobkitError, did_you_mean
from sbh_jobkit.extensions.manager import answers, manager, raised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sbh_jobkit.engines.store import Store

_NAME = re.compile(r"[a-z][a-z0-9_-]*")


def _signature(member: Callable[..., object]) -> inspect.Signature:
    """Return how a member is called, without `self` and types."""
    parameters = list(inspect.signature(member).parameters.values())[1:]
    return inspect.Signature([each.replace(annotation=each.empty) for each in parameters])


_MEMBERS = {name: _signature(each) for name, each in vars(Engine).items() if name[0] != "_"}


class _Offer(NamedTuple):
    """What an extension offers under a name."""

    owner: str
    open: Callable[[str], Any]


def require(name: str) -> None:
    """Raise JobkitError for an engine for workers that nobody offers."""
    if name == DISTRIBUTED or name in (offers := _offers()):
        return
    names = [DISTRIBUTED, *offers]
    hint = did_you_mean(name, names) or f"; use {'one of ' * (len(names) > 1)}{', '.join(names)}"
    msg = f"there is no engine {name!r} for workers{hint}"
    raise JobkitError(msg)


@contextmanager
def opened(name: str, url: str) -> Iterator[tuple[Store, Engine]]:
    """Open a store, and the engine of this name on it, and close the store at the end.

    Raises JobkitError for either that cannot be used.
    """
    require(name)
    store = queue_schema.open_shared(url, has_queue=name == DISTRIBUTED)
    try:
        yield store, _open(name, store)
    finally:
        store.close()


def _open(name: str, store: Store) -> Engine:
    """Open an engine on a store; raises ExtensionError for one that is not an `Engine`, and names the member."""
    if name == DISTRIBUTED:
        from sbh_jobkit.engines.distributed.queue import ProcrastinateEngine

        return ProcrastinateEngine(store.url)
    offer = _offers()[name]
    called = f"extension {offer.owner}: engine {name!r}"
    try:
        engine = offer.open(store.url)
    except (Exception, SystemExit) as error:
        msg = f"{called}: opening it{raised(error, offer.open)}"
        raise ExtensionError(msg) from error
    if problem := _problem(engine):
        msg = f"{called} {problem}"
        raise ExtensionError(msg)
    return GuardedEngine(called, engine)


def _offers() -> Mapping[str, _Offer]:
    """Ask the extensions; raises ExtensionError for a name that cannot be used."""
    found: dict[str, _Offer] = {}
    for owner, answer in answers(manager(), "sbh_engines"):
        for name, factory in answer.items():
            wrong = None
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                wrong = "cannot be written after --engine; use a name such as 'rq'"
            elif name in {LOCAL, DISTRIBUTED}:
                wrong = "is an engine of the kit itself; give yours another name"
            elif name in found:
                wrong = f"is offered by extension {found[name].owner}, too; uninstall one of them"
            elif not callable(factory):
                wrong = f"must be called with the URL of a store to open the engine, got {factory!r}"
            if wrong is not None:
                msg = f"extension {owner}: sbh_engines: {name!r} {wrong}"
                raise ExtensionError(msg)
            found[name] = _Offer(owner, factory)
    return found


def _problem(engine: Any) -> str | None:
    """Return which member of `Engine` is missing, or cannot be called as the kit calls it."""
    for name, wanted in _MEMBERS.items():
        called = f"{name}{wanted}"
        member = getattr(engine, name, None)
        if not callable(member):
            return f"has no {called}"
        if inspect.iscoroutinefunction(member):
            return f"must have a plain function {called}, and its {name} is asynchronous"
        named = {each.name: each for each in wanted.parameters.values() if each.kind is each.KEYWORD_ONLY}
        try:
            inspect.signature(member).bind(*(each for each in wanted.parameters if each not in named), **named)
        except TypeError as error:
            return f"cannot be called as {called}: {error}"
    return None
