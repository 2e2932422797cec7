"""Pairs of plugins, one wrong in one way and one right, for every kind of rule; in `pairs`, a file a kind.

The wrong place is between ‹ and ›. Code without a decorator is the body of a job.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from textwrap import indent

import pytest

from sbh_jobkit.check.check import check_all
from sbh_jobkit.check.rulebook import rules
from sbh_jobkit.check.settings import Settings

FOLDER = Path(__file__).parent / "pairs"
PAIRS = {
    f"{path.stem} {number}: {pair['rule']} {pair.get('about', '')}".strip(): pair
    for path in sorted(FOLDER.glob("*.toml"))
    for number, pair in enumerate(tomllib.loads(path.read_text())["pair"], start=1)
}
_DATE = re.compile(r"\d\d:\d\d (does|occurs).* more like it in two years")
"""Which dates are named depends on the day of the check."""
HEAD = 'from src.ext.sdk import job\n\n@job("a", schedule="0 6 * * *")\ndef a(ctx):\n'


def whole(text):
    """Return the text of a module: what is no module is the body of a job."""
    return text.lstrip("\n") if re.search(r"^\s*@", text, re.MULTILINE) else HEAD + indent(text.lstrip("\n"), "    ")


def place(text):
    """Return where the marks are: line and column of the start and the end."""
    before, _, rest = text.partition("‹")
    wrong = rest.partition("›")[0]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    end = column + len(wrong) if "\n" not in wrong else len(wrong) - wrong.rfind("\n")
    return line, column, line + wrong.count("\n"), end


def write(folder, pair, *, bad):
    """Write one of the plugins, and return where it is wrong."""
    folder.mkdir()
    good = {"helper": "good_helper", "bad": "good", "manifest": "good_manifest"}
    texts = {key: pair.get(key if bad else other, pair.get(key)) for key, other in good.items()}
    files = {"main.py": whole(texts["bad"])}
    if texts["helper"] is not None:
        files["helper.py"] = texts["helper"].lstrip("\n")
    known = {"slug": "p", "name": "P", "version": "1.0.0", "entry": "main.py"}
    files["plugin.json"] = texts["manifest"] or json.dumps(known)
    marked = [(name, *place(text)) for name, text in files.items() if "‹" in text]
    for name, text in files.items():
        (folder / name).write_text(text.replace("‹", "").replace("›", ""))
    return marked


def test_there_are_enough_pairs():
    """Every kind of rule has several, in other spellings, through a helper or an alias."""
    numbers = Counter(name.partition(" ")[0] for name in PAIRS)
    assert numbers.total() >= 80
    assert min(numbers.values()) >= 3
    shown = {rule.kind for rule in rules().values()} - {"reading", "modules", "jobs", "permissions", "ignores"}
    assert {*numbers} == shown


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_pairs(tmp_path, pair):
    """The wrong plugin has this one finding, at this place, in these words; the right one has none but notes."""
    target, more = pair.get("target", "guide"), pair.get("settings", {})
    settings = Settings(target=target, level="note", imports=False, **more)
    marked = write(tmp_path / "bad", pair, bad=True)
    found = [
        each
        for checked in check_all([tmp_path / "bad"], settings)
        for each in checked.findings
        if each.level != "note" or each.rule == pair["rule"]
    ]
    assert [(each.file, each.line, each.column, each.end_line, each.end_column) for each in found] == marked
    said = {_DATE.sub("DATE", each.sentence) if "dates" in pair else each.sentence for each in found}
    assert said == {pair["says"]}
    assert {(each.rule, each.level) for each in found} == {(pair["rule"], pair.get("level", "error"))}
    write(tmp_path / "good", pair, bad=False)
    (clean,) = check_all([tmp_path / "good"], settings)
    assert [each for each in clean.findings if each.level != "note" or each.rule == pair["rule"]] == []
