"""Rows as a pandas DataFrame; pandas loads when the first one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def frame(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str] | None = None,
    *,
    asked: str = "to_frame",
    instead: str = "",
) -> Any:
    """Return a DataFrame; raises WorldError, which names `asked`, if pandas is not installed."""
    try:
        from pandas import DataFrame
    except ImportError as error:
        msg = f"{asked} needs pandas: pip install 'sbh-jobkit[notebook]'{instead}"
        raise WorldError(msg) from error
    return DataFrame(list(rows), columns=columns)
