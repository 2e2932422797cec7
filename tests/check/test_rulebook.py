"""The rules as data: each has all that its page needs, and its bad and good plugin are what they say."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import sbh_jobkit
from sbh_jobkit.check.check import check_all
from sbh_jobkit.check.finding import LEVELS
from sbh_jobkit.check.rulebook import require, rules
from sbh_jobkit.check.settings import Settings
from sbh_jobkit.errors import JobkitError

OURS = {id_: rule for id_, rule in rules().items() if rule.kind != "host"}
WITH_EXAMPLES = {id_: rule for id_, rule in OURS.items() if rule.bad}
SETTINGS = {"schedule-often": {"time_limit": 180}}
"""The settings with which a rule's bad plugin breaks it, if they are not the usual ones."""
NEEDS_MORE_THAN_ONE_FILE = {"archive", "job-elsewhere", "notebook-cells"}


def write(folder, text, manifest):
    """Write a plugin."""
    folder.mkdir()
    (folder / "main.py").write_text(text)
    (folder / "plugin.json").write_text(manifest or json.dumps({"slug": "p", "name": "P"}))
    return folder


@pytest.mark.parametrize("rule", WITH_EXAMPLES.values(), ids=WITH_EXAMPLES)
def test_examples(tmp_path, rule):
    """The bad plugin breaks this rule and no other; the good one breaks none."""
    settings = Settings(level="note", imports=rule.kind == "reading", **SETTINGS.get(rule.id, {}))
    (checked,) = check_all([write(tmp_path / "bad", rule.bad, rule.manifest)], settings)
    bad = checked.findings
    good = write(tmp_path / "good", rule.good, rule.good_manifest or rule.manifest)
    assert {each.rule for each in bad} == {rule.id}, bad
    assert {each.level for each in bad} <= {*rule.levels}
    assert [each.findings for each in check_all([good], settings)] == [()]


def test_every_rule_has_examples():
    """Only rules that need more than one file have none; their cases are in test_check.py."""
    assert {*OURS} - {*WITH_EXAMPLES} == NEEDS_MORE_THAN_ONE_FILE


@pytest.mark.parametrize("rule", rules().values(), ids=rules())
def test_texts(rule):
    """Every rule says what it asks for, why, and how to fix it; its levels are known."""
    assert rule.what.endswith(".")
    assert rule.why.endswith(".")
    assert rule.fix
    assert rule.levels
    assert {*rule.levels} <= {*LEVELS}


def test_every_rule_of_the_code_is_in_the_book():
    """A rule that the code names is in the book, and each rule of the book is named by the code."""
    folder = Path(sbh_jobkit.__file__).parent
    texts = set()
    for path in [*folder.glob("check/**/*.py"), folder / "plugin" / "plugin.py", folder / "notebook" / "check.py"]:
        texts |= {
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    assert {*OURS} <= texts


def test_an_unknown_rule():
    """The error names the nearest rule."""
    with pytest.raises(JobkitError) as caught:
        require("importt")
    assert str(caught.value) == "there is no rule 'importt'; did you mean 'import'?"
    with pytest.raises(JobkitError) as caught:
        require("x")
    assert str(caught.value) == "there is no rule 'x'; sbh-jobkit check --list shows all rules"
