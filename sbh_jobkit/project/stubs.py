"""Write a type stub of the SDK, for mypy and pyright; its members are those of the table that `check` follows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sbh_jobkit.errors import JobkitError
from sbh_jobkit.plugin.members import RESULTS, SERVICES, SIGNATURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sbh_jobkit.plugin.members import Key

FILE = "src/ext/sdk.pyi"
"""Where type checkers look for the module that plugins import."""
_FIRST = "# Types of the SDK of SBH plugins, written by `sbh-jobkit stubs`; changes are lost when it is written again."
_HEAD = """
import builtins
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict, TypeVar, overload

_Function = TypeVar("_Function", bound=Callable[..., Any])
Row = dict[str, Any]

def job(name: str, schedule: str | None = None) -> Callable[[_Function], _Function]: ...
def route(path: str, methods: Sequence[str] | None = None) -> Callable[[_Function], _Function]: ...
def hook(event_type: str) -> Callable[[_Function], _Function]: ...
def llm_filter(filter_type: str) -> Callable[[_Function], _Function]: ...
def generator_hook(hook_type: str) -> Callable[[_Function], _Function]: ...
"""
_CONTEXT = """
class PluginContext:
    tenant_id: str
    user_id: str | None
    role: str | None
    request: Any
    def __init__(self, tenant_id: str, user_id: str | None = None, role: str | None = None) -> None: ...
"""
_TYPES = {"json": "Any", "dict": "dict[str, Any]"}
"""The types of keys that have another name in Python."""
_DEFAULT = re.compile(r"default: (?P<type>\w+) \| None = None(?P<rest>.*) -> (?P<result>.*) \| None$")


def write_stubs(folder: Path, services: Iterable[str] = ()) -> Path:
    """Write the stub below a folder, and return its path; `services` are those that extensions add to `ctx`.

    Raises JobkitError if the file cannot be written, or is there and is not a stub of the kit.
    """
    path = folder / FILE
    try:
        if path.exists() and not path.read_text(encoding="utf-8").startswith(_FIRST):
            msg = f"{path} was not written by sbh-jobkit stubs, so it stays; give another directory"
            raise JobkitError(msg)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(stub(services), encoding="utf-8")
    except (OSError, UnicodeError) as error:
        msg = f"{path} cannot be written: {getattr(error, 'strerror', None) or error}"
        raise JobkitError(msg) from error
    return path


def stub(services: Iterable[str] = ()) -> str:
    """Return the text of the stub."""
    parts = [f"{_FIRST}\n", _HEAD]
    parts += [_dict(name) for name in RESULTS]
    parts += [_service(name) for name in SERVICES]
    parts.append(_CONTEXT)
    parts += [f"    {name}: {_class(name)}\n" for name in SERVICES]
    parts += [f"    {name}: Any\n" for name in sorted({*services})]
    parts += [line for path in SIGNATURES if "." not in path for line in _method(path)]
    return "".join(parts)


def _dict(name: str) -> str:
    lines = [f"    {key}: {_type(each)}\n" for key, each in RESULTS[name].items()]
    return f"\nclass {name}(TypedDict):\n{''.join(lines)}"


def _type(key: Key) -> str:
    plain = _TYPES.get(key.kind, key.kind)
    whole = f"{plain} | None" if key.none else plain
    return whole if key.always else f"NotRequired[{whole}]"


def _class(service: str) -> str:
    return f"_{service.capitalize()}"


def _service(name: str) -> str:
    methods = [line for path in SIGNATURES if path.startswith(f"{name}.") for line in _method(path)]
    return f"\nclass {_class(name)}:\n{''.join(methods)}"


def _method(path: str) -> Iterator[str]:
    """Yield the definition of a call; one with a default for None has two, because the default is then the result."""
    name = path.rpartition(".")[2]
    signature = SIGNATURES[path].removeprefix("(").replace("list[", "builtins.list[")  # a class with a method `list`
    given = _DEFAULT.search(signature)
    if given is not None:
        before = signature[: given.start()]
        with_default = f"{before}default: {given['type']}{given['rest']} -> {given['result']}"
        without = f"{before}default: None = None{given['rest']} -> {given['result']} | None"
        yield from (f"    @overload\n    def {name}(self, {each}: ...\n" for each in (without, with_default))
    else:
        yield f"    def {name}(self{'' if signature.startswith(')') else ', '}{signature}: ...\n"
