"""What `ctx` offers, as data: each call with its parameters and its result; `check`, fakes and type stubs follow it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from sbh_jobkit.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_HEADERS = "headers: Mapping[str, str] | None = None"
_ROWS = "table: str, filters: Mapping[str, Any] | None = None"
SIGNATURES = {
    "secrets.get": "(key: str, default: str | None = None) -> str | None",
    "secrets.set": "(key: str, value: str) -> bool",
    "secrets.delete": "(key: str) -> bool",
    "secrets.list": "() -> dict[str, Any]",
    "secrets.has": "(key: str) -> bool",
    "http.get": f"(url: str, params: Mapping[str, Any] | None = None, {_HEADERS}) -> Response",
    "http.post": f"(url: str, data: Any = None, json: Any = None, {_HEADERS}) -> Response",
    "http.put": f"(url: str, data: Any = None, json: Any = None, {_HEADERS}) -> Response",
    "http.delete": f"(url: str, {_HEADERS}) -> Response",
    "files.list": '(prefix: str = "") -> list[ListedFile]',
    "files.get": "(key: str) -> File | None",
    "files.upload": '(key: str, data: bytes | str, content_type: str = "application/octet-stream") -> bool',
    "files.delete": "(key: str) -> bool",
    "files.get_presigned_url": '(key: str, operation: str = "get_object", expires_in: int = 3600) -> str',
    "db.query": f"({_ROWS}, limit: int = 100, offset: int = 0) -> list[Row]",
    "db.get_by_id": "(table: str, id: Any) -> Row | None",
    "db.count": f"({_ROWS}) -> int",
    "llm.run": "(prompt: str, model: str | None = None, temperature: float = 0.7, max_tokens: int = 1000) -> Answer",
    "emit": "(event_type: str, payload: Mapping[str, Any]) -> None",
    "check_memory_usage": "() -> bool",
}
"""Each call of `ctx`, with parameters and result as a type checker reads them."""
VALUES = ("tenant_id", "user_id", "role", "request")
"""The members of `ctx` that are values."""
SERVICES = ("secrets", "http", "llm", "files", "db")
OPERATIONS = ("get_object", "put_object")
"""What `ctx.files.get_presigned_url` can make links for."""
SYNONYMS: Mapping[str, Mapping[str, str]] = {
    "ctx": {"log": "emit", "storage": "files", "database": "db", "requests": "http", "ai": "llm", "secret": "secrets"},
    "files": {
        "write": "upload",
        "put": "upload",
        "save": "upload",
        "read": "get",
        "download": "get",
        "remove": "delete",
    },
    "http": {"fetch": "get", "request": "get", "patch": "put"},
    "db": {"find": "query", "select": "query", "get": "get_by_id", "find_one": "get_by_id"},
    "llm": {"complete": "run", "chat": "run", "ask": "run", "generate": "run"},
    "secrets": {"read": "get", "fetch": "get", "exists": "has"},
}
"""Names that other libraries have, and the member that does the same here."""
WRITES = frozenset({"insert", "update", "delete", "execute", "create", "upsert", "save", "commit"})
"""What other databases offer, and `ctx.db` refuses: it is read-only to a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a result."""

    kind: str
    """Its type: `str`, `int`, `dict`, or `json` for anything."""
    always: bool = True
    """Whether every such result has the key."""
    none: bool = False
    """Whether the value may be None."""


RESULTS: Mapping[str, Mapping[str, Key]] = {
    "Response": {
        "status_code": Key(kind="int"),
        "text": Key(kind="str"),
        "json": Key(kind="json", none=True),
        "headers": Key(kind="dict", always=False),
        "error": Key(kind="str", always=False),
    },
    "Answer": {
        "text": Key(kind="str"),
        "usage": Key(kind="dict", none=True),
        "model": Key(kind="str"),
        "error": Key(kind="str", always=False),
    },
    "File": {
        "key": Key(kind="str"),
        "size": Key(kind="int"),
        "content_type": Key(kind="str"),
        "last_modified": Key(kind="str"),
    },
    "ListedFile": {"key": Key(kind="str"), "size": Key(kind="int"), "last_modified": Key(kind="str")},
}
"""The dicts that calls return; a row of a table has the keys of the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a call."""

    name: str
    kinds: tuple[str, ...]
    """The types that it takes; empty for any."""
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of `ctx`."""

    path: str
    """Such as `http.get`."""
    parameters: tuple[Parameter, ...]
    result: str
    """The type of its result, without None: `Response`, `list[Row]`, `bool`."""
    none: bool
    """Whether the result may be None."""

    @property
    def shown(self) -> str:
        """Its names, as an author types them: `ctx.files.get(key)`."""
        return f"ctx.{self.path}({', '.join(each.name for each in self.parameters)})"


@cache
def calls() -> Mapping[str, Call]:
    """Return every call of `ctx` by its path."""
    return MappingProxyType({path: _call(path, signature) for path, signature in SIGNATURES.items()})


def methods(service: str) -> list[str]:
    """Return the names of a service's calls, and for `ctx` the names of its members."""
    if service == "ctx":
        return sorted({*VALUES, *(path.partition(".")[0] for path in SIGNATURES)})
    return sorted(path.partition(".")[2] for path in SIGNATURES if path.startswith(f"{service}."))


def unknown(service: str, name: str, extensions: Collection[str] = ()) -> str:
    """Return the error for a member that a service of `ctx` does not have, with the nearest one."""
    called = service if service == "ctx" else f"ctx.{service}"
    known = [*methods(service), *extensions]
    return f"{called} has no {name!r}{did_you_mean(SYNONYMS.get(service, {}).get(name, name), known)}"


def _call(path: str, signature: str) -> Call:
    (function,) = ast.parse(f"def call{signature}: ...").body
    if not isinstance(function, ast.FunctionDef):  # pragma: no cover  the line above is a function
        raise TypeError(signature)
    given = function.args.args
    required = len(given) - len(function.args.defaults)
    parameters = tuple(
        Parameter(name=each.arg, kinds=_kinds(each.annotation), required=index < required)
        for index, each in enumerate(given)
    )
    kinds = [ast.unparse(each) for each in _alternatives(function.returns)]
    result = next((kind for kind in kinds if kind != "None"), "None")
    return Call(path=path, parameters=parameters, result=result, none="None" in kinds and result != "None")


def _alternatives(node: ast.expr | None) -> list[ast.expr]:
    if isinstance(node, ast.BinOp):
        return [*_alternatives(node.left), *_alternatives(node.right)]
    return [node] if node is not None else []


def _kinds(node: ast.expr | None) -> tuple[str, ...]:
    names = [ast.unparse(each).partition("[")[0] for each in _alternatives(node)]
    plain = {"None": "none", "Mapping": "dict"}
    return () if "Any" in names else tuple(plain.get(name, name) for name in names)
