"""What decorators have written on an object, read without running code of its class."""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType, GetSetDescriptorType
from typing import Any

_names_of = type.__dict__["__dict__"].__get__
_NONE: Mapping[str, Any] = {}


def attributes_of(value: object) -> Mapping[str, Any]:
    """Return the attributes that were set on an object itself.

    Some objects answer every name, or never: a class may have its own idea of `__getattr__`, and even of `__dict__`.
    """
    if type(value) is FunctionType:
        return value.__dict__
    for each in type.mro(type(value)):
        own = _names_of(each).get("__dict__")
        if own is not None:
            found = own.__get__(value) if isinstance(own, GetSetDescriptorType) else _NONE
            return found if isinstance(found, Mapping) else _NONE
    return _NONE
