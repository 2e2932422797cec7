"""The HTTP calls of a simulation, as a sequence and as a table."""

from __future__ import annotations

import sys

import pytest

from sbh_jobkit import Plugin, World, simulate
from sbh_jobkit.errors import WorldError


@pytest.fixture
def month():
    """Return three days of a job that asks twice, once in vain."""
    from src.ext.sdk import job

    @job("ask", "0 6 * * *")
    def ask(ctx):
        ctx.http.get("https://api.example/items")
        ctx.http.post("https://api.example/lost")

    world = World()
    world.http.get("https://api.example/items").respond(json=[]).after("2s")
    return simulate(Plugin.load({"ask": ask}), world, duration="3d")


def test_it_is_every_call_in_its_order(month):
    """A sequence of the calls of all runs."""
    assert [call.method for call in month.http] == ["GET", "POST"] * 3
    assert (len(month.http), month.http[-1]) == (6, month.runs[-1].http_calls[-1])
    assert month.http[:2] == list(month.runs[0].http_calls)
    assert repr(month.http) == "<HttpLog: 6 calls, 3 without a route>"


def test_as_a_table_it_has_a_row_a_call(month):
    """With the job and the fire time of its run, and what virtual time it took."""
    table = month.http.to_frame()
    assert list(table.columns) == ["job", "fire_time", "at", "method", "url", "status", "matched", "seconds"]
    assert table.iloc[0].to_dict() == {
        "job": "ask",
        "fire_time": month.runs[0].fire_time,
        "at": month.runs[0].fire_time,
        "method": "GET",
        "url": "https://api.example/items",
        "status": 200,
        "matched": True,
        "seconds": 2.0,
    }
    assert table["matched"].tolist() == [True, False] * 3


def test_without_calls_it_is_an_empty_table():
    """An empty table has the same columns."""
    table = simulate(Plugin.load({}), World(), duration="1d").http.to_frame()
    assert (len(table), list(table.columns)[:2]) == (0, ["job", "fire_time"])


def test_without_pandas_it_says_what_is_missing(month, monkeypatch):
    """The error says which extra to install, as for all tables."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(WorldError) as caught:
        month.http.to_frame()
    assert str(caught.value) == "to_frame needs pandas: pip install 'sbh-jobkit[notebook]'"
