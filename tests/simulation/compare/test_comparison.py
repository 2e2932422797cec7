"""Two simulations compared, effect by effect."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sbh_jobkit import Plugin, World, diff, simulate
from sbh_jobkit.errors import WorldError
from sbh_jobkit.plugin.sdk import job
from sbh_jobkit.report.html.comparison import comparison_page
from sbh_jobkit.report.terminal.comparison import comparison_lines
from sbh_jobkit.run.effects import Effect
from sbh_jobkit.simulation.compare.identity import Identities

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLANTED = Path(__file__).parents[2] / "data" / "planted"
SPEC = importlib.util.spec_from_file_location("planted_bugs", PLANTED / "bugs.py")
BUGS = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(BUGS)


def library(*bugs, duration="10d"):
    """Simulate the library with some mistakes."""
    plugin = Plugin.load(PLANTED / "library")
    plugin = plugin.edited(BUGS.plant((PLANTED / "library" / "main.py").read_text(), *bugs)) if bugs else plugin
    return simulate(plugin, World.for_folder(PLANTED / "library"), duration=duration)


@pytest.fixture(scope="module")
def unchanged():
    """Return what the careful library does in ten days."""
    return library()


NAMING = [
    *("id", "ID", "Id", "user_id", "user-id", "user.id", "userId", "userID", "userid", "USER_ID", "order2Id", "key"),
    *("licenceKey", "licence_key", "to", "replyTo", "email", "customerEmail", "customer", "customername", "dueDate"),
    *("due_date", "date", "month", "billing_period", "file", "file_path", "fileUrl", "invoiceNumber", "title", "sku"),
]
OTHER = [
    *(
        "paid",
        "valid",
        "avoided",
        "grid",
        "bid",
        "void",
        "monkey",
        "turkey",
        "update",
        "candidate",
        "outdated",
        "surname_",
    ),
    *(
        "today",
        "holiday",
        "into",
        "photo",
        "profile",
        "refund",
        "preference",
        "superuser",
        "count",
        "total",
        "rows",
        "text",
    ),
    *("sent_at", "sentAt", "created_on", "request_id", "duration_ms", "age", "status", "weekly", "monthly", "fileset"),
]


@pytest.mark.parametrize(("field", "names"), [*((name, True) for name in NAMING), *((name, False) for name in OTHER)])
def test_a_field_names_what_an_effect_is_about_by_its_last_word(field, names):
    """A noun that is a word of its own names something; the end of another word does not, and neither does a time."""
    effect = Effect(kind="event", name="done", content={field: 7}, at=NOW, job="work", fire_time=NOW)
    assert Identities().key(effect).identity == (f'{{"{field}": 7}}' if names else "")


def test_a_plugin_does_not_differ_from_itself(unchanged):
    """Also where its answers come from functions and random numbers."""
    found = diff(unchanged, library())
    assert not found
    assert found.summary == repr(found)[len("<Comparison: ") : -1] == "no difference"
    assert list(comparison_lines(found)) == []


@pytest.mark.parametrize(
    ("bugs", "lines"),
    [
        (
            ("naive dates",),
            [
                "card_ends",
                "  lost: event card.ending, 2 times; the first on Tue 2026-01-06 09:00 CET",
                '    {"id": 1}',
                "  2 runs: another value returned; the first on Tue 2026-01-06 09:00 CET",
                '    - {"status": "success", "warned": 1}',
                '    + {"status": "success", "warned": 0}',
            ],
        ),
        (
            ("no mark",),
            [
                "remind_readers",
                "  lost: file uploaded reminded/L#, 106 times; the first on Thu 2026-01-01 08:00 CET",
                "    0 bytes, digest e4a6a0577479b2b4",
                "  doubled: POST https://post.example.com/letters, 586 times; the first on Fri 2026-01-02 08:00 CET",
                '    {"to":"r0@example.com","loan":"L0","text":"Please bring it back."}',
                "  6 runs: another value returned; the first on Fri 2026-01-02 08:00 CET",
                '    - {"status": "success", "written": 2}',
                '    + {"status": "success", "written": 92}',
            ],
        ),
    ],
)
def test_a_mistake_is_named_by_job_effect_and_first_time(unchanged, bugs, lines):
    """Equal differences are one line with a count and the first example."""
    assert list(comparison_lines(diff(unchanged, library(*bugs)), width=120)) == lines


def sending(payloads, http=False):
    """Return a simulation of a job whose runs emit, or post, what a function of the day says."""

    @job("send", schedule="0 6 * * *")
    def send(ctx):
        from datetime import datetime

        for payload in payloads(datetime.now().day):  # noqa: DTZ005, TID251  as jobs do
            ctx.http.post("https://a.example/x", json=payload) if http else ctx.emit("sent", payload)

    world = World()
    world.http.post("https://a.example/x").respond(200)
    return simulate(Plugin.load({"send": send}), world, duration="4d")


CHANGES = [
    # before, after, what became of it
    (lambda day: [{"id": day}], lambda day: [{"id": day}] if day != 2 else [], {"lost": 1}),
    (lambda day: [{"id": day}], lambda day: [{"id": day}] * (1 + (day == 2)), {"doubled": 1}),
    (
        lambda day: [{"id": day}],
        lambda day: [{"id": day}, {"id": day + 9}] if day == 2 else [{"id": day}],
        {"added": 1},
    ),
    (lambda day: [{"id": day, "n": 1}], lambda day: [{"id": day, "n": 1 + (day == 2)}], {"changed": 1}),
    (lambda day: [{"id": day}], lambda day: [{"id": day - 1}], {"lost": 1, "added": 1, "late": 3}),
    (lambda day: [{"id": day}], lambda day: [{"id": day + 1}], {"lost": 1, "added": 1, "early": 3}),
    (lambda _: [{"count": 3}], lambda day: [{"count": day}], {"changed": 3}),
    (lambda day: [{"id": day, "sent_at": 1}], lambda day: [{"id": day, "sent_at": 2}], {}),
    (lambda day: [{"id": day, "sentAt": 1}], lambda day: [{"id": day, "sentAt": 2}], {}),
    (lambda day: [{"id": day, "items": 1}], lambda day: [{"id": day, "items": 2}], {"changed": 4}),
    (lambda day: [{"id": day, "note": "at 09:00"}], lambda day: [{"id": day, "note": "at 09:01:30"}], {}),
    (
        lambda day: [{"id": day, "when": "2026-01-01T09:00Z"}],
        lambda day: [{"id": day, "when": "2026-01-01T10:00Z"}],
        {},
    ),
    (lambda day: [["a", day]], lambda day: [["a", day]] if day != 2 else [], {"lost": 1}),
]


@pytest.mark.parametrize("http", [False, True])
@pytest.mark.parametrize(("before", "after", "counts"), CHANGES)
def test_effects_are_matched_by_their_identity(before, after, counts, http):
    """The same rule for events and for JSON bodies: what names the effect, then its content without times."""
    assert diff(sending(before, http), sending(after, http)).counts == counts


def test_a_world_says_what_identifies_an_effect():
    """Without the rule the position would be a change of every effect."""
    before, after = sending(lambda day: [{"id": 1, "slot": day}]), sending(lambda day: [{"id": 2, "slot": day}])
    assert diff(before, after).counts == {"lost": 4, "added": 4}
    before.world.same_effect("sent", by="slot")
    assert diff(before, after).counts == {"changed": 4}


def test_a_rule_that_names_no_field_is_an_error():
    """Misspelt, not text, or nothing."""
    simulation = sending(lambda day: [{"slot": day}])
    simulation.world.same_effect("sent", by="slott")
    with pytest.raises(WorldError) as raised:
        diff(simulation, simulation)
    assert str(raised.value) == (
        "same_effect('sent', by='slott'): no such effect has a field 'slott'; did you mean 'slot'?"
    )
    for by in ("", [], 7, ["id", ""]):
        with pytest.raises(WorldError, match="name the fields that identify the effect"):
            World().same_effect("sent", by=by)
    with pytest.raises(WorldError, match="takes an event's type, or a method and a URL, got 7"):
        World().same_effect(7, by="id")


def test_what_cannot_be_compared_is_an_error():
    """A simulation with another thing, or with one that has no job in common."""
    simulation = sending(lambda _: [])
    with pytest.raises(WorldError, match="diff compares two simulations, got a simulation and 7"):
        diff(simulation, 7)
    with pytest.raises(WorldError) as raised:
        diff(simulation, simulate("examples/hello", duration="1d"))
    assert str(raised.value) == (
        "nothing can be compared: the two simulations have no job in common (send and welcome)"
    )


def test_some_effects_can_be_left_out():
    """By name, kind, job or word, also with a pattern."""
    found = diff(sending(lambda day: [{"id": day}]), sending(lambda day: [{"id": -day}]))
    assert found.counts == {"lost": 4, "added": 4}
    for name in ("sent", "event", "send", "s*"):
        assert not found.without([name])
    assert found.without(["lost"]).counts == {"added": 4}


def test_a_file_that_a_later_run_writes_anyway_is_late():
    """What was lost of it does not last."""

    def keeping(skipped):
        @job("keep", schedule="0 6 * * *")
        def keep(ctx):
            from datetime import datetime

            if datetime.now().day != skipped:  # noqa: DTZ005, TID251  as jobs do
                ctx.files.upload("latest.txt", "same")

        return simulate(Plugin.load({"keep": keep}), World(), duration="3d")

    assert diff(keeping(0), keeping(2)).counts == {"late": 1}
    assert diff(keeping(0), keeping(3)).counts == {"lost": 1}


def test_the_report_shows_both_sides_on_one_axis(unchanged):
    """One page that loads nothing, with a drawing for each job."""
    text = comparison_page(diff(unchanged, library("naive dates")), "Library", ("v1", "v2"))
    assert "2 effects lost, 2 runs changed" in text
    assert text.count('<svg class="plot"') == 4
    assert "lost: event card.ending, 2 times" in text
    assert "Nothing differs." in comparison_page(diff(unchanged, unchanged), "Library", ("v1", "v1"))


def test_a_comparison_as_json_and_in_a_notebook(unchanged):
    """The groups, each effect with its values, and each run."""
    found = diff(unchanged, library("naive dates"))
    row = found.to_dict()
    assert row["groups"][0] == {"job": "card_ends", "change": "lost", "what": "event card.ending", "count": 2}
    assert [each["before"]["content"] for each in row["effects"]] == [{"id": 1}, {"id": 2}]
    assert row["runs"][0]["after"] == {"status": "success", "warned": 0}
    shown = found._repr_mimebundle_()
    assert shown["text/plain"].endswith("2 effects lost, 2 runs changed")
    assert "card.ending" in shown["text/html"]
