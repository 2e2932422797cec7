"""Sort a module's imports: the standard library first, the names of one module in one line."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from typing import TYPE_CHECKING

from sbh_jobkit.project.code.layout import call

if TYPE_CHECKING:
    from collections.abc import Iterable

_FUTURE = "__future__"


def sections(imports: Iterable[ast.Import | ast.ImportFrom], own: frozenset[str] = frozenset()) -> str:
    """Return import lines in sections: `__future__`, standard library, other packages, and the modules in `own`."""
    plain: dict[int, set[str]] = defaultdict(set)
    members: dict[int, dict[str, set[tuple[str, str | None]]]] = defaultdict(lambda: defaultdict(set))
    for found in imports:
        for alias in found.names:
            if isinstance(found, ast.Import):
                plain[_rank(alias.name, own)].add(_alias(alias.name, alias.asname))
            else:
                module = "." * found.level + (found.module or "")
                members[_rank(module, own)][module].add((alias.name, alias.asname))
    return "\n\n".join(
        "\n".join(
            [
                *(f"import {name}" for name in sorted(plain[rank], key=str.casefold)),
                *(_members(module, names) for module, names in sorted(members[rank].items())),
            ]
        )
        for rank in sorted({*plain, *members})
    )


def _members(module: str, names: set[tuple[str, str | None]]) -> str:
    imported = [_alias(*name) for name in sorted(names, key=_sort_key)]
    return call(f"from {module} import ", imported, brackets=("", ""), exploded=("(", ")"))


def _alias(name: str, asname: str | None) -> str:
    return f"{name} as {asname}" if asname and asname != name else name


def _sort_key(name: tuple[str, str | None]) -> tuple[int, str, str]:
    """Sort constants before classes before functions, as import sorters do."""
    word, asname = name
    kind = 0 if word.isupper() and len(word) > 1 else 1 if word[:1].isupper() else 2
    return kind, word.casefold(), asname or ""


def _rank(module: str, own: frozenset[str]) -> int:
    top = module.partition(".")[0]
    if top == _FUTURE:
        return 0
    if top in sys.stdlib_module_names:
        return 1
    return 3 if top in own else 2
