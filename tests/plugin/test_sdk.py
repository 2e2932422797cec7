"""The decorators return the function itself with the platform's marks, and explain each wrong use."""

from __future__ import annotations

import pytest

from sbh_jobkit.errors import PluginError
from sbh_jobkit.plugin import sdk
from sbh_jobkit.plugin.addresses import path_pattern

MARKS = [
    (
        sdk.job("nightly", schedule="0 2 * * *"),
        {"_plugin_job_type": "job", "_plugin_job_name": "nightly", "_plugin_job_schedule": "0 2 * * *"},
    ),
    (
        sdk.job("nightly", "0 2 * * *"),
        {"_plugin_job_type": "job", "_plugin_job_name": "nightly", "_plugin_job_schedule": "0 2 * * *"},
    ),
    (
        sdk.job(name="by_hand"),
        {"_plugin_job_type": "job", "_plugin_job_name": "by_hand", "_plugin_job_schedule": None},
    ),
    (
        sdk.route("/status"),
        {"_plugin_route_type": "route", "_plugin_route_path": "/status", "_plugin_route_methods": ["GET"]},
    ),
    (
        sdk.route("/items", methods=("GET", "POST")),
        {"_plugin_route_type": "route", "_plugin_route_path": "/items", "_plugin_route_methods": ["GET", "POST"]},
    ),
    (
        sdk.hook("files.uploaded"),
        {"_plugin_hook_type": "event", "_plugin_event_type": "files.uploaded"},
    ),
    (
        sdk.llm_filter("prompt"),
        {"_plugin_hook_type": "llm_filter", "_plugin_filter_type": "prompt"},
    ),
    (
        sdk.generator_hook("before_build"),
        {"_plugin_hook_type": "generator", "_plugin_generator_hook_type": "before_build"},
    ),
]

PARAMETERS = [
    (sdk.job, "job", "name"),
    (sdk.route, "route", "path"),
    (sdk.hook, "hook", "event_type"),
    (sdk.llm_filter, "llm_filter", "filter_type"),
    (sdk.generator_hook, "generator_hook", "hook_type"),
]

NO_TEXTS = ["", "  ", "\n", None, 5, b"nightly", ["nightly"]]


def work(ctx):
    """Return the context, as an author's job might."""
    return ctx


@pytest.mark.parametrize(("decorator", "marks"), MARKS)
def test_a_decorator_returns_the_function_itself_with_its_marks(decorator, marks):
    """The host finds the marks, and a unit test can call the function."""

    def work(ctx):
        return ctx

    assert decorator(work) is work
    assert vars(work) == marks
    assert work("ctx") == "ctx"


def test_a_function_may_carry_marks_of_two_kinds():
    """A job that is also a route is found as both."""

    def work(ctx):
        return ctx

    sdk.job("nightly")(sdk.route("/nightly")(work))
    assert vars(work) == {
        "_plugin_job_type": "job",
        "_plugin_job_name": "nightly",
        "_plugin_job_schedule": None,
        "_plugin_route_type": "route",
        "_plugin_route_path": "/nightly",
        "_plugin_route_methods": ["GET"],
    }


def test_a_route_keeps_a_list_of_its_own():
    """Changing the list afterwards does not change the route."""
    methods = ["GET"]
    decorator = sdk.route("/items", methods)
    methods.append("DELETE")
    assert vars(decorator(lambda ctx: ctx))["_plugin_route_methods"] == ["GET"]


@pytest.mark.parametrize(("decorator", "name", "parameter"), PARAMETERS)
def test_a_decorator_without_parentheses_is_an_error(decorator, name, parameter):
    """Without parentheses, the function would become the job's name; the error says what to write."""
    with pytest.raises(PluginError) as caught:
        decorator(work)
    assert str(caught.value) == (
        f"@{name} needs its {parameter}: write @{name}('…') above the function, with parentheses"
    )


@pytest.mark.parametrize("value", NO_TEXTS, ids=repr)
@pytest.mark.parametrize(("decorator", "name", "parameter"), PARAMETERS)
def test_a_name_is_text_that_is_not_empty(decorator, name, parameter, value):
    """A wrong name is an error at its decorator, with its value."""
    with pytest.raises(PluginError) as caught:
        decorator(value)
    assert str(caught.value) == f"@{name}: {parameter} must be text that is not empty, got {value!r}"


@pytest.mark.parametrize("value", ["a\nb", "a\r", "\ta", "a\x1b[31m", "a\u2028b", "a\x85"], ids=repr)
def test_the_name_of_a_job_is_one_line(value):
    """A name stands in tables and in messages."""
    with pytest.raises(PluginError) as caught:
        sdk.job(value)
    assert str(caught.value) == f"@job: name must be one line without control characters, got {value!r}"


NO_PART_OF_ADDRESSES = ["a/b", "..", ".", "/", "a\\b", "reports/..", "../x", "//"]
NAMES = [
    *("daily sync", "Übersicht", "v1.2", "a:b", "...", " a ", "a?x#y&z=%41", "50%", "a%2Fb", "~", "日報", "x" * 200),
    *("<b>", "ä" * 200, "😀"),
]


@pytest.mark.parametrize("value", NO_PART_OF_ADDRESSES)
def test_the_name_of_a_job_is_one_part_of_an_address(value):
    """A browser, a proxy or the server would read such a name as several parts, or as none."""
    with pytest.raises(PluginError) as caught:
        sdk.job(value)
    what = "is a part of addresses, so it must have no '/' and no '\\' and not be '.' or '..'"
    assert str(caught.value) == f"@job: name {what}, got {value!r}"


@pytest.mark.parametrize(("length", "shown"), [(201, "201"), (5_000, "5,000")])
def test_the_name_of_a_job_fits_the_store(length, shown):
    """The columns of the store have 200 characters."""
    with pytest.raises(PluginError) as caught:
        sdk.job("x" * length)
    assert str(caught.value) == f"@job: name must have at most 200 characters, got {shown}: '{'x' * 20}…'"


@pytest.mark.parametrize("value", NAMES)
def test_all_other_names_are_legal(value):
    """What an address can have, encoded."""
    assert vars(sdk.job(value)(lambda ctx: ctx))["_plugin_job_name"] == value


PART = "must write each part as '{name}' or '<name>', with a name that Python allows"
BAD_PATHS = {
    "/compare/{id}/{id}": "must give each part a name of its own, but 'id' is there twice",
    "/{a}/x/<a>": "must give each part a name of its own, but 'a' is there twice",
    "/{größe}/{größe}": "must give each part a name of its own, but 'größe' is there twice",
    **dict.fromkeys(["/{1a}", "/{}", "/{a-b}", "/{a", "/a}", "/<>", "/<int:id>", "/{a²}", "/{ a }", "/{{a}}"], PART),
    **dict.fromkeys(["/{a}/{b", "/<a>>", "/{a:path}", "/{a>"], PART),
}


@pytest.mark.parametrize(("path", "problem"), BAD_PATHS.items(), ids=ascii)
def test_the_path_of_a_route_can_be_served(path, problem):
    """A path that the server could not read would take all routes of the plugin with it."""
    with pytest.raises(PluginError) as caught:
        sdk.route(path)
    assert str(caught.value) == f"@route: path {problem}, got {path!r}"


GOOD_PATHS = {
    "/": ("/", {}),
    "status": ("/status", {}),
    "/a/": ("/a", {}),
    "/{id}/<other>": ("/1/2", {"id": "1", "other": "2"}),
    "/x.{ext}": ("/x.tar.gz", {"ext": "tar.gz"}),
    "/{_}-{größe}": ("/a-L", {"_": "a", "größe": "L"}),
    "/{class}": ("/A", {"class": "A"}),
    "/a+b (c)": ("/a+b (c)", {}),
}


@pytest.mark.parametrize(("path", "address", "parts"), [(path, *found) for path, found in GOOD_PATHS.items()])
def test_paths_that_are_served(path, address, parts):
    """Text counts as it stands, and each part is what is between two slashes."""
    sdk.route(path)
    assert path_pattern(path).fullmatch(address).groupdict() == parts


@pytest.mark.parametrize("value", ["\ud83d", "op-\udce9", "\udc00\ud800", "a\udfff"], ids=ascii)
@pytest.mark.parametrize(("decorator", "name", "parameter"), PARAMETERS)
def test_a_name_has_no_half_of_a_surrogate_pair(decorator, name, parameter, value):
    """Neither a store nor a terminal can write it."""
    with pytest.raises(PluginError, match=f"@{name}: {parameter} has .*, half of a surrogate pair, which is not a"):
        decorator(value)


@pytest.mark.parametrize("value", [value for value in NO_TEXTS if value is not None], ids=repr)
def test_a_schedule_is_text_that_is_not_empty(value):
    """A wrong schedule is an error; a manual job has none."""
    with pytest.raises(PluginError) as caught:
        sdk.job("nightly", schedule=value)
    assert str(caught.value) == f"@job: schedule must be text that is not empty, got {value!r}"


@pytest.mark.parametrize("value", ["POST", [], ["GET", 5], 5, {"GET": 1}], ids=repr)
def test_methods_of_a_route_are_a_list_of_names(value):
    """A plain string would become a list of its letters, so it is an error."""
    with pytest.raises(PluginError) as caught:
        sdk.route("/items", methods=value)
    assert str(caught.value) == f"@route: methods must be a list of names such as ['GET', 'POST'], got {value!r}"


@pytest.mark.parametrize("value", [5, None, "text".upper], ids=["number", "None", "method"])
def test_a_decorator_stands_above_a_function(value):
    """A value that cannot have marks is an error that names the decorator, not an AttributeError."""
    with pytest.raises(PluginError) as caught:
        sdk.job("nightly")(value)
    assert str(caught.value) == f"@job must be above a function, got {value!r}"


def test_a_bound_method_cannot_have_marks():
    """Only functions can have marks; the error names the decorator."""

    class Jobs:
        def work(self, ctx):
            return ctx

    method = Jobs().work
    with pytest.raises(PluginError) as caught:
        sdk.hook("files.uploaded")(method)
    assert str(caught.value) == f"@hook must be above a function, got {method!r}"


def test_a_function_is_one_job():
    """With two names on one function, the first would be lost, so it is an error."""
    with pytest.raises(PluginError) as caught:
        sdk.job("weekly")(sdk.job("nightly")(lambda ctx: ctx))
    assert str(caught.value) == (
        "@job('weekly'): the function is already the job 'nightly'; give each job its own function"
    )


def test_the_same_decorator_again_changes_nothing():
    """A function that is decorated again with the same name is the same job."""

    def work(ctx):
        return ctx

    assert sdk.job("nightly", "0 3 * * *")(sdk.job("nightly", "0 2 * * *")(work)) is work
    assert vars(work)["_plugin_job_schedule"] == "0 3 * * *"


def test_declarations_collects_what_is_decorated_inside():
    """Functions that a later one of the same name replaces are included; those decorated outside are not."""

    def work(ctx):
        return ctx

    def other(ctx):
        return ctx

    with sdk.declarations() as seen:
        sdk.job("nightly")(work)
        with sdk.declarations() as inner:
            sdk.hook("files.uploaded")(other)
        sdk.route("/status")(other)
    sdk.job("outside")(lambda ctx: ctx)
    assert (seen, inner) == ([work, other], [other])
