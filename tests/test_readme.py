"""The README tells the truth: its commands print what it shows, its code runs, and it names all there is."""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
from pathlib import Path

import pytest

from pytest_sbhjobs import fixtures, hooks, markers, options
from sbh_jobkit import Outcome
from sbh_jobkit.check.code import ALLOWED
from sbh_jobkit.cli import main as cli
from sbh_jobkit.extensions import hookspecs
from sbh_jobkit.fakes.faults.kinds import KINDS
from sbh_jobkit.notebook.magics import JobMagics, options_of
from sbh_jobkit.run.recorder import FAULTS
from sbh_jobkit.simulation.budget import NAMES as BUDGETS

_SPEC = importlib.util.spec_from_file_location("readme", Path(__file__).with_name("readme.py"))
readme = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(readme)
TEXT = readme.README.read_text()


@pytest.mark.parametrize(("command", "shown"), readme.blocks(TEXT), ids=lambda text: text[:40].strip())
def test_a_command_prints_what_is_shown(command, shown):
    """Run a command of the README; `make readme` refreshes what it shows."""
    assert readme.output_of(command) == shown


@pytest.mark.parametrize("file", ["examples/hello/main.py", "examples/hub_ops/faults.toml"])
def test_the_shown_file_is_the_example(file):
    """A file that the README shows is the one in the examples, to the letter."""
    assert (readme.ROOT / file).read_text() in TEXT


def test_the_table_is_the_data():
    """The tables of policies, divergences and rules are those of the kit, to the letter; `make readme` writes them."""
    assert readme.shown_table(TEXT) == readme.divergence_table()
    assert readme.shown_policies(TEXT) == readme.policy_table()
    assert readme.shown_rules(TEXT) == readme.rule_table()


def test_the_modules_are_those_that_a_check_allows():
    """The README names each."""
    assert f"Allowed to import are {', '.join(f'`{name}`' for name in ALLOWED)}, the" in " ".join(TEXT.split())


def test_the_code_runs(monkeypatch):
    """All Python of the README runs, as a script that starts in the repository."""
    monkeypatch.chdir(readme.ROOT)
    names = {"__name__": "readme"}
    for code in readme.snippets(TEXT):
        exec(code, names)  # noqa: S102  the README's own code
    names["setup"](names["World"]())


def _options():
    parser = cli._parser()  # noqa: SLF001  argparse has no public way to list its words
    commands = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001
    for name, command in commands.choices.items():
        yield f"sbh-jobkit {name}"
        yield from (option for action in command._actions for option in action.option_strings if option[:2] == "--")  # noqa: SLF001


HOOKS = [name for name in vars(hookspecs) if name.startswith("sbh_")]


def _for_pytest():
    yield from (name for name in vars(fixtures) if name.startswith("sbh_") and name != "sbh_jobkit")
    yield from markers.NAMES
    yield from (name for name in vars(hooks) if name.startswith("pytest_sbh_"))
    yield from (form.format(name) for name, _, _ in options.SETTINGS for form in ("--sbh-{}", "sbh_{}"))
    yield "--sbh-update"


def _for_notebooks():
    for name, magic in vars(JobMagics).items():
        if hasattr(magic, "parser"):
            yield f"%{name}"
            yield from options_of(magic)


@pytest.mark.parametrize(
    "word",
    sorted(
        {*_for_pytest(), *_for_notebooks(), *HOOKS, *FAULTS, *KINDS, *BUDGETS}
        | {*_options(), *(outcome.value for outcome in Outcome if outcome.started)} - {"--help"}
    ),
)
def test_everything_is_documented(word):
    """An option, a fixture, a hook, an outcome or a fault that stands in no line of the README does not exist."""
    assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", TEXT), word


def test_links_lead_somewhere():
    """Every relative link of the README names a file of the repository."""
    targets = re.findall(r"\]\((?!http|#)([^)#]+)\)", TEXT)
    assert [target for target in targets if not (readme.ROOT / target).exists()] == []
    assert os.sep in "".join(targets)
