"""The import of a plugin cannot stop, slow down or change the check."""

from __future__ import annotations

import json
import os
import time

import pytest

from sbh_jobkit.check.check import check, check_all
from sbh_jobkit.check.finding import Finding
from sbh_jobkit.check.settings import Settings
from sbh_jobkit.cli.main import main
from sbh_jobkit.errors import JobkitError

pytestmark = pytest.mark.usefixtures("measured")

SDK = "from src.ext.sdk import job\n"
JOB = f"{SDK}\n@job('a', schedule='0 6 * * *')\ndef a(ctx):\n    return {{'status': 'success'}}\n"
FAST = Settings(import_limit=2.5)
ADVICE = "a module only defines and imports; do the rest in a job"
LATE = "the import did not end within 2.5 s"


def write(folder, text, **files):
    """Write a plugin."""
    folder.mkdir(exist_ok=True)
    for name, content in {"main": text, **files}.items():
        (folder / f"{name}.py").write_text(content)
    (folder / "plugin.json").write_text(json.dumps({"slug": "p", "name": "P"}))
    return folder


HOSTILE = {
    "a loop": ("while True: pass", LATE),
    "a loop that catches everything": ("while True:\n    try:\n        pass\n    except BaseException: pass", LATE),
    "an expression that takes for ever": ("import re; re.match('(a+)+b', 'a' * 60)", LATE),
    "os._exit": ("import logging; logging.os._exit(0)", "the import ends its process by os._exit"),
    "os.kill": ("import logging; logging.os.kill(0, 9)", "the import ends its process by os.kill"),
    "sys.exit": ("import logging; logging.sys.exit(0)", "SystemExit: 0"),
    "an exception": ("X = 1 / 0", "ZeroDivisionError: division by zero"),
}


@pytest.mark.parametrize(("line", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_modules(tmp_path, line, message):
    """A module that does not end, or ends its process, is a finding at its line."""
    (checked,) = check_all([write(tmp_path / "p", f"{JOB}\n{line}\n")], FAST)
    (found,) = checked.findings
    first = found.line if "\n" in line else 7
    assert (found.line, found.rule, found.message) == (first, "load", message)
    assert 7 <= found.line <= 7 + line.count("\n")
    assert checked.not_checked == ("which jobs it has and whether the manifest lists them: it cannot be imported")


PRINTS = (
    "import logging\nprint('{')\nlogging.os.write(1, b'}')\nlogging.os.write(2, b'oh')\nlogging.os.system('echo [')"
)


def test_reports_of_hostile_modules_can_be_read(tmp_path, monkeypatch, capfd):
    """JSON and SARIF are whole, and hold a finding for each module that does not load, whatever the modules do."""
    monkeypatch.chdir(tmp_path)
    lines = [*[line for line, _ in HOSTILE.values()][2:], PRINTS, "import time; time.sleep(60)"]
    for number, line in enumerate(lines):
        write(tmp_path / f"p{number}", f"{JOB}\n{line}\n")
    main(["check", ".", "--format", "json", "--import-limit", "2"])
    text, errors = capfd.readouterr()
    plugins = json.loads(text)["plugins"]
    assert ([len(each["findings"]) for each in plugins], errors) == ([1] * 5 + [0, 2], "")
    main(["check", ".", "--format", "sarif", "--import-limit", "2"])
    (run,) = json.loads(capfd.readouterr().out)["runs"]
    assert [each["ruleId"] for each in run["results"]] == [*["load"] * 6, "at-import"]


def test_memory(tmp_path):
    """A module that fills the memory ends with an error, or is ended."""
    text = f"{JOB}\nx = []\nwhile True: x.append('a' * 10_000_000)\n"
    (found,) = check_all([write(tmp_path / "p", text)], Settings(import_limit=2))[0].findings
    assert (found.line, found.rule) == (8, "load")


def test_sleep_is_ended(tmp_path):
    """A module that sleeps for a minute takes no longer than the limit."""
    folder, start = write(tmp_path / "p", f"{JOB}\nimport time\ntime.sleep(60)\n"), time.monotonic()
    (found,) = [each for each in check_all([folder], FAST)[0].findings if each.rule == "load"]
    assert (found.line, found.message, found.advice) == (8, LATE, ADVICE)
    assert time.monotonic() - start < 30


def test_a_process_that_dies_without_a_word(tmp_path):
    """A crash of the interpreter is a finding, too."""
    text = f"{JOB}\nimport logging\nlogging.os.close(3)\nlogging.os.closerange(3, 20)\n"
    (found,) = check_all([write(tmp_path / "p", text)], FAST)[0].findings
    assert (found.line, found.rule, found.message) == (1, "load", "the import ended its process by signal 9")


def test_output_is_thrown_away(tmp_path, capfd):
    """What a module prints, by whatever means, is not mixed with the findings."""
    text = f"{JOB}\nimport logging\nprint('one')\nlogging.os.write(1, b'two')\nlogging.os.system('echo three')\n"
    assert check(write(tmp_path / "p", text)) == []
    assert capfd.readouterr() == ("", "")


def test_this_process_is_left_alone(tmp_path):
    """What a module does to its process does not reach the check's."""
    text = f"{JOB}\nimport logging\nlogging.os.environ['SBH_LEFT_BEHIND'] = '1'\nlogging.raiseExceptions = None\n"
    assert check(write(tmp_path / "p", text)) == []
    assert "SBH_LEFT_BEHIND" not in os.environ


@pytest.mark.parametrize("line", ["import subprocess", "exec('pass')"])
def test_nothing_runs_after_a_forbidden_import(tmp_path, line):
    """Nothing of a plugin with a forbidden import or call is executed, and the report says so."""
    marker = tmp_path / "marker"
    folder = write(tmp_path / "p", f"{JOB}\nopen({str(marker)!r}, 'w')\n{line}\n")
    (checked,) = check_all([folder], FAST)
    rule = "import" if "import" in line else "dynamic-code"
    assert rule in [each.rule for each in checked.findings]
    assert not marker.exists()
    assert checked.not_checked == (
        f"which jobs it has and whether the manifest lists them: nothing is run after [{rule}] (line 8 of main.py)"
    )


def test_without_import(tmp_path):
    """`imports=False` executes nothing."""
    folder = write(tmp_path / "p", f"{JOB}\nX = 1 / 0\n")
    assert check(folder, imports=False) == []
    (checked,) = check_all([folder], Settings(imports=False))
    assert checked.not_checked.endswith(": it was not to be imported")


def test_a_manifest_with_problems_does_not_hide_the_import(tmp_path):
    """The plugin is imported all the same; only what needs the manifest is left out."""
    folder = write(tmp_path / "p", f"{JOB}\nX = 1 / 0\n")
    (folder / "plugin.json").write_text('{"slug": "p"}')
    assert [each.rule for each in check(folder)] == ["load", "manifest"]


def test_a_sibling(tmp_path):
    """The place of a problem is in the file that has it."""
    folder = write(tmp_path / "p", f"import helper\n{JOB}", helper="\nX = [][0]\n")
    assert check(folder) == [
        Finding(
            file="helper.py",
            line=2,
            end_line=2,
            end_column=10,
            rule="load",
            message="IndexError: list index out of range",
        )
    ]


def test_many_plugins(tmp_path):
    """Plugins are imported one after the other, each with its own findings."""
    folders = [write(tmp_path / f"p{n}", JOB if n % 2 else f"{JOB}\nX = 1 / 0\n") for n in range(6)]
    assert [len(each.findings) for each in check_all(folders, FAST)] == [1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test_a_limit_that_is_none(limit):
    """The limit is more than 0 seconds."""
    with pytest.raises(JobkitError) as caught:
        Settings(import_limit=limit)
    assert str(caught.value) == f"--import-limit must be more than 0 seconds, got {limit:g}"


@pytest.mark.parametrize("name", ["json", "secrets", "calendar"])
def test_a_file_of_the_working_folder_is_no_module_of_python(tmp_path, monkeypatch, name):
    """A plugin's folder may hold a file with any name, also when the check is started in it."""
    write(tmp_path / "p", JOB, **{name: "raise SystemExit('mine')"})
    monkeypatch.chdir(tmp_path / "p")
    (checked,) = check_all(["."], FAST)
    assert (checked.findings, checked.not_checked) == ((), "")
