"""A platform of small plugins, as the tests of fleets write it."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

QUIET = """
    from src.ext.sdk import job

    @job("sync", schedule="*/30 * * * *")
    def sync(ctx):
        ctx.emit("synced", {"tenant": ctx.tenant_id})

    @job("report", schedule="0 6 * * *")
    def report(ctx):
        return {"status": "success", "rows": ctx.db.count("users")}
"""
LOUD = """
    from src.ext.sdk import job

    @job("bill", schedule="0 */6 * * *")
    def bill(ctx):
        if ctx.tenant_id == "globex":
            raise KeyError("tea")
        return {"status": "success"}

    @job("audit")
    def audit(ctx):
        return None
"""
WORLD = """
    def setup(world):
        world.db.insert("users", [{"name": f"{world.tenant_id} {n}"} for n in range(world.random.randint(1, 9))])
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Stand in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def write(here):
    """Write a plugin into a folder."""

    def write(folder, main, world=None, **manifest):
        path = here / folder
        path.mkdir(parents=True)
        slug = path.name
        (path / "plugin.json").write_text(json.dumps({"slug": slug, "name": slug.title(), **manifest}))
        (path / "main.py").write_text(dedent(main))
        if world:
            (path / "world.py").write_text(dedent(world))

    return write


@pytest.fixture
def platform(write):
    """Write two plugins below a folder, of which one fails at one tenant."""
    write("plugins/quiet", QUIET, WORLD)
    write("plugins/loud", LOUD)
    return "plugins"
