"""`sbh-jobkit check`: what is wrong with a plugin, before it is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.check import check as _check
from sbh_jobkit.errors import JobkitError, did_you_mean
from sbh_jobkit.report.findings import FORMATS

if TYPE_CHECKING:
    from argparse import Namespace


def check(options: Namespace) -> bool:
    """Print what was found, and return whether that is nothing."""
    if options.format not in FORMATS:
        hint = did_you_mean(options.format, FORMATS) or f"; use one of {', '.join(FORMATS)}"
        msg = f"unknown format {options.format!r}{hint}"
        raise JobkitError(msg)
    found = _check.check(options.path, target=options.target)
    told = FORMATS[options.format](found, options.path, options.target)
    if told:
        print(told)
    return not found
