"""The tables of the manual that are data: made of the kit's code and data files, never written by hand."""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import re
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from architecture import WAYS, way_table
from manual import ROOT
from manual_inputs import bad_inputs

import sbh_jobkit
from pytest_sbhjobs import fixtures, hooks, markers, options
from sbh_jobkit import ports
from sbh_jobkit.check import rulebook
from sbh_jobkit.check.rules.modules import ALLOWED
from sbh_jobkit.cli import main as cli
from sbh_jobkit.extensions import hookspecs
from sbh_jobkit.fakes.faults.kinds import KINDS
from sbh_jobkit.machine.network import UNHEARD
from sbh_jobkit.notebook.magics import JobMagics
from sbh_jobkit.plugin import divergences
from sbh_jobkit.plugin.manifest import FILE
from sbh_jobkit.report import rules
from sbh_jobkit.run.kinds import FAULTS
from sbh_jobkit.run.notes import OBSERVATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SERVICES = {"secrets": ports.Secrets, "http": ports.Http, "files": ports.Files, "db": ports.Database, "llm": ports.Llm}

_WITHOUT_TEXT = {"__version__": "The version of the kit.", "hookimpl": "Marks a function of an extension as a hook."}
_MOST_CALLS = 3
"""So many calls show a divergence in the manual."""
_OLD = re.compile(r"Old name of `?(?P<new>\w+)")


def tables() -> dict[str, str]:
    """Return every generated table by its name."""
    return {
        "bad-inputs": table(["a job calls", "and gets", "fault of the run"], bad_inputs()),
        "divergences": _divergences(),
        "host-calls": table(["id", "a job calls", "the guide, and the kit", "today's host"], _host_calls()),
        "unheard-modules": table(["module", "by"], ((f"`{name}`", by) for name, by in sorted(UNHEARD.items()))),
        "fault-kinds": table(["kind", "what happened"], ((f"`{kind}`", text) for kind, text in FAULTS.items())),
        "fixtures": table(["fixture", ""], ((f"`{name}`", summary(each)) for name, each in all_fixtures().items())),
        "imports": f"\n{', '.join(f'`{name}`' for name in ALLOWED)}\n\n",
        "injected-faults": table(
            ["word", "what it does"], ((f"`{word}`", summary(kind)) for word, kind in KINDS.items())
        ),
        "kit-hooks": table(["hook", ""], ((f"`{name}`", summary(each)) for name, each in kit_hooks().items())),
        "magics": "".join(_magic(name, magic) for name, magic in all_magics().items()),
        "markers": table(
            ["marker", ""], ((f"`{line[0]}`", line[2]) for line in (line.partition(": ") for line in markers.LINES))
        ),
        "names": table(["name", "what it is"], ((f"`{name}`", text) for name, text in public_names())),
        "observations": table(["kind", "what it means"], ((f"`{kind}`", text) for kind, text in OBSERVATIONS.items())),
        "old-names": table(["old name", "now"], old_names()),
        "options": "".join(_command(name, parser) for name, parser in all_commands().items()),
        "policies": _policies(),
        "pytest-hooks": table(["hook", ""], ((f"`{name}`", summary(each)) for name, each in pytest_hooks().items())),
        "pytest-options": _pytest_options(),
        **{f"way-{way}": way_table(way) for way in WAYS},
        "rule-page": f"{rules.page()}\n",
        "rules": table(
            ["rule", "what it asks for"],
            ((f"`{each.id}`", each.what) for each in rulebook.rules().values() if each.kind != "host"),
        ),
    }


def table(head: list[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a table of Markdown, with an empty line around it."""
    lines = [
        head,
        ["---"] * len(head),
        *([cell.replace("|", r"\|").replace("\n", " ") for cell in row] for row in rows),
    ]
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def summary(documented: Any) -> str:
    """Return the first paragraph of a docstring."""
    return " ".join((inspect.getdoc(documented) or "").partition("\n\n")[0].split())


def signature(service: str, name: str) -> str:
    """Return a call of `ctx` as the reference heads it, without types."""
    function = inspect.signature(getattr(SERVICES[service], name))
    given = [each.replace(annotation=each.empty) for each in function.parameters.values() if each.name != "self"]
    return f"ctx.{service}.{name}({', '.join(map(str, given))})"


def members() -> Iterator[str]:
    """Yield every call of the services of `ctx`."""
    for service, protocol in SERVICES.items():
        yield from (
            signature(service, name) for name, each in vars(protocol).items() if name[0] != "_" and callable(each)
        )


def all_commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command of `sbh-jobkit`."""
    parser = cli._parser()[0]  # noqa: SLF001  argparse has no public way to list its words
    return next(each for each in parser._actions if isinstance(each, argparse._SubParsersAction)).choices  # noqa: SLF001


def all_magics() -> dict[str, Any]:
    """Return the magics by name."""
    return {name: magic for name, magic in vars(JobMagics).items() if hasattr(magic, "parser")}


def all_fixtures() -> dict[str, Any]:
    """Return the fixtures by name."""
    return {name: each for name, each in vars(fixtures).items() if name.startswith("sbh_") and name != "sbh_jobkit"}


class PytestOptions:
    """Stands for pytest's parser, and keeps the options and the ini settings that the plugin adds."""

    def __init__(self) -> None:
        """Begin without any."""
        self.options: dict[str, dict[str, Any]] = {}
        self.settings: dict[str, str] = {}

    def getgroup(self, name: str, description: str) -> PytestOptions:
        """Return what takes the options of a group."""
        del name, description
        return self

    def addoption(self, name: str, **given: Any) -> None:
        """Keep an option."""
        self.options[name] = given

    def addini(self, name: str, text: str, **given: Any) -> None:
        """Keep an ini setting."""
        del given
        self.settings[name] = text


def pytest_options() -> PytestOptions:
    """Return the options and the ini settings of the pytest plugin."""
    added = PytestOptions()
    options.add(added)
    return added


def pytest_hooks() -> dict[str, Any]:
    """Return the hooks for a conftest.py by name."""
    return {name: each for name, each in vars(hooks).items() if name.startswith("pytest_sbh_")}


def kit_hooks() -> dict[str, Any]:
    """Return the hooks of extensions by name."""
    return {name: each for name, each in vars(hookspecs).items() if name.startswith("sbh_")}


def public_names() -> Iterator[tuple[str, str]]:
    """Yield what can be imported from the kit, and what it is."""
    for name in sbh_jobkit.__all__:
        yield name, _WITHOUT_TEXT.get(name) or summary(getattr(sbh_jobkit, name))


def old_names() -> Iterator[tuple[str, str]]:
    """Yield the names that have another one now and still work: their docstrings say so."""
    files = [path for package in ("sbh_jobkit", "pytest_sbhjobs") for path in sorted((ROOT / package).rglob("*.py"))]
    for kind in (each for path in files for each in ast.walk(ast.parse(path.read_text()))):
        body = kind.body if isinstance(kind, ast.ClassDef) else []
        for each, following in zip_longest(body, body[1:]):
            documented = each if isinstance(each, ast.FunctionDef) else following  # an assignment's text comes after it
            names = [each.name] if isinstance(each, ast.FunctionDef) else [ast.unparse(one) for one in _targets(each)]
            if names and (found := _OLD.search(ast.unparse(documented or ast.Pass()))):
                yield f"`{kind.name}.{names[0]}`", f"`{kind.name}.{found['new']}`"


def _targets(statement: ast.stmt) -> list[ast.expr]:
    return statement.targets if isinstance(statement, ast.Assign) else []


def _arguments(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    for action in parser._actions:  # noqa: SLF001  as above
        shown = f" {action.metavar}" if action.option_strings and action.metavar else ""
        name = f"{action.option_strings[-1]}{shown}" if action.option_strings else str(action.metavar or action.dest)
        if name != "--help":
            yield f"`{name}`", action.help or ""


def _command(name: str, parser: argparse.ArgumentParser) -> str:
    return f"\n### `sbh-jobkit {name}`\n\n{parser.description}\n" + table(["argument", "meaning"], _arguments(parser))


def _magic(name: str, magic: Any) -> str:
    return f"\n### `%{name}`\n\n{magic.parser.description.strip()}\n" + table(
        ["argument", "meaning"], _arguments(magic.parser)
    )


def _pytest_options() -> str:
    given = pytest_options()
    rows = []
    for name, option in given.options.items():
        shown = f"{name}={option['metavar']}" if "metavar" in option else name
        setting = name.removeprefix("--").replace("-", "_")
        rows.append((f"`{shown}`", f"`{setting}`" if setting in given.settings else "", option["help"]))
    return table(["option", "ini setting", "what it does"], rows)


def _divergences() -> str:
    parts = []
    for concern, heading in divergences.CONCERNS.items():
        rows = [row for row in divergences.table().values() if row.concerns == concern]
        cells = ((row.id, row.guide, row.host, row.advice) for row in rows)
        parts.append(f"\n### {heading[0].upper() + heading[1:] if heading != FILE else f'`{FILE}`'}\n")
        parts.append(table(["id", "the guide, and the kit", "today's host", "what to do"], cells))
    return "".join(parts)


def _host_calls() -> Iterator[tuple[str, str, str, str]]:
    """Yield, for each divergence of a call, the shortest calls of the table that the tests run on both targets."""
    rows = json.loads((ROOT / "tests/fakes/conformance.json").read_text(encoding="utf-8"))["rows"]
    for id_ in divergences.ids_for("job"):
        of_id = [row for row in rows if row.get("host", {}).get("faults", [""])[0] == id_]
        found = {row["call"]: (_answer(row), _answer({**row["host"], "faults": []})) for row in of_id}
        differing = [(call, *answers) for call, answers in found.items() if answers[0] != answers[1]]
        for call, guide, host in sorted(differing, key=lambda row: ("fault" in row[1], len(row[0])))[:_MOST_CALLS]:
            yield id_, f"`{call}`", guide, host


def _answer(row: dict[str, Any]) -> str:
    faults = row.get("faults", [row["fault"]] if "fault" in row else [])
    said = f"raises {row['raises']}" if "raises" in row else f"`{_shown(row['result'])!r}`"
    return f"{said}, and the fault `{faults[0]}`" if faults else said


def _shown(value: Any) -> Any:
    """Return a value with … for what differs from run to run."""
    if isinstance(value, dict):
        return "…" if "$matches" in value else {key: _shown(each) for key, each in value.items()}
    return [_shown(each) for each in value] if isinstance(value, list) else value


def _policies() -> str:
    cases = json.loads((ROOT / "tests/data/policy.json").read_text())
    head = ["what happens", "policy", "schedule, length and end of runs, scheduler down", "what does not simply run"]
    return table(head, map(_case, cases))


def _case(case: dict) -> list[str]:
    policy = ", ".join(f"`{name}={value}`" for name, value in case.get("policy", {}).items())
    down = [f"{start[5:].replace('T', ' ')}–{end[11:]}" for start, end in case.get("down", ())]
    facts = [f"`{case['schedule']}`", *case.get("tz", "").split(), *(f"{length} s" for length in case.get("takes", ()))]
    facts += case.get("ends", ())
    rows = [f"{due[3:]}: {reason or outcome}" for due, _, outcome, reason in case["rows"] if reason or outcome != "ok"]
    rows[4:] = [f"… and {len(rows) - 4} more"] if len(rows) > 5 else rows[4:]
    return [case["case"], policy, ", ".join([*facts, *down]), "<br>".join(rows) or "none"]
