"""What calls of Python's own functions and methods return, as far as rules need it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sbh_jobkit.check.flow.values import NONE, UNKNOWN, Value, constant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAIVE, AWARE, UTC_NAIVE, DATE = "naive", "aware", "naive UTC", "date"
"""What kinds of time there are."""
TAKES_TEXT = {
    "json.loads": ("str", "bytes"),
    "datetime.datetime.fromisoformat": ("str",),
    "datetime.date.fromisoformat": ("str",),
    "datetime.datetime.strptime": ("str",),
    "base64.b64decode": ("str", "bytes"),
    "base64.b64encode": ("bytes",),
    "re.findall": ("str",),
}
"""Functions whose first argument has one of these types (for `re`, the second would)."""
ITERATES = {"len", "list", "sorted", "sum", "min", "max", "set", "tuple", "enumerate", "reversed", "any", "all"}
"""Builtins that go through their first argument."""
_KINDS = {
    "builtins.int": "int",
    "builtins.len": "int",
    "builtins.round": "int",
    "builtins.float": "float",
    "builtins.bool": "bool",
    "builtins.set": "set",
    "builtins.frozenset": "set",
    "builtins.bytes": "bytes",
    "builtins.repr": "str",
    "datetime.timedelta": "timedelta",
    "datetime.date.today": "date",
    "datetime.date": "date",
    "datetime.date.fromisoformat": "date",
    "decimal.Decimal": "Decimal",
    "collections.Counter": "dict",
    "collections.defaultdict": "dict",
    "time.time": "float",
    "time.monotonic": "float",
    "time.perf_counter": "float",
    "json.dumps": "str",
    "uuid.uuid4": "UUID",
    "re.compile": "pattern",
    "zoneinfo.ZoneInfo": "zone",
    "datetime.timezone": "zone",
}
_KEEP_SECRETS = {"base64", "json.dumps", "builtins.str", "builtins.repr", "builtins.format", "urllib.parse"}
_TEXT_METHODS = {
    *("capitalize", "center", "encode", "decode", "format", "join", "ljust", "lower", "lstrip", "partition"),
    *("removeprefix", "removesuffix", "replace", "rjust", "rstrip", "split", "splitlines", "strip", "title", "upper"),
    *("hex", "zfill", "format_map"),
}
"""Methods of text whose result still has the text in it."""
_MAX_POSITIONAL = 7
"""`datetime(…)` has its zone as the eighth argument."""


def call(name: str, given: Sequence[Value], named: Mapping[str, Value]) -> Value:
    """Return what a function of a library returns."""
    secrets = frozenset[str]()
    if any(name == known or name.startswith(f"{known}.") for known in _KEEP_SECRETS):
        secrets = secrets.union(*(each.secrets for each in (*given, *named.values())))
    if name.startswith("datetime.datetime"):
        return _moment(name.removeprefix("datetime.datetime").lstrip("."), given, named)
    if name == "builtins.str":
        text = given[0] if given else UNKNOWN
        return Value(kind="str", secrets=secrets, none=text.none, origin=text.origin, key=text.key)
    if name in {"builtins.list", "builtins.sorted", "builtins.tuple", "builtins.reversed"}:
        return Value(kind="list", element=given[0].element if given else None, parts=() if not given else None)
    if name == "builtins.float" and given and str(given[0].literal).lower().lstrip("+-") in {"nan", "inf", "infinity"}:
        return constant(float(str(given[0].literal)))
    if name == "builtins.dict":
        return Value(kind="dict", keys=tuple(named.items())) if not given else Value(kind="dict")
    if name in {"builtins.print", "time.sleep"}:
        return NONE
    kind = _KINDS.get(name, "str" if name.startswith("base64.") and "encode" in name else "")
    return Value(kind=kind, secrets=secrets)


def _moment(method: str, given: Sequence[Value], named: Mapping[str, Value]) -> Value:
    """Return what a constructor of `datetime` returns: naive, aware, or not known."""
    if method in {"utcnow", "utcfromtimestamp"}:
        return Value(kind="datetime", target=UTC_NAIVE)
    if method == "today":
        return Value(kind="datetime", target=NAIVE)
    if method in {"now", "fromtimestamp"}:
        position = 0 if method == "now" else 1
        zone = given[position] if len(given) > position else named.get("tz")
        return Value(kind="datetime", target=_zone(zone))
    if method == "fromisoformat" and given:
        key = given[0].key if given[0].key == "last_modified" else ""
        return Value(kind="datetime", target=_of_text(given[0]), key=key)
    if method == "strptime" and len(given) > 1 and isinstance(given[1].literal, str):
        return Value(kind="datetime", target=AWARE if "%z" in given[1].literal else NAIVE)
    if method == "":
        zone = named.get("tzinfo") or (given[_MAX_POSITIONAL] if len(given) > _MAX_POSITIONAL else None)
        return Value(kind="datetime", target=_zone(zone))
    return Value(kind="datetime") if method in {"combine", "strptime"} else UNKNOWN


def _zone(zone: Value | None) -> str | None:
    if zone is None or zone.is_none:
        return NAIVE
    return AWARE if zone.kind == "zone" else None


def _of_text(text: Value) -> str | None:
    if text.key == "last_modified":
        return NAIVE
    try:
        moment = datetime.fromisoformat(text.literal)
    except (TypeError, ValueError):
        return None
    return AWARE if moment.tzinfo else NAIVE


def attribute(name: str) -> Value:
    """Return what a name of a library is."""
    if name in {"datetime.UTC", "datetime.timezone.utc"}:
        return Value(kind="zone", target="UTC")
    if name in {"math.nan", "math.inf"}:
        return constant(float(name.removeprefix("math.")))
    if name in {"datetime.datetime.min", "datetime.datetime.max"}:
        return Value(kind="datetime", target=NAIVE)
    return Value(kind="lib", target=name)


def method(owner: Value, name: str, given: Sequence[Value], named: Mapping[str, Value]) -> Value:
    """Return what a method of a value returns."""
    secrets = owner.secrets.union(*(each.secrets for each in (*given, *named.values())))
    if owner.kind == "datetime":
        return _of_moment(owner, name, named)
    if owner.kind in {"str", "bytes", ""} and name in _TEXT_METHODS:
        kind = {"encode": "bytes", "split": "list", "splitlines": "list", "partition": "tuple"}.get(name, "str")
        if owner.kind == "" and kind != "bytes":
            return Value(secrets=secrets)
        element = Value(kind="str", secrets=secrets) if kind in {"list", "tuple"} else None
        return Value(kind=kind, secrets=secrets, element=element)
    if owner.kind == "dict" and name in {"items", "values", "keys", "copy"}:
        return Value(kind="dict", keys=owner.keys) if name == "copy" else Value(secrets=secrets)
    return UNKNOWN


def _of_moment(owner: Value, name: str, named: Mapping[str, Value]) -> Value:
    if name == "replace":
        if "tzinfo" not in named:
            return Value(kind="datetime", target=owner.target)
        dropped = named["tzinfo"].is_none
        utc = owner.target == AWARE and owner.key == "UTC"
        return Value(kind="datetime", target=(UTC_NAIVE if utc else NAIVE) if dropped else _zone(named["tzinfo"]))
    if name == "astimezone":
        return Value(kind="datetime", target=AWARE)
    if name in {"isoformat", "strftime", "ctime"}:
        return Value(kind="str")
    if name in {"date", "time"}:
        return Value(kind=name)
    if name in {"weekday", "isoweekday"}:
        return Value(kind="int", key=name, target=owner.target if owner.key == "now" else None)
    return Value(kind="float") if name == "timestamp" else UNKNOWN


def arithmetic(operator: str, left: Value, right: Value) -> Value:
    """Return what an operator makes of two values."""
    if left.kind == "datetime" and right.kind == "timedelta" and operator in "+-":
        return Value(kind="datetime", target=left.target)
    if left.kind == "date" and right.kind == "timedelta" and operator in "+-":
        return Value(kind="date")
    if left.kind in {"datetime", "date"} and right.kind in {"datetime", "date"} and operator == "-":
        return Value(kind="timedelta")
    numbers = {"int", "float", "bool"}
    if left.kind in numbers and right.kind in numbers:
        return _number(operator, left, right)
    if operator in {"+", "%"} and "str" in {left.kind, right.kind}:
        return Value(kind="str", secrets=left.secrets | right.secrets)
    if operator == "+" and left.kind == right.kind == "list":
        return Value(kind="list", secrets=left.secrets | right.secrets)
    return Value(secrets=left.secrets | right.secrets)


def _number(operator: str, left: Value, right: Value) -> Value:
    kind = "float" if operator == "/" or "float" in {left.kind, right.kind} else "int"
    if left.is_constant and right.is_constant and operator in {"+", "-", "*"}:
        a, b = left.literal, right.literal
        return constant(a + b if operator == "+" else a - b if operator == "-" else a * b)
    return Value(kind=kind)
