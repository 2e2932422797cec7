"""The problems that `sbh-jobkit check` finds: all at once, each with its place and advice."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from sbh_jobkit.check.check import check, check_all
from sbh_jobkit.check.rules.host import EVENTS, ON_HOST
from sbh_jobkit.check.rules.modules import ALLOWED
from sbh_jobkit.check.settings import Settings
from sbh_jobkit.cli.main import FAILED, OK, WRONG_USE, main
from sbh_jobkit.errors import PluginError
from sbh_jobkit.plugin import divergences

EXAMPLES = Path(__file__).parents[2] / "examples"
SDK = "from src.ext.sdk import hook, job, route\n"
JOB = f"{SDK}\n@job('a', schedule='0 6 * * *')\ndef a(ctx):\n    "
KNOWN = f"the allowed modules are {', '.join(ALLOWED)}"


def write(folder, text, **manifest):
    """Write a plugin; each key of its manifest is on its own line."""
    files = {"main.py": text} if isinstance(text, str) else text
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    (folder / "plugin.json").write_text(json.dumps({"slug": "p", "name": "P", **manifest}, indent=1))
    return folder


def lines(found):
    """Return findings as `file:line: message [rule]`, and their advice."""
    return [
        f"{each.file}:{each.line}: {each.message} [{each.rule}]" + (f"; {each.advice}" if each.advice else "")
        for each in found
    ]


CLEAN = {
    "a job": JOB + "return {}",
    "all that is allowed": JOB + "".join(f"import {name}\n    " for name in ALLOWED) + "return {}",
    "a part of a package": JOB + "from urllib import parse\n    from collections import abc\n    return {}",
    "the future": "from __future__ import annotations\n" + JOB + "return {}",
    "re.compile": JOB + "import re\n    return re.compile('a')",
    "a method of that name": JOB + "return ctx.request.eval()",
    "siblings": {
        "main.py": "import lib.tools\nfrom lib import more\nfrom other import f\n" + JOB + "return f().isoformat()",
        "other.py": "from datetime import date\ndef f(): return date.today()",
        "lib/tools.py": "from . import more",
        "lib/more.py": "X = 1",
    },
    "files that are not deployed": {
        "main.py": JOB + "return {}",
        "world.py": "import httpx\ndef setup(world): eval('1')",
        "tests/test_a.py": "import pytest",
    },
    "a decorator of one's own": "def job(name): return lambda f: f\n\n@job('a')\ndef a(ctx): pass",
    "one from a wildcard": "from src.ext.sdk import *\n\n@job('a')\ndef a(ctx): pass",
    "one of a module": "import src.ext.sdk as sdk\n\n@sdk.job('a')\ndef a(ctx): pass",
}


@pytest.mark.parametrize("text", CLEAN.values(), ids=CLEAN)
def test_clean(tmp_path, text):
    """There are no findings for code that is allowed."""
    assert lines(check(write(tmp_path, text))) == []


FOUND = {
    "a module that is not allowed": (
        JOB + "import sqlite3\n    from os import path",
        {},
        [
            f"main.py:5: the platform does not allow the module 'sqlite3' [import]; {KNOWN}",
            f"main.py:6: the platform does not allow the module 'os' [import]; {KNOWN}",
        ],
    ),
    "a client of HTTP": (
        JOB + "import urllib.request",
        {},
        ["main.py:5: the platform does not allow the module 'urllib.request' [import]; use ctx.http"],
    ),
    "one in a sibling": (
        {"main.py": "import helper\n" + JOB + "pass", "helper.py": "\nimport socket"},
        {},
        ["helper.py:2: the platform does not allow the module 'socket' [import]; use ctx.http"],
    ),
    "code from text": (
        JOB + "eval('1'), exec('1')\n    compile('1', '', 'eval'), __import__('os')",
        {},
        [
            f"main.py:{line}: {name}(…) is not allowed: the platform does not run code from text [dynamic-code]"
            for line, name in [(5, "eval"), (5, "exec"), (6, "compile"), (6, "__import__")]
        ],
    ),
    "two broken schedules": (
        SDK + "@job('a', schedule='61 * * * *')\ndef a(ctx): pass\n@job('b', '0 0 31 2 *')\ndef b(ctx): pass",
        {},
        [
            "main.py:2: job 'a': schedule '61 * * * *' is not cron: minute 61 is outside 0-59 [schedule]",
            (
                "main.py:4: job 'b': schedule '0 0 31 2 *' is not cron: "
                "day 31 does not exist in month 2, so it never fires; without a schedule a job runs by hand [schedule]"
            ),
        ],
    ),
    "a step that is too long": (
        SDK + "@job('a', schedule='0 */24 * * *')\ndef a(ctx): pass\n@job('b', '*/60 * * * *')\ndef b(ctx): pass",
        {},
        [
            f"main.py:{line}: job {name!r} (main.py:{line}): schedule {text!r}: {note} [schedule-step]"
            for line, name, text, note in [
                (2, "a", "0 */24 * * *", "hour step 24 is longer than the range 0-23, so only 0 matches"),
                (4, "b", "*/60 * * * *", "minute step 60 is longer than the range 0-59, so only 0 matches"),
            ]
        ],
    ),
    "two jobs of one name": (
        SDK + "@job('a')\ndef a(ctx): pass\n\n@job('a')\ndef b(ctx): pass",
        {},
        ["main.py:5: job 'a' is already defined at main.py:2; rename one [job-twice]"],
    ),
    "an SDK that is not imported": (
        "import json\n\n@job('a')\ndef a(ctx): pass\n@job('b')\ndef b(ctx): pass",
        {},
        ["main.py:3: @job is not imported [sdk-import]; add `from src.ext.sdk import job`"],
    ),
    "what does not compile": (
        {"main.py": "import helper\nimport other", "helper.py": "x = 1\ndef f(:\n", "other.py": "import sqlite3\n"},
        {},
        [
            "helper.py:2: invalid syntax [syntax]",
            f"other.py:1: the platform does not allow the module 'sqlite3' [import]; {KNOWN}",
        ],
    ),
    "what cannot be imported": (
        JOB + "pass\n\nX = 1 / 0",
        {},
        ["main.py:7: ZeroDivisionError: division by zero [load]"],
    ),
    "schedules that disagree": (
        JOB + "pass",
        {"jobs": [{"name": "a", "schedule": "0 7 * * *"}]},
        [
            (
                "main.py:3: job 'a': the decorator (main.py:3) says '0 6 * * *', the manifest '0 7 * * *'; "
                "make them agree [load]"
            ),
        ],
    ),
    "a decorator without parentheses": (
        SDK + "@job\ndef a(ctx): pass",
        {},
        ["main.py:2: @job needs its name: write @job('…') above the function, with parentheses [load]"],
    ),
    "problems in the manifest, with their lines": (
        JOB + "pass",
        {"version": 1, "jobs": [{"name": "a"}, {"name": "a", "schedule": "x"}], "permissions": ["db.reed"]},
        [
            "plugin.json:4: $.version: must be text, got a number (1) [manifest]",
            "plugin.json:10: $.jobs[1].name: 'a' is already the name of $.jobs[0]; rename one [manifest]",
            (
                "plugin.json:11: $.jobs[1].schedule: schedule 'x' is not cron: it has 1 field; cron has five: "
                "minute hour day-of-month month day-of-week [manifest]"
            ),
            "plugin.json:15: $.permissions[0]: unknown permission 'db.reed'; did you mean 'db.read'? [manifest]",
        ],
    ),
    "an entry that is not there": (
        {"other.py": ""},
        {"entry": "app.py"},
        ["plugin.json:4: $.entry: there is no file 'app.py' [manifest]"],
    ),
    "jobs without function, and the reverse": (
        JOB + "pass",
        {"jobs": [{"name": "b", "schedule": "0 6 * * *"}]},
        [
            "main.py:3: job 'a' (main.py:3) is not in the manifest's jobs; add it there [job-unlisted]",
            (
                "plugin.json:5: job 'b' of the manifest has no function in main.py, so it never runs "
                "[job-without-function]"
            ),
        ],
    ),
    "a job of a sibling": (
        {"main.py": "import helper", "helper.py": JOB + "pass"},
        {},
        [
            (
                "helper.py:3: job 'a' (helper.py:3) is not in main.py, so it never runs; "
                "add to main.py: from helper import a [job-elsewhere]"
            ),
        ],
    ),
    "permissions": (
        JOB + "ctx.emit('x', {})\n    ctx.db.query('t')",
        {"permissions": ["files.read", "db.read", "send_email"]},
        [
            (
                "main.py:5: ctx.emit needs the permission 'emit_webhook', which plugin.json does not list "
                '[permission-missing]; add "emit_webhook" to "permissions" in plugin.json'
            ),
            (
                "plugin.json:5: the permission 'files.read' is listed, but no call of the plugin needs it "
                "[permission-unused]; remove it"
            ),
            (
                "plugin.json:7: the permission 'send_email' is listed, but no call of the plugin needs it "
                "[permission-unused]; remove it"
            ),
        ],
    ),
    "permissions when the context is passed on": (
        JOB + "print([ctx])\n    ctx.emit('x', {})",
        {"permissions": ["db.read", "send_email"]},
        [],
    ),
}


@pytest.mark.parametrize(("text", "manifest", "expected"), FOUND.values(), ids=FOUND)
def test_found(tmp_path, text, manifest, expected):
    """Each problem has its file and line, its rule, and what to do."""
    assert lines(check(write(tmp_path, text, **manifest))) == expected


FULL = {"version": "1.0.0", "entry": "app.py"}
ON_TODAYS_HOST = {
    "nothing": ({"app.py": JOB + "pass"}, FULL, []),
    "a manifest of two keys": (
        JOB + "pass",
        {},
        [
            "plugin.json:1: today's host requires 'entry' in the manifest [D17]",
            "plugin.json:1: today's host requires 'version' in the manifest [D17]",
        ],
    ),
    "events": (
        {"app.py": SDK + "@hook('file.uploaded')\ndef a(ctx, data): pass\n@hook('files.deleted')\ndef b(ctx, d): pass"},
        {**FULL, "events": ["files.uploaded", "mine"]},
        [
            "app.py:2: today's host does not know the event 'file.uploaded'; did you mean 'files.uploaded'? [D16]",
            "plugin.json:8: today's host does not know the event 'mine' [D16]",
        ],
    ),
    "a hook that takes ctx last": (
        {"app.py": SDK + "@hook('files.deleted')\ndef a(data, ctx): pass"},
        FULL,
        ["app.py:3: a takes 'data' before 'ctx', but it is called with ctx first [D18]"],
    ),
    "a route": (
        {"app.py": SDK + "@route('/a/<id>')\ndef a(ctx):\n    return ctx.request, 404"},
        FULL,
        [
            "app.py:2: today's host does not support parameters in the path '/a/<id>' [D19]",
            "app.py:3: today's host calls a with (ctx, data), but it takes only ctx [D19]",
            "app.py:4: today's host has no ctx.request, but a uses it [D19]",
            "app.py:4: today's host ignores the status of a tuple, but a returns one [D19]",
        ],
    ),
    "a route that works there": ({"app.py": SDK + "@route('/a')\ndef a(ctx, data=None): return {}"}, FULL, []),
    "a job that is awaited": (
        {"app.py": SDK + "@job('a')\nasync def a(ctx): pass\nasync def b(ctx): pass"},
        FULL,
        ["app.py:3: today's host does not await async jobs: the code of a would not run [D33]"],
    ),
    "two jobs of one name": (
        {"app.py": SDK + "@job('a')\ndef a(ctx): pass\n@job('a')\ndef b(ctx): pass"},
        FULL,
        ["app.py:4: job 'a' is already defined at app.py:2; rename one [D35]"],
    ),
    "a relative import at the top": (
        {
            "app.py": SDK
            + "from . import mail\nfrom .mail import send\nfrom lib import one\n@job('a')\ndef a(ctx): pass",
            "mail.py": "from .other import x\ndef send(): pass",
            "other.py": "x = 1",
            "lib/__init__.py": "",
            "lib/one.py": "from . import near\nfrom ..mail import send",
            "lib/near.py": "",
        },
        FULL,
        [
            "app.py:2: today's host loads app.py as a top-level module, which cannot import '.' [D42]",
            "app.py:3: today's host loads app.py as a top-level module, which cannot import '.mail' [D42]",
            "lib/one.py:2: today's host loads lib/one.py as a top-level module, which cannot import '..mail' [D42]",
            "mail.py:1: today's host loads mail.py as a top-level module, which cannot import '.other' [D42]",
        ],
    ),
    "an id by its name": (
        {
            "app.py": SDK
            + "@job('a')\ndef a(ctx):\n    ctx.db.get_by_id('users', id=5)\n    ctx.db.get_by_id('users', 5)"
        },
        FULL,
        ["app.py:4: today's host calls the parameter record_id, so get_by_id(…, id=…) raises TypeError [D43]"],
    ),
    "no import of the SDK": ({"app.py": "@job('a')\ndef a(ctx): pass"}, FULL, ["app.py:1: @job is not imported [D22]"]),
    "what does not compile": ({"app.py": "def f(:"}, FULL, ["app.py:1: invalid syntax [D22]"]),
}


@pytest.mark.parametrize(("text", "manifest", "expected"), ON_TODAYS_HOST.values(), ids=ON_TODAYS_HOST)
def test_todays_host(tmp_path, text, manifest, expected):
    """Where today's host differs, as far as the files show it, with the id of the divergence."""
    found = check(write(tmp_path, text, **manifest), target="host")
    assert lines(replace(each, advice="") for each in found if each.rule[0] == "D") == expected


def test_advice_is_that_of_the_table():
    """The advice of a finding is that of the table."""
    found = check(EXAMPLES / "hello", target="host", level="note")
    assert {(each.rule, each.advice) for each in found if each.rule[0] == "D"} == {
        (id_, divergences.table()[id_].advice) for id_ in ("D16", "D17", "D34")
    }


def test_entries_of_one_name(tmp_path, monkeypatch):
    """An entry that several plugins of one check have is a warning in each; that of a single plugin is a note."""
    monkeypatch.chdir(tmp_path)
    for name, entry in {"p": "main.py", "q": "main.py", "r": "app.py"}.items():
        write(tmp_path / name, {entry: JOB + "return {'status': 'success'}"}, version="1.0.0", entry=entry)
    settings = Settings(target="host", level="note", imports=False, select=("D34",))
    found = [(each.path, x.level, x.message) for each in check_all(["p", "q", "r"], settings) for x in each.findings]
    message = "today's host gives this plugin the module main.py of another one, and the reverse: "
    assert found == [("p", "warning", f"{message}q"), ("q", "warning", f"{message}p")]
    (alone,) = check_all(["p"], settings)
    message = "today's host confuses plugins whose entries have the same name, such as main.py"
    assert [(each.level, each.rule, each.message) for each in alone.findings] == [("note", "D34", message)]


def test_events_and_ids_are_those_of_the_table():
    """The events are the ten of D16, and the ids are in the table."""
    assert set(re.findall(r"`([^`]+)`", divergences.table()["D16"].host)) == EVENTS
    assert {*ON_HOST.values()} <= {*divergences.table()}


@pytest.mark.parametrize("name", ["hello", "hub_ops"])
def test_the_examples_are_clean(name):
    """The example plugins have no findings."""
    assert check(EXAMPLES / name) == []


def test_paths(tmp_path):
    """A directory, its manifest, its entry, a single file and a zip can be checked."""
    folder = write(tmp_path / "p", JOB + "eval('1')")
    (tmp_path / "alone.py").write_text(JOB + "eval('1')")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for name in ("plugin.json", "main.py"):
            archive.write(folder / name, name)
    message = "eval(…) is not allowed: the platform does not run code from text"
    for path in (folder, folder / "plugin.json", folder / "main.py", tmp_path / "p.zip", tmp_path / "alone.py"):
        file = "alone.py" if path.name == "alone.py" else "main.py"
        assert lines(check(f"{path}")) == [f"{file}:5: {message} [dynamic-code]"]


def test_a_file_that_is_not_a_zip(tmp_path):
    """A problem with a zip is a finding, because the plugin exists but cannot be used."""
    (tmp_path / "bad.zip").write_text("no zip")
    assert lines(check(tmp_path / "bad.zip")) == [
        ":1: bad.zip cannot be read as a zip: File is not a zip file [archive]"
    ]


NO_PLUGINS = {
    "nowhere": "no such path: 'nowhere'; give a plugin's directory, its plugin.json, main.py or zip",
    "empty": "empty has no plugin.json; a plugin is a directory with plugin.json and main.py",
    "notes.txt": "notes.txt is not a plugin; give a directory, a plugin.json, a .py file or a .zip",
}


@pytest.mark.parametrize(("path", "text"), NO_PLUGINS.items())
def test_a_path_that_is_not_a_plugin(tmp_path, monkeypatch, path, text):
    """A wrong path is an error, not a finding."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(PluginError) as caught:
        check(path)
    assert str(caught.value) == text


COMMANDS = {
    "clean": (["check", "p"], OK, "p: no problems found\n", ""),
    "clean on the host, too": (["check", "p", "--target", "host"], OK, "p: no problems found on today's host\n", ""),
    "findings": (
        ["check", "q"],
        FAILED,
        (
            "q/main.py:5:2: error[sdk-import] @hook is not imported\n"
            "  @hook('files.deleted')\n   ^^^^\n"
            "  try: add `from src.ext.sdk import hook`\n"
            "q: 1 error; 1 fixable with --fix\n"
            "q: not looked at: which jobs it has and whether the manifest lists them: it cannot be imported\n"
        ),
        "",
    ),
    "nothing to annotate": (["check", "p", "--format", "github"], OK, "", ""),
    "an unknown target": (
        ["check", "p", "--target", "hots"],
        WRONG_USE,
        "",
        "sbh-jobkit: error: unknown target 'hots'; did you mean 'host'?\n",
    ),
    "an unknown format": (
        ["check", "p", "--format", "xml"],
        WRONG_USE,
        "",
        "sbh-jobkit: error: unknown format 'xml'; use one of text, concise, json, sarif, github\n",
    ),
    "no plugin": (
        ["check", "r"],
        WRONG_USE,
        "",
        "sbh-jobkit: error: no such path: 'r'; give a plugin's directory, its plugin.json, main.py or zip\n",
    ),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_the_command(tmp_path, monkeypatch, capsys, command):
    """Exit code 0 for a clean plugin, 1 for findings, 2 for wrong use."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p", {"app.py": JOB + "pass"}, **FULL)
    write(tmp_path / "q", "import json\n\n\n\n@hook('files.deleted')\ndef a(ctx, data): pass")
    words, *expected = command
    assert [main(words), *capsys.readouterr()] == expected


def test_nothing_hides(tmp_path):
    """A plugin with one fault of each kind tells all of them in one check, each in one line."""
    text = (
        "@job('a', schedule='61 * * * *')\ndef a():\n    pass\n\n"
        "@job('b', schedule='0 6 * * *')\ndef b(ctx):\n    return ctx.http.fetch('https://api.example.com/')\n\n"
        "def c(ctx):\n    await ctx\n"
    )
    found = check(write(tmp_path, text, version=1))
    assert [(each.file, each.line, each.rule) for each in found] == [
        ("main.py", 1, "sdk-import"),
        ("main.py", 1, "schedule"),
        ("main.py", 2, "signature"),
        ("main.py", 7, "ctx-member"),
        ("main.py", 10, "syntax"),
        ("plugin.json", 4, "manifest"),
    ]
    assert not any("\n" in each.sentence for each in found)


def test_a_broken_statement_hides_no_other(tmp_path):
    """What cannot be parsed is one finding; the rest of the file is checked."""
    text = JOB + "return {'status': 'failed'}\n\ndef broken(:\n    pass\n\nimport sqlite3\n"
    found = check(write(tmp_path, text, permissions=["send_email"]))
    assert [(each.line, each.rule) for each in found] == [(5, "status-word"), (7, "syntax"), (10, "import")]


def test_hook_and_action():
    """The hook of pre-commit and the action call options that there are."""
    root = Path(__file__).parents[2]
    (hook,) = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())
    assert (hook["id"], hook["entry"], hook["args"]) == ("sbh-check", "sbh-jobkit check", ["."])
    action = yaml.safe_load((root / "action.yml").read_text())
    assert action["runs"]["using"] == "composite"
    assert action["runs"]["steps"][-1]["run"] == 'sbh-jobkit check "$CHECKED" --format github $ARGUMENTS'
    assert [*action["inputs"]] == ["path", "arguments"]
