"""Secrets' values never leave a run: names stand in their place, wherever they were."""

from __future__ import annotations

import json
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote, quote_plus
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbh_jobkit.errors import TimeLimitExceeded
from sbh_jobkit.plugin.places import authors_terms
from sbh_jobkit.run.outcome import DEEPEST
from sbh_jobkit.run.redaction import Redactor

SECRETS = {"hunter22": "DB_PASSWORD", "sk-live-1234": "API_KEY"}
PASSWORD, KEY = "‹secret:DB_PASSWORD›", "‹secret:API_KEY›"

TEXTS = [
    ("", ""),
    ("nothing to see", "nothing to see"),
    ("hunter22", PASSWORD),
    ("hunter22hunter22", PASSWORD + PASSWORD),
    ("the password is hunter22.", f"the password is {PASSWORD}."),
    ("Bearer sk-live-1234\nhunter22", f"Bearer {KEY}\n{PASSWORD}"),
    ("Hunter22 hunter2", f"{PASSWORD} hunter2"),
]

OVERLAPS = [
    ({"abcd": "A", "abcdef": "B"}, "abcd abcde abcdef", "‹secret:A› ‹secret:A›e ‹secret:B›"),
    ({"abcd": "A", "cdef": "B"}, "cdef abcd", "‹secret:B› ‹secret:A›"),
    ({"secret": "A", "A›‹s": "B"}, "secretsecret", "‹secret:A›‹secret:A›"),
    ({"a.c*": "A"}, "a.c* abcc", "‹secret:A› abcc"),
    ({"back\\slash": r"\1"}, "back\\slash", r"‹secret:\1›"),
]

Point = namedtuple("Point", "x y")  # noqa: PYI024  what plugins write


@dataclass
class Credentials:
    """What an author's job may return."""

    user: str
    password: str


class Colour(StrEnum):
    """Texts with names."""

    RED = "hunter22"


class Opaque:
    """No repr of its own."""

    __module__ = "main"


class Row(list):
    """A list that can be a key."""

    __hash__ = object.__hash__


class Broken:
    """An object that cannot be shown."""

    def __repr__(self):
        """Fail, as lazy objects of closed connections do."""
        message = "connection closed, password hunter22"
        raise RuntimeError(message)


PLAIN = [
    None,
    True,
    5,
    1.5,
    datetime(2026, 1, 1, tzinfo=UTC),
    timedelta(hours=1),
    Decimal("1.5"),
    UUID(int=5),
]

VALUES = [
    ({"hunter22": "hunter22", 5: ["hunter22"]}, {PASSWORD: PASSWORD, 5: [PASSWORD]}),
    (("a", ("hunter22",)), ("a", (PASSWORD,))),
    ({"hunter22", "a"}, {PASSWORD, "a"}),
    (frozenset({("hunter22", 1)}), frozenset({(PASSWORD, 1)})),
    ({("hunter22", 1): {"deep": [{"deeper": ("sk-live-1234",)}]}}, {(PASSWORD, 1): {"deep": [{"deeper": (KEY,)}]}}),
    (OrderedDict(a="hunter22"), {"a": PASSWORD}),
    (Point("hunter22", 1), (PASSWORD, 1)),
    (Colour.RED, PASSWORD),
    (b"hunter22", f"b'{PASSWORD}'"),
    (Credentials("ann", "hunter22"), f"Credentials(user='ann', password='{PASSWORD}')"),
    ([SimpleNamespace(key="sk-live-1234")], [f"namespace(key='{KEY}')"]),
    (ValueError("wrong password 'hunter22'"), f"ValueError(\"wrong password '{PASSWORD}'\")"),
    (Opaque(), "<main.Opaque object>"),
    ("from sbh_plugins.p7.lib.helpers and sbh_plugins.p7", "from lib.helpers and ."),
    ({Row(["hunter22"]): 1}, {f"['{PASSWORD}']": 1}),
    ({Row([5])}, {"[5]"}),
]

AWKWARD = '-----BEGIN KEY-----\nit\'s "a"+b/c\\d é&?\n-----END KEY-----'


@pytest.mark.parametrize(
    ("text", "root", "shown"),
    [
        ("plain", None, "plain"),
        ("'sbh_plugins.p1.helpers' (/plugins/hub/helpers.py)", None, "'helpers' (/plugins/hub/helpers.py)"),
        ("'sbh_plugins.p12.lib.more' (/plugins/hub/lib/more.py)", "/plugins/hub", "'lib.more' (lib/more.py)"),
        ("/srv/plugins/hub/x /plugins/hub-two/x /plugins/hub", "/plugins/hub", None),
        ("a/b ./c", ".", None),
        ("from sbh_plugins.p3 came", None, "from . came"),
        ("sbh_plugins.py my_sbh_plugins.p1.x", None, None),
    ],
)
def test_a_text_is_in_its_authors_terms(text, root, shown):
    """Modules without the package that keeps plugins apart, files from the plugin's folder."""
    assert authors_terms(text, root and Path(root)) == (text if shown is None else shown)


@pytest.mark.parametrize(("text", "shown"), TEXTS)
def test_values_in_texts_are_shown_as_their_names(text, shown):
    """Every occurrence, and nothing else."""
    assert Redactor(SECRETS).text(text) == shown


@pytest.mark.parametrize(("secrets", "text", "shown"), OVERLAPS)
def test_the_longest_of_overlapping_values_is_taken(secrets, text, shown):
    """A value inside another does not leave the rest of it behind, and signs have no meaning."""
    assert Redactor(secrets).text(text) == shown


TAB = "tab\tbed9"
AND = "a b&c 1234"
TWICE = [
    ([TAB, repr(TAB)[1:-1]], repr(TAB)[1:-1]),
    ([AND, quote(AND)], quote(AND)),
    ([AND, quote(AND)], quote(quote(AND))),
]


@pytest.mark.parametrize(("values", "text"), TWICE)
@pytest.mark.parametrize("step", [1, -1])
def test_a_value_that_is_written_like_another_is_itself(values, text, step):
    """Where one secret is a spelling of the other, its own text and what is made of it have its name."""
    names = {value: f"{number}" for number, value in enumerate(values)}
    assert Redactor(dict([*names.items()][::step])).text(text) == "‹secret:1›"


ALPHABET = "abcdefghijklmnopqrst"
PARTS = [
    ("x abcdefghi y", "x abcdefghi y"),
    ("x abcdefghij y", "x ‹secret:A› y"),
    ("x abcdefghijklmno y", "x ‹secret:A› y"),
    ("x ABCDEFGHIJKlmno!y", "x ‹secret:A›!y"),
    ("abcdefghijklmnopqrst", "‹secret:A›"),
    ("abcdefghijXX abcdefghijkl", "‹secret:A›XX ‹secret:A›"),
]


@pytest.mark.parametrize(("text", "shown"), PARTS)
def test_the_beginning_of_a_value_is_hidden_as_far_as_it_goes(text, shown):
    """From its first half on, and nothing that follows it."""
    assert Redactor({ALPHABET: "A"}).text(text) == shown


LEAKS = [
    ("https://api.example.com/v2", frozenset()),
    ("https://api.example.com:8443/rest/v2/", frozenset()),
    ("https://api.example.com/T0123456789", {"A"}),
    ("https://bücher.example/", {"A"}),
    ("hunter22", {"A"}),
]


@pytest.mark.parametrize(("value", "names"), LEAKS)
def test_the_address_of_an_api_is_hidden_and_is_no_leak(value, names):
    """It lets nobody in; one with a token in its path does."""
    redactor = Redactor({value: "A"})
    assert (redactor.text(value), redactor.names(value)) == ("‹secret:A›", names)
    assert redactor.copy([value]) == (["‹secret:A›"], names)


HOOK = "https://hooks.example.com/services/T0123456789"
BASES = [
    ("https://api.example.com/a", "https://api.example.com/a"),
    (f"{HOOK}/rest?key=1", "/rest?key=1"),
    (HOOK, ""),
    (f" {HOOK}/rest", f" {HOOK}/rest"),
    ("https://api.example.com/?key=hunter22", "https://api.example.com/?key=hunter22"),
    ("hunter22://a", "hunter22://a"),
]


@pytest.mark.parametrize(("url", "rest"), BASES)
def test_the_rest_of_an_address_after_a_secret_one(url, rest):
    """The address of a webhook is what a request is sent to, not a leak of it."""
    assert Redactor({**SECRETS, HOOK: "HOOK"}).after_base(url) == rest


BEGINNINGS = [
    ("", ""),
    ("x hun", "x hun"),
    ("x hunt", "x "),
    ("x HUNTE", "x "),
    ("x hunter", "x "),
    ("x hunter2", "x "),
    ("x hunter22", f"x {PASSWORD}"),
    ("hunt", ""),
    ("hunter22 sk-l", f"{PASSWORD} "),
    ("x pin", "x pin"),
    ("x pin-", "x "),
    ("x PIN-", "x PIN-"),
    ("x pin-1", f"x {PASSWORD.replace('DB_PASSWORD', 'PIN')}"),
]


@pytest.mark.parametrize(("text", "shown"), BEGINNINGS)
def test_a_text_that_was_cut_ends_before_a_half_value(text, shown):
    """Four of its characters are enough to leave them out; the whole value becomes its name."""
    assert Redactor({**SECRETS, "pin-1": "PIN"}).beginning(text) == shown


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("https://api.example.com/a", '"https://api.example.com/a"'),
        ("https://a.example/?k=hunter22&l=1", "f\"https://a.example/?k={world.secrets['DB_PASSWORD']}&l=1\""),
    ],
)
def test_a_line_to_paste_names_the_secret(text, code):
    """As Python that runs where the world is made."""
    assert Redactor(SECRETS).pasteable(text) == code


@pytest.mark.parametrize(("bits", "shown"), [(14_000, 1 << 13_999), (14_001, "<a whole number of 14,001 bits>")])
def test_a_number_that_python_refuses_to_write(bits, shown):
    """It has too many digits for text."""
    assert Redactor(SECRETS).value(1 << (bits - 1)) == shown


@pytest.mark.parametrize(("times", "last"), [(10_001, [PASSWORD]), (10_002, "…")])
def test_what_is_met_too_often_is_left_out(times, last):
    """A structure that holds itself has endless paths; the same list ten thousand times is still shown."""
    row = ["hunter22"]
    assert Redactor(SECRETS).value([row] * times)[-1] == last


@pytest.mark.parametrize(("value", "shown"), [("", "abc 1 abcd"), ("abc", "abc 1 abcd"), ("abcd", "abc 1 ‹secret:A›")])
def test_values_of_less_than_four_characters_are_left_alone(value, shown):
    """Short values are not replaced, because they are part of ordinary text; they are counted."""
    redactor = Redactor({value: "A"})
    assert (redactor.text("abc 1 abcd"), len(redactor)) == (shown, 1)


def test_without_secrets_everything_stays():
    """A tenant without secrets has nothing to hide."""
    assert Redactor({}).value({"a": ["hunter22", 5]}) == {"a": ["hunter22", 5]}


@pytest.mark.parametrize(("value", "shown"), VALUES)
def test_values_in_structures_are_shown_as_their_names(value, shown):
    """In keys, in tuples and sets, and in the repr of what JSON has no word for."""
    got = Redactor(SECRETS).value(value)
    assert (got, type(got)) == (shown, type(shown))


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_numbers_and_times_stay_what_they_are(value):
    """Numbers and times are not changed, because they contain no text."""
    assert Redactor(SECRETS).value(value) is value


def test_what_was_given_is_left_as_it_was():
    """The plugin's own objects are not touched: a copy comes back."""
    value = {"a": ["hunter22"]}
    Redactor(SECRETS).value(value)
    assert value == {"a": ["hunter22"]}


@pytest.mark.parametrize("depth", [DEEPEST + 2, 500, 5_000])
def test_deep_structures_end_in_an_ellipsis(depth):
    """Below the levels that a value may have nothing is shown, so that nothing leaks and nothing overflows."""
    value, shown = "hunter22", "…"
    for _ in range(depth):
        value = [value]
    for _ in range(DEEPEST + 1):
        shown = [shown]
    assert Redactor(SECRETS).value(value) == shown


@pytest.mark.parametrize("depth", [1, 50, 51, DEEPEST])
def test_a_value_that_may_be_kept_is_kept_whole(depth):
    """As deep as JSON of a job may be."""
    value, shown = "hunter22", "‹secret:DB_PASSWORD›"
    for _ in range(depth):
        value, shown = [value], [shown]
    assert Redactor(SECRETS).value(value) == shown


def test_a_structure_that_holds_itself_comes_to_an_end():
    """A cycle is cut, and nothing leaks."""
    value = {"password": "hunter22"}
    value["self"] = [value]
    shown = repr(Redactor(SECRETS).value(value))
    assert (PASSWORD in shown, "hunter22" in shown) == (True, False)


class Counted(list):
    """A list that can be walked through a thousand times, not 2 to the power of 50."""

    walks = 1_000

    def __iter__(self):
        """Count."""
        type(self).walks -= 1
        assert self.walks, "walked too often"
        return super().__iter__()


def test_a_list_that_holds_itself_is_cut_at_once():
    """Where it begins again."""
    value = ["hunter22"]
    value.append(value)
    assert Redactor(SECRETS).value(value) == [PASSWORD, "…"]


@pytest.mark.parametrize("secret", ["True", "None"])
def test_true_and_none_stay_also_in_lists(secret):
    """They are no text, whatever the secrets are."""
    copy, names = Redactor({secret: "A"}).copy([True, None, {"a": False}])
    assert (copy, names) == ([True, None, {"a": False}], frozenset())
    assert copy[0] is True


class Unread(list):
    """A list that cannot be read."""

    def __iter__(self):
        """Fail, as a list of rows does whose connection is closed."""
        message = "closed, password hunter22"
        raise ConnectionError(message)


def test_a_list_that_cannot_be_read():
    """Its kind and the error's kind are shown, and nothing of its text."""
    assert Redactor(SECRETS).value([Unread(), 1]) == ["<Unread: reading it raised ConnectionError>", 1]


class Endless:
    """An object whose repr meets the limit of a run."""

    def __repr__(self):
        """Be ended."""
        raise TimeLimitExceeded


def test_the_limit_of_a_run_passes_through():
    """It is not the object's mistake."""
    with pytest.raises(TimeLimitExceeded):
        Redactor(SECRETS).value([Endless()])


def test_a_tree_whose_nodes_know_their_parents_is_walked_once():
    """Parents and children hold each other; following every path would take for ever."""
    parent = Counted(["hunter22"])
    parent.extend([Counted([parent]), Counted([parent])])
    shown = repr(Redactor(SECRETS).value(parent))
    assert (PASSWORD in shown, "hunter22" in shown) == (True, False)


def test_lists_that_share_lists_are_not_followed_for_ever():
    """Fifty levels of pairs of one list have 2 to the power of 50 paths."""
    value = "hunter22"
    for _ in range(50):
        value = [value, value]
    shown = Redactor(SECRETS).value(value)
    for _ in range(50):
        shown = shown[0]
    assert shown == PASSWORD


def test_what_stands_in_two_places_is_shown_in_both():
    """Only what holds itself is cut."""
    row = {"password": "hunter22"}
    assert Redactor(SECRETS).value([row] * 1_000) == [{"password": PASSWORD}] * 1_000


def test_an_object_that_cannot_be_shown_does_not_stop_the_run():
    """A repr that raises is the plugin's fault, and what it raises may hold a secret."""
    assert Redactor(SECRETS).value([Broken(), "hunter22"]) == ["<Broken: its repr raised RuntimeError>", PASSWORD]


@pytest.mark.parametrize(
    "encode",
    [
        repr,
        json.dumps,
        lambda text: json.dumps(text, ensure_ascii=False),
        lambda text: quote(text, safe=""),
        quote,
        quote_plus,
        lambda text: repr(text.encode()),
        lambda text: repr(SimpleNamespace(key=text)),
    ],
    ids=["repr", "json", "json-utf8", "url", "path", "form", "bytes", "object"],
)
def test_a_value_is_found_as_printing_and_requests_spell_it(encode):
    """A private key in a dict that is printed, or a token in a URL, is the same secret."""
    shown = Redactor({AWKWARD: "PEM"}).text(encode(AWKWARD))
    assert shown == encode("PEM").replace("PEM", "‹secret:PEM›")


@pytest.mark.parametrize("value", ["it's me", 'say "hi"', "pass wörd", "a\\b\\c", "tab\tbed", "\udc80abc"])
@pytest.mark.parametrize("around", ["{}", "'{}'", '"{}"', "'\"{}\"'"])
def test_a_value_is_found_inside_longer_texts(value, around):
    """Python picks its quotes by the whole text, not by the value."""
    text = around.format(value)
    for spelt in (repr(text), json.dumps(text), quote_plus(text.encode("utf-8", "surrogatepass"))):
        shown = Redactor({value: "A"}).text(spelt)
        assert ("‹secret:A›" in shown, value in shown) == (True, False)


@pytest.mark.parametrize("value", ["é&?", "\n\n\n", "\\\\\\"])
def test_a_short_value_has_no_longer_spelling(value):
    """What counts are the value's own characters."""
    text = f"{value} {quote(value)} {json.dumps(value)}"
    assert Redactor({value: "A"}).text(text) == text


@given(
    st.dictionaries(st.text(min_size=4, max_size=8), st.sampled_from("AB"), max_size=3),
    st.lists(st.text(max_size=12) | st.integers(), max_size=4),
)
def test_no_value_remains_in_any_text(secrets, rest):
    """For any secrets and any text around them, no value remains."""
    redactor = Redactor(secrets)
    for value in secrets:
        text = redactor.text(f"{rest} {value} {rest}")
        assert [part for part in text.split("‹secret:") if value in part and value not in "A›B›"] == []
