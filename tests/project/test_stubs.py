"""The type stub of the SDK: what mypy finds with it, and where it is written."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from subprocess import run

from sbh_jobkit.check.decorators import DECORATORS
from sbh_jobkit.check.subject import extension_services
from sbh_jobkit.cli.main import OK, WRONG_USE, main
from sbh_jobkit.plugin.members import methods
from sbh_jobkit.project.stubs import FILE, stub, write_stubs

sys.path.append(str(Path(__file__).parents[1] / "check"))
from test_pairs import PAIRS, place, whole

PAIRS_OF_TYPES = {name: pair for name, pair in PAIRS.items() if name.startswith(("calls ", "results "))}
_CONTEXT = re.compile(r"(def \w+\((?:[^)]*, )?)ctx(?=[,)])")
_ERROR = re.compile(r"^(\w+)\.py:(\d+): error: ", re.MULTILINE)


def typed(text):
    """Return a module as an author with a type checker writes it: with the type of the context."""
    return _CONTEXT.sub(r"\1ctx: PluginContext", text).replace(
        "from src.ext.sdk import job", "from src.ext.sdk import PluginContext, job"
    )


def write(folder, name, code, helper):
    """Write a plugin as modules of a name of its own; return the lines that are marked as wrong, with their module."""
    modules = {name: typed(whole(code)).replace("helper", f"{name}_helper")}
    if helper is not None:
        modules[f"{name}_helper"] = helper.lstrip("\n")
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text.replace("‹", "").replace("›", ""))
    return {(module, place(text)[0]) for module, text in modules.items() if "‹" in text}


def test_mypy_with_the_stub(tmp_path):
    """It finds a third of the wrong calls and results at least, at their lines, and nothing in the right ones."""
    write_stubs(tmp_path / "typings")
    wrong = {}
    for number, (name, pair) in enumerate(PAIRS_OF_TYPES.items()):
        wrong[name] = write(tmp_path, f"bad_{number}", pair["bad"], pair.get("helper"))
        good = pair.get("good", pair["bad"]), pair.get("good_helper", pair.get("helper"))
        write(tmp_path, f"good_{number}", *good)
    (tmp_path / "mypy.ini").write_text("[mypy]\nmypy_path = typings\ncheck_untyped_defs = True\n")
    names = sorted(path.name for path in tmp_path.glob("*.py"))
    done = run([sys.executable, "-m", "mypy", *names], cwd=tmp_path, capture_output=True, text=True, check=False)
    found = {(module, int(line)) for module, line in _ERROR.findall(done.stdout)}
    assert done.stderr == ""
    assert [each for each in done.stdout.splitlines() if each.startswith("good_")] == []
    for kind in ("calls ", "results "):
        asked = [name for name in wrong if name.startswith(kind)]
        hits = [name for name in asked if wrong[name] & found]
        assert len(hits) >= len(asked) / 3, done.stdout


def test_the_stub_has_what_the_sdk_has():
    """Its functions and the class are those that plugins can import, and the context has all its members."""
    tree = ast.parse(stub(["email"]))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    assert functions == {*DECORATORS}
    members = {getattr(node, "name", None) or node.target.id for node in classes["PluginContext"].body}
    assert members == {*methods("ctx"), "email", "__init__"}
    for service in ("secrets", "http", "llm", "files", "db"):
        assert {node.name for node in classes[f"_{service.capitalize()}"].body} == {*methods(service)}


def test_the_command(tmp_path, monkeypatch, capsys):
    """It writes the file with the services of extensions, says where, and writes it again after a change of the kit."""
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert main(["stubs", "typings"]) == OK
        assert capsys.readouterr().out == f"typings/{FILE}\n"
        assert (tmp_path / "typings" / FILE).read_text() == stub(extension_services())


def test_what_is_not_ours_stays(tmp_path, capsys):
    """A file of the author is not overwritten; neither is anything where no folder can be made."""
    (tmp_path / "src/ext").mkdir(parents=True)
    (tmp_path / FILE).write_text("job: object\n")
    (tmp_path / "file").write_text("")
    for folder, problem in {
        tmp_path: "was not written by sbh-jobkit stubs, so it stays; give another directory",
        tmp_path / "file": "cannot be written: Not a directory",
    }.items():
        assert main(["stubs", f"{folder}"]) == WRONG_USE
        assert capsys.readouterr().err == f"sbh-jobkit: error: {folder / FILE} {problem}\n"
    assert (tmp_path / FILE).read_text() == "job: object\n"
