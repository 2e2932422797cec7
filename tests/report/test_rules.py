"""Rules as people read them."""

from __future__ import annotations

from sbh_jobkit.check.rulebook import rules
from sbh_jobkit.cli.main import OK, WRONG_USE, main
from sbh_jobkit.report.rules import explain, listed, page


def test_explain():
    """What a rule asks for, why, both plugins, and how to fix it."""
    assert explain("sdk-import") == (
        "sdk-import (error)\n\n"
        "The SDK's decorators and PluginContext are imported from the SDK, and by their right names.\n\n"
        "The module cannot be imported without them, so the plugin has no jobs.\n\n"
        'Bad:\n\n    @job("tidy", schedule="0 6 * * *")\n    def tidy(ctx):\n        return {"status": "success"}\n\n'
        "Good:\n\n    from src.ext.sdk import job\n\n"
        '    @job("tidy", schedule="0 6 * * *")\n    def tidy(ctx):\n        return {"status": "success"}\n\n'
        "To fix it: write the import line that the finding shows\n\n--fix can do it"
    )


def test_explain_a_rule_of_the_manifest():
    """Manifests are shown where they are what differs."""
    text = explain("permission-unused")
    assert 'Bad plugin.json:\n\n    {"slug": "p", "name": "P", "permissions": ["db.read", "send_email"]}' in text
    assert text.count("def tally") == 1


def test_explain_a_rule_of_the_host():
    """A divergence is explained by its table."""
    assert explain("D1").startswith("D1 (error)\n\n`ctx.db.query` takes an `offset`")


def test_listed():
    """A line for each rule, with its usual level."""
    lines = listed().splitlines()
    assert len(lines) == len(rules())
    text = "Only allowed modules and the plugin's own modules are imported."
    assert [line.split()[:2] for line in lines if line.endswith(text)] == [["import", "error"]]


def test_page():
    """Every rule has its section, and those of a kind are together."""
    text = page()
    assert [id_ for id_ in rules() if id_[0] != "D" and f"### `{id_}`" not in text] == []
    assert text.count("## Rules of results") == 1


def test_commands(capsys):
    """`--explain` and `--list` need no path; an unknown rule is wrong use."""
    assert main(["check", "--list"]) == OK
    assert capsys.readouterr().out == f"{listed()}\n"
    assert main(["check", "--explain", "import"]) == OK
    assert capsys.readouterr().out == f"{explain('import')}\n"
    assert main(["check", "--explain", "imports"]) == WRONG_USE
    assert capsys.readouterr().err == "sbh-jobkit: error: there is no rule 'imports'; did you mean 'import'?\n"
