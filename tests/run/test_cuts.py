"""What the kit cuts of a job's texts: no part of a secret is left at a cut, and none where a part was replaced."""

from __future__ import annotations

import json

import pytest

from sbh_jobkit import Plugin, World, simulate
from sbh_jobkit.simulation.observations.modules import ModuleState

TOKEN = "Q7" + "abcdefghij" * 4
CUT = {
    "SQL, near its cut": 'ctx.db.query("SELECT * FROM tokens WHERE value=\'yyyyyyyyyy" + token + "\'")',
    "SQL, over two lines": "ctx.db.query('SELECT * FROM tokens\\nWHERE value=' + repr('y' * 16 + token))",
    "SQL in count": "ctx.db.count('DELETE FROM tokens WHERE the_value_is = ' + repr('y' * 9 + token))",
    "a swallowed error": "\n    try:\n        raise ValueError('y' * 52 + token)\n    except ValueError:\n        pass",
    "a swallowed error with numbers": "\n    try:\n        raise KeyError(token)\n    except KeyError:\n        pass",
    "a module's variable": "global KEPT; KEPT = 'y' * 31 + token",
    "a prompt": "ctx.llm.run('y' * 50 + token)",
    "a header": "ctx.http.get('https://a.example', headers={'X-Long': 'y' * 490 + token})",
    "a body": "ctx.http.post('https://a.example', data='y' * 3_990 + token)",
    "the output": "print('y' * 999_990 + token)",
}


@pytest.mark.parametrize("body", CUT.values(), ids=CUT)
def test_a_text_is_redacted_before_it_is_cut(tmp_path, body):
    """In the whole report, and in what is observed of the plugin."""
    top = "from src.ext.sdk import job\n\nKEPT = ''\n\n\n@job('work', schedule='0 6 * * *')\ndef work(ctx):\n"
    (tmp_path / "main.py").write_text(f"{top}    token = ctx.secrets.get('TOKEN')\n    {body}\n")
    world = World()
    world.secrets["TOKEN"] = TOKEN
    world.http.route(host="a.example").respond(json={})
    result = simulate(Plugin.load(tmp_path / "main.py"), world, duration="1d")
    text = f"{json.dumps([run.to_dict() for run in result.runs])} {result.runs!r} {result.observations!r}"
    assert "Q7abc" not in text
    assert "Q#abc" not in text


def test_changes_of_modules_are_those_that_show():
    """A variable that differs behind the cut alone is not listed."""
    names = {"KEPT": "x" * 50}
    plugin = type("Plugin", (), {"jobs": {"a": type("Job", (), {"function": type("F", (), {"__globals__": names})})}})
    state = ModuleState(plugin)
    names["KEPT"] += "y"
    assert state.changes() == []
    names["KEPT"] = "z" * 50
    assert state.changes(lambda text: text.replace("z" * 50, "Z")) == [("KEPT", f"'{'x' * 39}… → 'Z'")]


@pytest.mark.parametrize(
    ("because", "expected"),
    [
        ("the key TOKEN is refused", "the key ‹secret:KEY› is refused"),
        ("see https://a.example/?k=%TOKEN", "see https://a.example/?k=‹secret:KEY›"),
        ("maintenance", "maintenance"),
    ],
)
def test_the_reason_of_an_expectation(because, expected):
    """An author's words can have a secret in them."""
    from sbh_jobkit.plugin.sdk import job

    @job("work", schedule="0 6 * * *")
    def work(_):
        raise ValueError

    world = World()
    world.secrets["KEY"] = "{key}-1234567"
    text = because.replace("%TOKEN", "%7Bkey}-1234567").replace("TOKEN", "{key}-1234567")
    world.expect_failure("work", "2026-01-01", "2026-01-02", because=text)
    result = simulate(Plugin.load({"function": work}), world, duration="1d")
    assert result.runs[0].expected == expected
    assert "1234567" not in json.dumps([run.to_dict() for run in result.runs])


NAMES = [
    ("ctx.secrets.set(token, 'other-value-1')", "other-value-1", "‹secret:…›"),
    ("ctx.secrets.set(token + '-v2', 'other-value-2')", "other-value-2", "‹secret:…-v2›"),
    ("ctx.secrets.set(token, token)", "hosttoken123", "‹secret:TOKEN›"),
    ("ctx.secrets.set('NEW', 'other-value-3')", "other-value-3", "‹secret:NEW›"),
]


@pytest.mark.parametrize(("body", "value", "shown"), NAMES)
def test_the_name_of_a_secret_that_a_job_sets(body, value, shown):
    """It can be the value of another secret, or its own."""
    from sbh_jobkit import run_job
    from sbh_jobkit.plugin.sdk import job

    @job("work")
    def work(ctx):
        token = ctx.secrets.get("TOKEN")
        exec(body, {"ctx": ctx, "token": token})  # noqa: S102  the line of the table
        print(value)  # noqa: T201  a job prints

    world = World()
    world.secrets["TOKEN"] = "hosttoken123"  # noqa: S105  what the test looks for
    run = run_job(work, world)
    assert run.stdout == f"{shown}\n"
    assert "hosttoken123" not in f"{run.to_dict()} {run!r}"
