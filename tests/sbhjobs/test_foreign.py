"""A `plugin.json` of something else in the repository: Grafana's, Rhino's, a broken one."""

import pytest

MAIN = """
from src.ext.sdk import job

@job("greet", schedule="0 6 * * *")
def greet(ctx):
    return 1
"""
FOREIGN = {
    "of another product": '{"type": "panel", "name": "Clock", "id": "acme-clock-panel", "info": {"version": "1.0.0"}}',
    "no JSON": "[1,2",
    "a list": "[]",
    "a text": '"plugin"',
    "null": "null",
    "empty": "",
    "without a name of its own": '{"name": "only a name"}',
    "with a mark of its encoding": '\ufeff{"type": "panel"}',
    "nested too deep": "[" * 100_000,
    "of too many digits": f'{{"version": {"9" * 5000}}}',
}
RACK = '{"slug": "Fundamental", "name": "VCV Free", "version": "2.6.0", "license": "GPL-3.0", "modules": []}'
SKIPPED = (
    "{0}/plugin.json is not the manifest of a plugin with jobs ({1}), so it is skipped; "
    "name yours with --sbh-plugin=PATH, or leave this one out with --ignore={0}"
)


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_manifest_is_skipped(repository, text):
    """The session goes on with the right plugin, and a warning says what can be done."""
    repository.plugin(MAIN)
    repository.write({"grafana/src/plugin.json": text, "grafana/src/tool.py": "import json\n"})
    result = repository.run("--sbh-simulate=2d", "-W", "default")
    result.assert_outcomes(passed=1, warnings=1)
    assert SKIPPED.format("grafana/src", "it has no slug") in result.stdout.str()


@pytest.mark.parametrize("link", ["gone.py", "folder.py"])
def test_a_foreign_manifest_with_a_slug_is_skipped(repository, link):
    """VCV Rack's has slug and name, too, but there is no Python beside it; what is called so may be no file."""
    repository.plugin(MAIN)
    repository.write({"rack/plugin.json": RACK, "rack/folder.py/readme.md": ""})
    (repository.path / "rack" / "gone.py").symlink_to(repository.path / "nowhere" / link)
    result = repository.run("--sbh-simulate=2d", "-W", "default")
    result.assert_outcomes(passed=1, warnings=1)
    assert SKIPPED.format("rack", "there is no Python module beside it") in result.stdout.str()


def test_it_can_be_left_out(repository):
    """As the warning says."""
    repository.plugin(MAIN)
    repository.write({"grafana/src/plugin.json": "{}"})
    repository.run("--sbh-simulate=2d", "--ignore=grafana/src").assert_outcomes(passed=1)
    repository.run("--sbh-simulate=2d", "--sbh-plugin=.").assert_outcomes(passed=1)


@pytest.mark.parametrize("text", ['{"name": "P"}', '{"slug": "p", "name": "P",}', "{}"])
def test_a_manifest_of_ours_with_a_mistake_is_an_error(repository, text):
    """Code beside it that imports the SDK, or a slug, shows whose it is: a mistake there is never skipped."""
    repository.plugin(MAIN, **{"plugin.json": text})
    repository.run("--sbh-simulate=2d").assert_outcomes(errors=1)


@pytest.mark.parametrize("options", [("other/plugin.json",), ("--sbh-plugin=other",)])
def test_a_manifest_that_was_named_is_an_error(repository, options):
    """Whoever names it means it."""
    repository.plugin(MAIN)
    repository.write({"other/plugin.json": FOREIGN["of another product"]})
    result = repository.run("--sbh-simulate=2d", *options)
    assert "$.slug: missing; slug and name are required" in result.stdout.str()
