"""A job whose body is a text, run once in a world."""

import json
from textwrap import dedent, indent

import pytest

from sbh_jobkit.fakes.world import World
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.simulation.once import run_job


@pytest.fixture
def loaded(tmp_path):
    """Load a plugin of one job, daily at 09:00, whose body begins on line 5 of main.py."""

    def load(body, **manifest):
        source = '@job("work", schedule="0 9 * * *")\ndef work(ctx):\n' + indent(dedent(body).strip("\n"), "    ")
        (tmp_path / "main.py").write_text(f"from src.ext.sdk import job\n\n{source}\n", encoding="utf-8")
        text = json.dumps({"slug": "shop", "name": "Shop", **manifest})
        (tmp_path / "plugin.json").write_text(text, encoding="utf-8")
        return Plugin.load(tmp_path)

    return load


@pytest.fixture
def ran(loaded):
    """Run such a job at 09:00 on 2026-01-05, in the world's zone."""

    def run(body, world=None, *, at="2026-01-05T09:00", **manifest):
        tenant = world if world is not None else World()
        return run_job(loaded(body, **manifest).jobs["work"], tenant, at=at)

    return run


@pytest.fixture
def answered(ran):
    """Return what an expression on line 5 answers, in a run without a fault."""

    def answer(expression, world=None, **more):
        run = ran(f"return {expression}", world, **more)
        assert (run.error, run.faults) == (None, ())
        return run.value

    return answer


@pytest.fixture
def faulted(ran):
    """Run an expression whose error the job swallows; return its value or error, and the one fault that it left."""

    def fault(expression, world=None, **more):
        body = f"try: return {expression}\nexcept Exception as error: return [type(error).__name__, str(error)]"
        run = ran(body, world, **more)
        assert (run.outcome, run.ok, run.verdict) == ("ok", False, "faulty")
        (only,) = run.faults
        assert (only.place, only.allowed) == ("main.py:5", False)
        return run.value, (only.kind, only.member, only.message, only.advice)

    return fault
