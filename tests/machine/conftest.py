"""Plugins of one job, for tests of what a job may do to the process and the machine."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from sbh_jobkit import Plugin, World, run_job

AT = "2026-01-05T09:00:00Z"


@pytest.fixture
def loaded(tmp_path):
    """Load a plugin whose job `work` has a body, below lines at the top of the module; the body begins on line 5."""

    def load(body, *, top="", head="def work(ctx):"):
        source = f'from src.ext.sdk import job\n{top or "import os"}\n@job("work", schedule="0 9 * * *")\n{head}\n'
        (tmp_path / "main.py").write_text(source + indent(dedent(body).strip("\n"), "    ") + "\n", encoding="utf-8")
        (tmp_path / "plugin.json").write_text('{"slug": "shop", "name": "Shop"}')
        return Plugin.load(tmp_path)

    return load


@pytest.fixture
def ran(loaded):
    """Run the body of a job once."""

    def run(body, world=None, **more):
        return run_job(loaded(body, **more).jobs["work"], world if world is not None else World(), at=AT)

    return run


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """Return a folder that is not below what Python takes for the temporary folder."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    folder = tmp_path / "real"
    folder.mkdir()
    (folder / "old.txt").write_text("old")
    (folder / "empty").mkdir()
    (folder / "tree").mkdir()
    (folder / "tree" / "leaf.txt").write_text("leaf")
    return folder
