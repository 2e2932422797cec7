"""Two plugins whose jobs have the same names, run in turn a hundred times: neither ever gets the other's code."""

import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from every_second import EverySeconds

from sbh_jobkit.engines.local import LocalEngine
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.engines.served import ServedJob
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.engines.store import Store

TENANTS = str(Path(__file__).parents[2] / "data/tenants")
MAIN = """
import helper
from src.ext.sdk import job


@job("same", schedule="* * * * *")
def same(ctx):
    return {{"status": "success", "plugin": "{slug}", "helper": helper.NAME}}
"""


@pytest.fixture
def jobs(tmp_path):
    """Make two plugins, with a module of the same name in each."""
    made = []
    for slug in ("first", "second"):
        folder = tmp_path / slug
        folder.mkdir()
        (folder / "plugin.json").write_text(f'{{"slug": "{slug}", "name": "{slug}"}}')
        (folder / "main.py").write_text(MAIN.format(slug=slug))
        (folder / "helper.py").write_text(f'NAME = "{slug}"\n')
        planned = PlannedJob(tenant="acme", plugin=slug, job="same", schedule=EverySeconds(0.2))
        given = {"plugin": str(folder), "slug": slug, "tenant": "acme", "factory": "dict_tenant:make"}
        made.append(ServedJob(planned=planned, template=RunRequest(job="same", fire=0.0, **given)))
    return made


def test_a_hundred_runs_in_turn(jobs, sqlite_url, monkeypatch):
    """Every run has the value of its own plugin, and of that plugin's own module."""
    monkeypatch.setenv("PYTHONPATH", ":".join([TENANTS, *sys.path]))
    store, runs = Store.open(sqlite_url), []
    with Starter.start(["dict_tenant"]) as starter:
        engine = LocalEngine(store, jobs, starter, ended=runs.append)
        engine.start()
        until = time.monotonic() + 60
        while sum(run.started_at is not None for run in runs) < 100 and time.monotonic() < until:
            time.sleep(0.1)
        engine.stop(10)
    store.close()
    started = [run for run in runs if run.started_at is not None]
    assert len(started) >= 100
    assert {run.verdict for run in started} == {"ok"}
    assert {(run.plugin, run.value["plugin"], run.value["helper"]) for run in started} == {
        ("first", "first", "first"),
        ("second", "second", "second"),
    }
    assert min(Counter(run.plugin for run in started).values()) > 40
