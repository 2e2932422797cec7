"""The table of what today's host does otherwise."""

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from sbh_jobkit.fakes.host.http import HOSTS
from sbh_jobkit.plugin import divergences
from sbh_jobkit.plugin.divergences import CONCERNS, Divergence

TABLE = divergences.table()
FILE = Path(divergences.__file__).with_suffix(".json")


def test_ids_never_change():
    """Each divergence is known by its id, in faults, in `allow` and in people's tests: one may come, none may go."""
    ids = "D1 D2 D3 D4 D5 D6 D7 D8 D12 D13 D15 D16 D17 D18 D19 D22 D24 D25 D27 D28 D30 D33 D34 D35 D36"
    assert list(TABLE) == ids.split()
    assert [row.id for row in TABLE.values()] == list(TABLE)


def test_the_file_holds_each_id_once():
    """No row of the data file hides another."""
    assert [row["id"] for row in json.loads(FILE.read_text(encoding="utf-8"))] == list(TABLE)


def test_every_text_is_there():
    """Each tells what is promised, what happens, and what to do, in sentences that fit a cell of a table."""
    for row in TABLE.values():
        texts = {field.name: getattr(row, field.name) for field in fields(row)}
        assert [name for name, text in texts.items() if text != text.strip() or not text or {*text} & {*"|\n"}] == []
        assert (row.guide[-1], row.host[-1]) == (".", "."), row.id


def test_advice_fits_a_terminal():
    """What a run shows of a divergence stands in one line of 80 columns, and is plain text."""
    advice = [TABLE[id_].advice for id_ in divergences.ids_for("job")]
    assert [text for text in advice if len(f"      try: {text}") > 80 or "`" in text] == []


def test_each_concerns_somebody():
    """Every row is for somebody, and there is nobody without a row."""
    assert {row.concerns for row in TABLE.values()} == {*CONCERNS}
    assert divergences.ids_for("job") == ["D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "D12", "D13", "D33", "D36"]


def test_the_hosts_are_those_of_the_table():
    """The five hosts that may be reached are the ones that D8 names."""
    assert {host for host in HOSTS if f"`{host}`" in TABLE["D8"].host} == HOSTS
    assert TABLE["D8"].host.count("`") == 2 * len(HOSTS)


def test_a_divergence_stays_as_it_is():
    """The table is shared: nobody can change it."""
    with pytest.raises(FrozenInstanceError):
        TABLE["D1"].advice = "wait"
    with pytest.raises(TypeError):
        TABLE["D99"] = Divergence(id="D99", concerns="job", guide="a.", host="b.", advice="c")


def test_the_file_is_read_when_it_is_asked_for():
    """Importing reads nothing."""
    code = "from sbh_jobkit.plugin import divergences; print(divergences.table.cache_info().currsize)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "0\n"
