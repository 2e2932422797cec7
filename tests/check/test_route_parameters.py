"""`sbh-jobkit check` and the server agree about which functions a route can call."""

from __future__ import annotations

import json

import pytest

from sbh_jobkit.check.check import check
from sbh_jobkit.engines.calls import job_of
from sbh_jobkit.fakes.context import PluginContext
from sbh_jobkit.plugin.addresses import path_pattern
from sbh_jobkit.plugin.plugin import Plugin

TWO = "/users/{user}/files/<name>"
CALLED = {
    (TWO, "/users/7/files/a"): {
        "ctx": [],
        "ctx, user, name": ["7", "a"],
        "ctx, name, user": ["a", "7"],
        "ctx, name": ["a"],
        "ctx, *, user, name": ["7", "a"],
        "ctx, *, name, user='me'": ["a", "7"],
        "ctx, data, user, name": [{"q": 1}, "7", "a"],
        "ctx, user, data, name": ["7", {"q": 1}, "a"],
        "ctx, user, name, data": ["7", "a", {"q": 1}],
        "ctx, data, /, user": [{"q": 1}, "7"],
        "ctx, user, data=None, size=3": ["7", {"q": 1}, 3],
        "*both, user": [None, "7"],
        "ctx, user, *more, name": ["7", (), "a"],
        "ctx, data, size=3": [{"q": 1}, 3],
    },
    ("/käse/{größe}", "/käse/L"): {"ctx, größe": ["L"], "ctx, data, größe": [{"q": 1}, "L"]},
    ("/plain", "/plain"): {"ctx": [], "ctx, data": [{"q": 1}], "ctx, *, size=3": [3], "ctx, data, /": [{"q": 1}]},
}
NOT_CALLED = {
    (TWO, "/users/7/files/a"): [
        "",
        "*, user",
        "ctx, data, size",
        "ctx, user, name, data, size",
        "ctx, user, /",
        "ctx, data, user, /",
        "ctx, *, data",
        "ctx, user, *, size",
    ],
    ("/plain", "/plain"): ["ctx, user, name", "ctx, *, data", ""],
}


def write(folder, path, parameters):
    """Write a plugin with one route, which returns its arguments after the context."""
    names = [each.strip().lstrip("*").partition("=")[0] for each in parameters.split(",")]
    shown = ", ".join("None" if name == "both" else name for name in names if name not in {"", "ctx", "/"})
    text = f"from src.ext.sdk import route\n\n@route({path!r})\ndef r({parameters}):\n    return [{shown}]\n"
    (folder / "main.py").write_text(text, encoding="utf-8")
    (folder / "plugin.json").write_text(json.dumps({"slug": "p", "name": "P"}))
    return Plugin.load(folder)


def answer(plugin, path, address):
    """Call the route as a child process does."""
    parts = path_pattern(path).fullmatch(address).groupdict()
    request = {"path_params": parts, "json": {"q": 1}, "query": {}}
    return job_of(plugin, "r", {"kind": "route", "index": 0, "request": request}).function(PluginContext("acme"))


@pytest.mark.parametrize(
    ("path", "address", "parameters", "given"),
    [(*route, parameters, given) for route, table in CALLED.items() for parameters, given in table.items()],
)
def test_what_a_route_is_called_with(tmp_path, path, address, parameters, given):
    """Parts of the path come by name, the data to the first other parameter, and `check` finds nothing."""
    plugin = write(tmp_path, path, parameters)
    assert answer(plugin, path, address) == {"body": given, "answer": 200}
    assert [each.message for each in check(tmp_path)] == []


@pytest.mark.parametrize(
    ("path", "address", "parameters"),
    [(*route, parameters) for route, listed in NOT_CALLED.items() for parameters in listed],
)
def test_what_no_route_is_called_with(tmp_path, path, address, parameters):
    """Python refuses the call, and `check` has said so."""
    plugin = write(tmp_path, path, parameters)
    with pytest.raises(TypeError):
        answer(plugin, path, address)
    assert [each.rule for each in check(tmp_path)] == ["signature"]


def test_the_finding_names_the_parts_of_the_path(tmp_path):
    """What a route is called with includes what it gets by name."""
    write(tmp_path, "/users/{user}", "ctx, data, name")
    assert [each.message for each in check(tmp_path)] == [
        "r is called with (ctx), or (ctx, data) and with user by name, but it takes ctx, data, name"
    ]


@pytest.mark.parametrize("parameters", ["ctx, user, name", "ctx, *, user", "ctx, data, /, user"])
def test_a_path_that_is_not_a_plain_string_may_have_any_part(tmp_path, parameters):
    """`check` does not know such a path, so it does not say that a parameter is too many."""
    plugin = write(tmp_path, "/x", parameters)
    text = (tmp_path / "main.py").read_text().replace("'/x'", "BASE + '/{user}/{name}'")
    (tmp_path / "main.py").write_text(f"BASE = '/v1'\n{text}")
    assert plugin.routes
    assert [each.message for each in check(tmp_path)] == []
