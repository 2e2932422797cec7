"""`# sbh: ignore[rule] why`: comments that silence a finding of their line, or of the function below a decorator."""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sbh_jobkit.check.finding import Finding
from sbh_jobkit.check.rulebook import rules
from sbh_jobkit.check.walk import functions
from sbh_jobkit.errors import did_you_mean

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterable, Iterator

    from sbh_jobkit.check.source import Source

_COMMENT = re.compile(r"#\s*sbh:\s*ignore(?:\[(?P<rules>[^\]]*)\])?(?P<why>.*)")


@dataclass(slots=True, kw_only=True)
class Ignore:
    """One comment."""

    file: str
    line: int
    column: int
    end_column: int
    rules: tuple[str, ...]
    lines: range
    """The lines whose findings it silences."""
    used: set[str] = field(default_factory=set)
    """The rules of which it silenced a finding."""

    def silences(self, found: Finding) -> bool:
        """Whether it silences a finding, and note that it does."""
        if found.file != self.file or found.rule not in self.rules or found.line not in self.lines:
            return False
        self.used.add(found.rule)
        return True


def find_ignores(source: Source) -> list[Ignore]:
    """Return the comments of all files of a plugin."""
    return [ignore for file, tree in source.modules.values() for ignore in _in_file(source, file, tree)]


def kept(found: Iterable[Finding], ignores: Iterable[Ignore]) -> Iterator[Finding]:
    """Yield the findings that no comment silences."""
    every = [*ignores]
    for each in found:
        if not [ignore for ignore in every if ignore.silences(each)]:
            yield each


def problems(ignores: Iterable[Ignore]) -> Iterator[Finding]:
    """Yield comments that name an unknown rule, or that silence nothing; called after `kept`."""
    for ignore in ignores:
        place = {
            "file": ignore.file,
            "line": ignore.line,
            "column": ignore.column,
            "end_line": ignore.line,
            "end_column": ignore.end_column,
        }
        if not ignore.rules:
            message = "an ignore names the rules that it silences"
            yield Finding(**place, rule="ignore-unknown", message=message, advice="write # sbh: ignore[rule] why")  # type: ignore[arg-type] # numbers and text
        for rule in ignore.rules:
            if rule not in rules():
                hint = did_you_mean(rule, rules())
                message = f"there is no rule {rule!r}{hint}"
                advice = "" if hint else "sbh-jobkit check --list shows all rules"
                yield Finding(**place, rule="ignore-unknown", message=message, advice=advice)  # type: ignore[arg-type] # as above
            elif rule not in ignore.used:
                message = f"this silences nothing: there is no finding of {rule!r} here"
                yield Finding(**place, level="warning", rule="ignore-unused", message=message, advice="remove it")  # type: ignore[arg-type] # as above


def _in_file(source: Source, file: str, tree: ast.Module) -> Iterator[Ignore]:
    text = "\n".join(source.texts.get(file, ()))
    if "sbh:" not in text:
        return
    decorated = {
        line: range(min(each.lineno for each in function.decorator_list), (function.end_lineno or function.lineno) + 1)
        for function in functions(tree)
        for each in function.decorator_list
        for line in range(each.lineno, (each.end_lineno or each.lineno) + 1)
    }
    try:
        tokens = [*tokenize.generate_tokens(io.StringIO(text).readline)]
    except (tokenize.TokenError, SyntaxError):
        return
    for token in tokens:
        found = _COMMENT.match(token.string) if token.type == tokenize.COMMENT else None
        if found is not None:
            names = tuple(name.strip() for name in (found["rules"] or "").split(",") if name.strip())
            line, column = token.start
            yield Ignore(
                file=file,
                line=line,
                column=column + 1,
                end_column=token.end[1] + 1,
                rules=names,
                lines=decorated.get(line, range(line, line + 1)),
            )
