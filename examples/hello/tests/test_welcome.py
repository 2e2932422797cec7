import pytest


@pytest.mark.sbh_at("2026-01-05T08:00")
@pytest.mark.sbh_tables(users=[{"name": "Ada", "joined_at": "2026-01-04T14:30"}])
def test_newcomers_are_welcomed(sbh_run, sbh_world):
    assert sbh_run("welcome").ok
    assert [event.payload for event in sbh_world.events] == [{"name": "Ada"}]


def test_january(sbh_simulate):
    assert sbh_simulate("30d").failures == []


def test_by_hand(sbh_ctx, sbh_plugin, sbh_clock):
    sbh_clock.move_to("2026-03-29")
    assert sbh_plugin.jobs["welcome"].function(sbh_ctx) == {"status": "success", "welcomed": 0}
