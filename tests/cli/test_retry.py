"""`--policy retry=…`: simulate shows each attempt as text, as HTML and as JSON, and parity finds no difference."""

import json

import pytest

from sbh_jobkit.cli.main import main

MAIN = """
from src.ext.sdk import PluginContext, job

@job("brew", schedule="0 */6 * * *")
def brew(ctx: PluginContext):
    tries = len(ctx.files.list("tries/"))
    ctx.files.upload(f"tries/{tries}", b"x")
    if tries % 3 != 2:
        raise ValueError("no water")
"""
RETRY = ["--policy", "retry=2", "--policy", "brew:backoff=5m"]


@pytest.fixture
def tea(tmp_path, monkeypatch):
    """Go to a folder with a plugin whose third attempts are ok."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tea").mkdir()
    permissions = ["files.read", "files.write"]
    manifest = {"slug": "tea", "name": "Tea", "version": "1.0", "permissions": permissions}
    (tmp_path / "tea/plugin.json").write_text(json.dumps(manifest))
    (tmp_path / "tea/main.py").write_text(MAIN)
    return tmp_path


def test_attempts_are_shown(tea, capsys):
    """Each is a run of the same fire time."""
    assert main(["simulate", "tea", "--for", "1d", *RETRY, "--html", "report.html"]) == 1
    out = capsys.readouterr().out
    assert "brew  0 */6 * * *    12       8 " in out
    assert "Thu 2026-01-01 00:00 UTC  brew  crashed\n    attempt 2 of 3\n    main.py:9: ValueError: no water" in out
    assert "attempt 2 of 3" in (tea / "report.html").read_text()
    assert main(["simulate", "tea", "--for", "1h", *RETRY, "--json"]) == 1
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [(run["fire_time"][11:16], run["attempt"], run["outcome"], run["started_at"][11:16]) for run in runs] == [
        ("00:00", 1, "crashed", "00:00"),
        ("00:00", 2, "crashed", "00:05"),
        ("00:00", 3, "ok", "00:15"),
    ]


def test_the_scheduler_would_decide_alike(tea, capsys):
    """Attempt by attempt."""
    assert main(["parity", "tea", "--for", "10d", *RETRY]) == 0
    assert capsys.readouterr().out == "Tea: 40 fire times, no difference\n"
    (tea / "tenant.toml").write_text('id = "acme"\n[policy.brew]\nretry = 1\n')
    assert main(["parity", "tea", "--for", "1h", *RETRY, "--tenant", "tenant.toml"]) == 1
    out = capsys.readouterr().out
    assert "Thu 2026-01-01 00:00 UTC  brew  attempt 3\n" in out


@pytest.mark.usefixtures("tea")
def test_attempts_of_a_month_are_the_same_again(capsys):
    """The same seed, the same output."""
    printed = set()
    for _ in range(2):
        main(["simulate", "tea", "--for", "30d", *RETRY, "--json", "--seed", "3"])
        printed.add(capsys.readouterr().out)
    assert len(printed) == 1
