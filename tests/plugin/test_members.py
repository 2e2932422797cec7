"""The table of `ctx` is what contexts really offer: names, parameters, defaults, results and errors."""

from __future__ import annotations

import inspect

import pytest

from sbh_jobkit import FakeContext, World, ports
from sbh_jobkit.plugin.members import RESULTS, SERVICES, SIGNATURES, VALUES, calls, methods, unknown

PROTOCOLS = {
    "secrets": ports.Secrets,
    "http": ports.Http,
    "llm": ports.Llm,
    "files": ports.Files,
    "db": ports.Database,
}


def written(function):
    """Return the parameters of a function with their defaults."""
    given = [each for each in inspect.signature(function).parameters.values() if each.name != "self"]
    return [(each.name, each.default is each.empty) for each in given]


@pytest.mark.parametrize("path", SIGNATURES)
def test_parameters(path):
    """Each call has the parameters of its protocol, in order, and the same are required."""
    service, _, name = path.rpartition(".")
    function = getattr(PROTOCOLS[service] if service else ports.Context, name)
    assert [(each.name, each.required) for each in calls()[path].parameters] == written(function)


def test_members():
    """Nothing is missing, and nothing is too much."""
    assert {*methods("ctx")} == ports.MEMBERS
    for service, protocol in PROTOCOLS.items():
        assert methods(service) == sorted(name for name in vars(protocol) if name[0] != "_")
    assert {*SERVICES} | {*VALUES} | {"emit", "check_memory_usage"} == ports.MEMBERS


UNKNOWN = {
    "fetch": ("http", "ctx.http has no 'fetch'; did you mean 'get'?"),
    "patch": ("http", "ctx.http has no 'patch'; did you mean 'put'?"),
    "download": ("files", "ctx.files has no 'download'; did you mean 'get'?"),
    "exists": ("secrets", "ctx.secrets has no 'exists'; did you mean 'has'?"),
    "find": ("db", "ctx.db has no 'find'; did you mean 'query'?"),
    "chat": ("llm", "ctx.llm has no 'chat'; did you mean 'run'?"),
    "files_": ("ctx", "ctx has no 'files_'; did you mean 'files'?"),
    "log": ("ctx", "ctx has no 'log'; did you mean 'emit'?"),
    "zzz": ("http", "ctx.http has no 'zzz'"),
}


@pytest.mark.parametrize(("name", "expected"), UNKNOWN.items())
def test_unknown_members(name, expected):
    """A fake context has the same words for a member that is not there."""
    service, message = expected
    ctx: FakeContext = World().context(None)
    with pytest.raises(AttributeError) as caught:
        getattr(ctx if service == "ctx" else getattr(ctx, service), name)
    assert [unknown(service, name), str(caught.value)] == [message, message]


def test_results():
    """The results of a fake have the keys of the table: those that are always there, and no others."""
    world = World()
    world.http.get("https://api.example.com/").respond(json={"a": 1})
    world.llm.reply("yes")
    world.files.write("a.txt", "text")
    ctx = world.context(None)
    results = {
        "Response": [ctx.http.get("https://api.example.com/"), ctx.http.get("https://nowhere.example.com/")],
        "Answer": [ctx.llm.run("?"), ctx.llm.run("?", max_tokens=0)],
        "File": [ctx.files.get("a.txt")],
        "ListedFile": ctx.files.list(),
    }
    assert {*results} == {*RESULTS}
    for name, found in results.items():
        keys = RESULTS[name]
        assert {key for each in found for key in each} == {*keys}
        assert {key for key, each in keys.items() if each.always} == {*found[0]}.intersection(*found)
