"""`sbh-jobkit check`: problems of a plugin, before it is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.check import check as _check
from sbh_jobkit.check.settings import Settings
from sbh_jobkit.errors import JobkitError, did_you_mean
from sbh_jobkit.report.findings import FORMATS
from sbh_jobkit.report.rules import explain, listed

if TYPE_CHECKING:
    from argparse import Namespace


def check(options: Namespace) -> bool:
    """Print the problems, and return whether there are none but notes; or explain rules."""
    if options.explain is not None or options.all_rules:
        print(explain(options.explain) if options.explain is not None else listed())
        return True
    if not options.paths:
        msg = "check needs the path of a plugin; see sbh-jobkit check --help"
        raise JobkitError(msg)
    if options.format not in FORMATS:
        hint = did_you_mean(options.format, FORMATS) or f"; use one of {', '.join(FORMATS)}"
        msg = f"unknown format {options.format!r}{hint}"
        raise JobkitError(msg)
    settings = Settings(
        target=options.target, level=options.level, imports=not options.no_import, import_limit=options.import_limit
    )
    checked = _check.check_all(options.paths, settings)
    text = FORMATS[options.format](checked, options.target)
    if text:
        print(text)
    return all(each.ok for each in checked)
