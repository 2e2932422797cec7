"""A context that was kept from an earlier run: what is done with it belongs to the run that is going on.

Plugins often make a client once, at module level, from the `ctx` of the first run. When a run ends, its context and
the members that were made for it change their class: from then on they read their state from the context of the run
that is going on, which has a fault for it. Where no run goes on, they refuse. `copy` gives the same object again, and
any other double of it finds its gate shut.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from sbh_jobkit.errors import ContextEnded

if TYPE_CHECKING:
    from sbh_jobkit.context.context import PluginContext

_OWN = frozenset({"tenant_id", "user_id", "role", "request"})
"""What a context says of itself without doing anything."""
_CALLER = frozenset({"user_id", "role", "request"})
"""What of it is the caller's: where a run goes on, its own caller's."""
_ADVICE = "make it in the job, from the ctx of this run, and not once at module level"
_contexts: dict[type, type] = {}
"""What the class of a context becomes when its run has ended."""
_initial: dict[type, frozenset[str]] = {}
"""The attributes that a context has in the beginning; its members come later, as the job uses them."""
_going: list[PluginContext] = []
"""The contexts of the runs that go on, the latest last."""


def begin(context: PluginContext) -> None:
    """Note that a run with this context begins."""
    if type(context) not in _initial:
        _initial[type(context)] = frozenset(name for name in vars(context) if name[0] == "_" or name in _OWN)
    _going.append(context)


def end(context: PluginContext) -> None:
    """Note that its run has ended: what is kept of it belongs to later runs."""
    if _going and _going[-1] is context:
        _going.pop()
    else:
        _going[:] = [each for each in _going if each is not context]
    kind, own = type(context), vars(context)
    own["_gate"].shut = _refuse
    if len(own) > len(_initial[kind]):  # it has members
        for name in [name for name in own if name[0] != "_" and name not in _OWN]:
            _keep(own[name], name)
        for name, access in own["_accesses"].items():
            _keep(access, f"_accesses {name}")
    if (later := _contexts.get(kind)) is None:
        later = _contexts[kind] = _kept(kind, "")  # type: ignore[arg-type] # classes can be hashed
    object.__setattr__(context, "__class__", later)


def _keep(member: Any, name: str) -> None:
    kind = type(member)
    if kind.__module__.startswith("sbh_jobkit.") and not hasattr(kind, "_kept"):
        object.__setattr__(member, "__class__", _kept(kind, name))  # type: ignore[arg-type] # classes can be hashed


@cache
def _kept(kind: type, name: str) -> type:
    """Return the class whose objects read their state from the current run's object of the same name."""
    slots = {slot for base in kind.__mro__ for slot in vars(base).get("__slots__", ())}

    def __getattribute__(self: Any, attribute: str) -> Any:  # noqa: N807  it becomes a method
        if attribute in slots or (not name and (_is_state(self, attribute) or (_going and attribute in _CALLER))):
            return getattr(_current(name), attribute)
        return object.__getattribute__(self, attribute)

    body = {"__slots__": (), "__getattribute__": __getattribute__, "_kept": True, "__doc__": kind.__doc__}
    body["__dir__"] = object.__dir__  # that of a context asks its services
    body["__module__"] = kind.__module__
    return type(kind.__name__, (kind,), body)


def _is_state(context: Any, attribute: str) -> bool:
    """Whether an attribute of a context itself belongs to its run: its services, and its members."""
    if attribute in _OWN or attribute.startswith("__"):
        return False
    found = getattr(object.__getattribute__(context, "__class__"), attribute, None)
    return attribute in object.__getattribute__(context, "__dict__") or hasattr(found, "attrname")


def _current(name: str) -> Any:
    """Return the object of this name in the run that is going on, and record that an older one was used."""
    called = f"ctx.{name.removeprefix('_accesses ')}".rstrip(".")
    context = _reported(called)
    if context is None:
        msg = f"{called} was used when its run had ended, and no other run goes on; {_ADVICE}"
        raise ContextEnded(msg)
    if not name:
        return context
    if name.startswith("_accesses "):
        name = name.removeprefix("_accesses ")
        getattr(context, name)  # opens the service
        return context._accesses[name]  # noqa: SLF001  the context of this package
    return getattr(context, name)


def _reported(called: str) -> PluginContext | None:
    """Record in the run that is going on that an older one's object was used, and return its context, if any."""
    if not _going:
        return None
    recorder = _going[-1]._recorder  # noqa: SLF001  the context of this package
    if not any(fault.kind == "context-kept" for fault in recorder.faults):
        recorder.fault("context-kept", called, f"{called} is of an earlier run, kept in a variable", _ADVICE)
    return _going[-1]


def _refuse(member: str) -> NoReturn:
    """Refuse what a double of a context, made past `copy`, still does when its run has ended."""
    called = f"ctx.{member}"
    _reported(called)
    msg = f"{called} was used when its run had ended; {_ADVICE}"
    raise ContextEnded(msg)
