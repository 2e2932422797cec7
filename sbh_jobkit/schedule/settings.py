"""Settings written as NAME=VALUE, as in `--policy`, `--fault` and `--budget`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sbh_jobkit.errors import JobkitError


def split_setting(
    text: str, error: type[JobkitError], what: str, form: str, *, at_last: bool = False
) -> tuple[str, str]:
    """Split a text at its first `=`, or at its last one, into a name and a value.

    Raises the error for a text without a name or a value, such as "'x' is not a policy; write SETTING=VALUE".
    """
    name = value = ""
    if isinstance(text, str):
        name, _, value = text.rpartition("=") if at_last else text.partition("=")
    if not name or not value:
        msg = f"{text!r} is not {what}; write {form}"
        raise error(msg)
    return name, value
