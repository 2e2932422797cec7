"""`sbh-jobkit check`: problems of plugins, before they are deployed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sbh_jobkit.check import baseline, fixing
from sbh_jobkit.check.check import check_all
from sbh_jobkit.check.settings import Settings
from sbh_jobkit.cli import streams
from sbh_jobkit.errors import JobkitError, did_you_mean
from sbh_jobkit.report.findings import FORMATS, statistics, styled
from sbh_jobkit.report.rules import explain, listed

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from sbh_jobkit.check.checked import Checked

_MOST_FIXES = 100
"""So many times a fix can make another one possible."""


def check(options: Namespace) -> bool:
    """Print the problems, and return whether there are none but notes; or explain rules, or fix."""
    if options.explain is not None or options.all_rules:
        print(explain(options.explain) if options.explain is not None else listed())
        return True
    if options.format not in FORMATS:
        hint = did_you_mean(options.format, FORMATS) or f"; use one of {', '.join(FORMATS)}"
        msg = f"unknown format {options.format!r}{hint}"
        raise JobkitError(msg)
    settings = _settings(options)
    checked = check_all(options.paths, settings)
    if options.diff:
        print("".join(fixing.diff(each) for each in checked), end="")
        return True
    if options.fix:
        checked = _fixed(options, checked, settings)
    if options.baseline is not None:
        checked = baseline.only_new(checked, options.baseline)
    _write(options, checked, settings.target)
    return options.exit_zero or all(each.ok for each in checked)


def _settings(options: Namespace) -> Settings:
    """Return the settings of the project in which the first plugin is, with the options over them."""
    first = Path(options.paths[0]).absolute()
    folder = first if first.is_dir() else first.parent
    return Settings.read(
        folder,
        target=options.target,
        level=options.level,
        import_limit=options.import_limit,
        imports=False if options.no_import else None,
        select=_rules(options.select),
        ignore=_rules(options.ignore),
    )


def _rules(text: str | None) -> tuple[str, ...] | None:
    return tuple(name.strip() for name in text.split(",") if name.strip()) if text is not None else None


def _fixed(options: Namespace, checked: list[Checked], settings: Settings) -> list[Checked]:
    """Fix and check again until nothing is left to fix, and return what then is found."""
    total = 0
    for _ in range(_MOST_FIXES):
        done = sum(fixing.fix(each) for each in checked)
        if not done:
            break
        total += done
        checked = check_all(options.paths, settings)
    streams.message(f"fixed {total}" if total else "nothing to fix")
    return checked


def _write(options: Namespace, checked: Sequence[Checked], target: str) -> None:
    text = FORMATS[options.format](checked, target)
    if options.statistics:
        text = "\n".join([text, *statistics(checked)])
    if options.output is not None:
        streams.write(options.output, f"{text}\n")
    elif options.format == "text" and not options.statistics and sys.stdout.isatty():
        _print_in_colour(checked, target)
    elif text:
        print(text)


def _print_in_colour(checked: Sequence[Checked], target: str) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    console.print(Text.assemble(*styled(checked, target)), end="")
