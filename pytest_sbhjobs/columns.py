"""A series of values as one short text: equal neighbours once with their number, digits without spaces.

`ok*30` are thirty times "ok", `5 0*2 5` are four numbers, `- 3` is a value that is missing and then 3, and
`digits 0030` are four numbers of one digit each. A text stands in quotes where it would be read as something else.
"""

from __future__ import annotations

import json
import re
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

MISSING = object()
"""Stands for a value that a run does not have."""
_DENSE = "digits "
_SPARSE = "-"
_WORD = re.compile(r"[^\s*\"\[{][^\s*]*")


def encode(values: Sequence[Any]) -> str:
    """Write a series of plain JSON values."""
    texts = [_SPARSE if value is MISSING else _json(value) for value in values]
    groups = [(text, len(list(members))) for text, members in groupby(texts)]
    sparse = " ".join(f"{text}*{number}" if number > 1 else text for text, number in groups)
    if all(text.isdecimal() and len(text) == 1 for text, _ in groups) and len(texts) + len(_DENSE) < len(sparse):
        return f"{_DENSE}{''.join(texts)}"
    return sparse


def decode(text: str) -> list[Any]:
    """Read a series; raises ValueError for a text that `encode` does not write."""
    if text.startswith(_DENSE):
        return [int(digit) for digit in text.removeprefix(_DENSE)]
    found: list[Any] = []
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        word = _WORD.match(text, at)
        value, at = (_read(word[0]), word.end()) if word else decoder.raw_decode(text, at)
        number = 1
        if text.startswith("*", at):
            times = text[at + 1 :].partition(" ")[0]
            number, at = int(times), at + 1 + len(times)
        found += [value] * number
        if at < len(text) and text[at] != " ":
            msg = f"{text[at:]!r} does not begin with a space"
            raise ValueError(msg)
        at += 1
    return found


def _read(word: str) -> Any:
    if word == _SPARSE:
        return MISSING
    try:
        return json.loads(word)
    except ValueError:
        return word


def _json(value: Any) -> str:
    if isinstance(value, str) and value != _DENSE.strip() and _WORD.fullmatch(value) and _read(value) == value:
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
