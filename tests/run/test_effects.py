"""What a run did, as values."""

from __future__ import annotations

import pytest

from sbh_jobkit import Plugin, World, run_job, simulate
from sbh_jobkit.plugin.sdk import job
from sbh_jobkit.report.terminal.runs import run_lines
from sbh_jobkit.run.sent import digest


@job("work", schedule="0 6 * * *")
def work(ctx):
    """Do one thing of each kind, and fetch."""
    ctx.http.get("https://a.example/list")
    ctx.http.post("https://a.example/mail", json={"to": "ada"})
    ctx.http.delete("https://a.example/old")
    ctx.emit("mail.sent", {"to": "ada"})
    ctx.files.upload("mark", "1")
    ctx.files.delete("mark")
    ctx.secrets.set("CURSOR", "2026-01-01")


@job("many", schedule="0 7 * * *")
def many(ctx):
    """Send the same to the same address, and something else."""
    for name in ("ada", "bo", "cy"):
        ctx.http.post("https://a.example/mail", json={"to": name}, headers={"X-Trace": name})
        ctx.emit("mail.sent", {})


PLUGIN = Plugin.load({"work": work, "many": many})


def answering():
    """Make a world that answers, and refuses one address."""
    world = World()
    world.http.delete("https://a.example/old").respond(404)
    world.http.route(host="a.example").respond(202)
    return world


def test_effects_are_what_a_run_did():
    """A GET is not among them, and a refused request is, but it did not take place."""
    run = run_job(PLUGIN.jobs["work"], answering(), at="2026-01-01T06:00")
    assert [(each.kind, each.name, each.content, each.done) for each in run.effects] == [
        ("event", "mail.sent", {"to": "ada"}, True),
        ("http", "POST https://a.example/mail", '{"to":"ada"}', True),
        ("http", "DELETE https://a.example/old", "", False),
        ("file", "uploaded mark", digest(b"1"), True),
        ("file", "deleted mark", "", True),
        ("secret", "CURSOR", None, True),
    ]


def test_effects_of_a_simulation_are_those_of_its_runs():
    """In order, and as plain JSON values."""
    simulation = simulate(PLUGIN, answering(), duration="2d", jobs=["work"])
    assert len(simulation.effects) == 12
    assert simulation.effects[6].to_dict() == {
        "kind": "event",
        "name": "mail.sent",
        "content": {"to": "ada"},
        "size": 0,
        "status": 0,
        "at": "2026-01-02T06:00:00+00:00",
        "job": "work",
        "fire_time": "2026-01-02T06:00:00+00:00",
    }


def test_a_long_body_is_compared_as_a_whole():
    """Two bodies that differ only beyond what is kept are two contents."""
    run = run_job(_posting("x" * 5_000 + "1", "x" * 5_000 + "2"), answering(), at="2026-01-01T06:00")
    one, other = (effect.content for effect in run.effects)
    assert one != other


def _posting(*bodies):
    @job("post", schedule="0 6 * * *")
    def post(ctx):
        for body in bodies:
            ctx.http.post("https://a.example/mail", data=body)

    return Plugin.load({"post": post}).jobs["post"]


@pytest.mark.parametrize(
    ("bodies", "lines"),
    [
        (False, ["  emit: mail.sent {} (3 times)", "  http: POST https://a.example/mail 202 (3 times)"]),
        (
            True,
            [
                "  emit: mail.sent {} (3 times)",
                "  http: POST https://a.example/mail 202 (3 times)",
                *(["    x-trace: ada", '    {"to":"ada"}', "    x-trace: bo", '    {"to":"bo"}', "    x-trace: cy"]),
                '    {"to":"cy"}',
            ],
        ),
    ],
)
def test_equal_effects_are_one_line_with_a_count(bodies, lines):
    """What each request sent is shown only where somebody asks for it."""
    run = run_job(PLUGIN.jobs["many"], answering(), at="2026-01-01T07:00")
    assert list(run_lines(run, bodies=bodies))[1:] == lines
