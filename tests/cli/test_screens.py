"""The scheduler's own log on the screens of `serve`: a line about a run names it."""

import json
import logging

import pytest

from sbh_jobkit.cli.screens import JsonLines, ScreenHandler, TerminalScreen
from sbh_jobkit.cli.served import logging_on
from sbh_jobkit.engines.claims import Claim

CLAIM = Claim(tenant="acme", plugin="shop", job="work", fire=1767600000.0, worker="w")
NAMED = {"tenant": "acme", "plugin": "shop", "job": "work", "fire_time": "2026-01-05T08:00:00+00:00", "attempt": 1}


@pytest.fixture
def log():
    """Return a function that logs on a screen, with or without a run."""
    logger = logging.getLogger("sbh_jobkit.test_screens")

    def write(screen, text, **more):
        handler = ScreenHandler(screen)
        logger.addHandler(handler)
        logger.warning(text, **more)
        logger.removeHandler(handler)

    return write


@pytest.mark.parametrize("facts", [{}, CLAIM.facts], ids=["about nothing", "about a run"])
def test_a_line_of_json_names_the_run(log, capsys, facts):
    """With tenant, plugin, job, fire time and attempt."""
    log(JsonLines(), "shop/work: it is late", **({"extra": {"facts": facts}} if facts else {}))
    line = json.loads(capsys.readouterr().out)
    del line["at"]
    expected = NAMED if facts else {}
    assert line == {"kind": "message", "level": "warning", "text": "shop/work: it is late", **expected}


def test_a_person_reads_a_sentence(log, capsys):
    """On standard error."""
    log(TerminalScreen(with_tenant=True, with_plugin=True), "shop/work: it is late", extra={"facts": CLAIM.facts})
    assert capsys.readouterr() == ("", "sbh-jobkit: warning: shop/work: it is late\n")


@pytest.mark.parametrize("name", ["sbh_jobkit.server", "uvicorn.error", "asyncio", "a.library"])
def test_what_a_library_warns_of_is_a_line_of_the_same_log(capsys, name):
    """Once, with its traceback; a bare line could not be parsed by what reads the log."""
    with logging_on(JsonLines()):
        logging.getLogger(name).warning("it is late", exc_info=ValueError("tea"))
    out, err = capsys.readouterr()
    line = json.loads(out)
    assert (line["level"], line["text"].split("\n")[0], "ValueError: tea" in line["text"]) == (
        "warning",
        "it is late",
        True,
    )
    assert err == ""
