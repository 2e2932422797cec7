"""The table of differences between the guide and today's host."""

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
    """Users write these ids in `allow` and in tests: new ones may be added, none may be removed."""
    ids = "D1 D2 D3 D4 D5 D6 D7 D8 D12 D13 D15 D16 D17 D18 D19 D22 D24 D25 D27 D28 D30 D33 D34 D35 D36"
    ids += " D37 D38 D39 D40 D41 D42 D43 D44 D45"
    assert list(TABLE) == ids.split()
    assert [row.id for row in TABLE.values()] == list(TABLE)


def test_the_file_holds_each_id_once():
    """No id is in the data file twice."""
    assert [row["id"] for row in json.loads(FILE.read_text(encoding="utf-8"))] == list(TABLE)


def test_every_text_is_there():
    """Each has what the guide promises, what the host does and what to do, in text that fits a table cell."""
    for row in TABLE.values():
        texts = {field.name: getattr(row, field.name) for field in fields(row)}
        assert [name for name, text in texts.items() if text != text.strip() or not text or {*text} & {*"|\n"}] == []
        assert (row.guide[-1], row.host[-1]) == (".", "."), row.id


def test_advice_fits_a_terminal():
    """The advice that a run shows fits one line of 80 columns, and is plain text."""
    advice = [TABLE[id_].advice for id_ in divergences.ids_for("job")]
    assert [text for text in advice if len(f"      try: {text}") > 80 or "`" in text] == []


def test_every_concern_has_divergences():
    """Every row has a known concern, and every concern has a row."""
    assert {row.concerns for row in TABLE.values()} == {*CONCERNS}
    job = "D1 D2 D3 D4 D5 D6 D7 D8 D12 D13 D33 D36 D37 D38 D39 D40 D41 D43 D44"
    assert divergences.ids_for("job") == job.split()


def test_the_hosts_are_those_of_the_table():
    """The five allowed hosts are those in the text of D8."""
    assert {host for host in HOSTS if f"`{host}`" in TABLE["D8"].host} == HOSTS
    assert TABLE["D8"].host.count(".com`") == len(HOSTS)


def test_a_divergence_stays_as_it_is():
    """The table is shared, so it cannot be changed."""
    with pytest.raises(FrozenInstanceError):
        TABLE["D1"].advice = "wait"
    with pytest.raises(TypeError):
        TABLE["D99"] = Divergence(id="D99", concerns="job", guide="a.", host="b.", advice="c")


def test_the_file_is_read_on_first_use():
    """Importing the module does not read the file."""
    code = "from sbh_jobkit.plugin import divergences; print(divergences.table.cache_info().currsize)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "0\n"
