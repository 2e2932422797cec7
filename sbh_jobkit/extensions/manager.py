"""The plugin manager (pluggy) of installed extensions and of those that one world was given.

Nothing is searched at import. Installed packages are searched once in a process: when the first world begins, or when
a world is asked for a name that the kit does not have. If no package offers an extension, pluggy is not even loaded.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from itertools import chain, count
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import ExtensionError, JobkitError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from importlib.metadata import EntryPoint
    from types import CodeType

    from pluggy import HookCaller, PluginManager

_GROUP = "sbh_jobkit"
_NOT_THEIRS = ("importlib", "sbh_jobkit.")


def manager(given: Iterable[object] = ()) -> PluginManager | None:
    """Return a manager of the installed extensions and those given, by name; None if there are none."""
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        msg = f"extensions must be a list of modules or objects, got {given!r}"
        raise ExtensionError(msg)
    installed, more = _installed(), [(_called(extension), extension) for extension in given]
    if not more:
        return installed
    return _managed([*(installed.list_name_plugin() if installed is not None else ()), *more])


@cache
def _installed() -> PluginManager | None:
    extensions = list(loaded(_entry_points()))
    return _managed(extensions) if extensions else None


@cache
def _entry_points() -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points

    return tuple(entry_points(group=_GROUP))


def loaded(entry_points: Iterable[EntryPoint]) -> Iterator[tuple[str, object]]:
    """Load what packages offer; yield the package's name and its extension."""
    for entry in entry_points:
        package = entry.dist.name if entry.dist is not None else entry.name
        try:
            extension = entry.load()
        except (Exception, SystemExit) as error:
            why = f"its entry point {entry.name} = {entry.value}{raised(error)}"
            msg = f"extension {package} cannot be loaded: {why}; fix it, or pip uninstall {package}"
            raise ExtensionError(msg) from error
        yield package, extension


def call(hook: HookCaller, **given: Any) -> Any:
    """Call a hook; raises ExtensionError, which names the extension, for any exception in it."""
    try:
        return hook(**given)
    except (Exception, SystemExit) as error:
        codes = [frame.f_code for frame, _ in walk_tb(error.__traceback__)]
        theirs = [impl for code in reversed(codes) for impl in hook.get_hookimpls() if _code(impl.function) is code]
        names = [impl.plugin_name for impl in theirs[:1] or hook.get_hookimpls()]
        msg = f"extension {' or '.join(names)}: {hook.name}{raised(error, theirs[0].function if theirs else None)}"
        raise ExtensionError(msg) from error


def answers(manager: PluginManager | None, hook: str, **given: Any) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Ask one extension after the other, so that each answer has a name; None is not an answer."""
    if manager is None:
        return
    everyone = manager.get_plugins()
    for name, extension in manager.list_name_plugin():
        found = call(manager.subset_hook_caller(hook, everyone - {extension}), **given)
        for answer in found if isinstance(found, list) else [found]:
            if not isinstance(answer, Mapping):
                msg = f"extension {name}: {hook} must return a mapping, got {answer!r}"
                raise ExtensionError(msg)
            yield name, answer


def raised(error: BaseException, function: Callable[..., Any] | None = None) -> str:
    """Return what was raised, and at which line of the function's file, or without a function, of an imported file."""
    code = _code(function)
    lines = [
        f" ({Path(frame.f_code.co_filename).name}:{line})"
        for frame, line in walk_tb(error.__traceback__)
        if (frame.f_code.co_filename == code.co_filename if code else _is_theirs(frame.f_globals.get("__name__")))
    ]
    kind = "" if isinstance(error, JobkitError) else f" raised {type(error).__name__}"
    return f"{kind}: {error}".removesuffix(": ") + "".join(lines[-1:])


def _is_theirs(module: Any) -> bool:
    return not f"{module}.".startswith(_NOT_THEIRS)


def _code(function: Callable[..., Any] | None) -> CodeType | None:
    return getattr(inspect.unwrap(function), "__code__", None) if function is not None else None


def _called(extension: object) -> str:
    if extension is None or isinstance(extension, str):
        msg = f"an extension is a module or an object, got {extension!r}; import the module and give that"
        raise ExtensionError(msg)
    return str(getattr(extension, "__name__", None) or type(extension).__name__)


def _managed(extensions: Iterable[tuple[str, object]]) -> PluginManager:
    from pluggy import PluginManager, PluginValidationError

    from sbh_jobkit.extensions import hookspecs

    made = PluginManager(_GROUP)
    made.add_hookspecs(hookspecs)
    known = [name for name in vars(made.hook) if name.startswith("sbh_")]
    for name, extension in extensions:
        if any(extension is other for _, other in made.list_name_plugin()):
            continue  # given to a world, and installed as well
        if type(extension).__hash__ is None:
            msg = f"extension {name} is compared by value, so pluggy cannot tell it apart; write @dataclass(eq=False)"
            raise ExtensionError(msg)
        try:
            made.register(extension, _free(name, made))
        except PluginValidationError as error:
            msg = f"extension {name}: {'; '.join(f'{error}'.splitlines())}"
            raise ExtensionError(msg) from error
        _check(name, extension, made, known)
    return made


def _free(name: str, made: PluginManager) -> str:
    return next(free for free in chain([name], (f"{name} #{n}" for n in count(2))) if not made.has_plugin(free))


def _check(name: str, extension: object, made: PluginManager, known: Sequence[str]) -> None:
    """Refuse an extension without hooks, and hooks that the kit does not have unless they are optional."""
    hooks = made.get_hookcallers(extension)
    if not hooks:
        msg = f"extension {name} has no hook; put @hookimpl above a function of one of the names {', '.join(known)}"
        raise ExtensionError(msg)
    for hook in hooks:
        if not hook.has_spec() and not _is_optional(hook, extension):
            hint = did_you_mean(hook.name, known) or f"; the hooks are {', '.join(known)}"
            msg = f"extension {name}: there is no hook {hook.name!r}{hint}"
            raise ExtensionError(msg)


def _is_optional(hook: HookCaller, extension: object) -> bool:
    return all(impl.optionalhook for impl in hook.get_hookimpls() if impl.plugin is extension)
