"""A secret is found in any mixture of escaped and plain characters, whichever characters a program escapes."""

from __future__ import annotations

import base64
import json
from html import escape
from urllib.parse import quote, quote_plus, urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbh_jobkit.run.escapes import Escapes
from sbh_jobkit.run.redaction import Redactor

MARK = "‹secret:A›"
HOOK = "s3cr{t=key^9"

WRITTEN = {
    "a path by httpx": (HOOK, str(httpx.URL(f"https://a.example/hook/{HOOK}")), f"https://a.example/hook/{MARK}"),
    "a query by httpx": (
        HOOK,
        str(httpx.URL("https://a.example/", params={"k": HOOK})),
        f"https://a.example/?k={MARK}",
    ),
    "JavaScript's encodeURI": ("a#b c;d/e", "a#b%20c;d/e", MARK),
    "JavaScript's encodeURIComponent": ("it's(a)*b!", "it's(a)*b!".replace("(", "%28"), MARK),
    "RFC 3986 in small letters": ("a/b+c~d", "a%2fb%2bc%7ed", MARK),
    "each character": ("abcd", "%61%62%63%64", MARK),
    "some characters": ("abcdefgh", "%61bc%64ef%67h", MARK),
    "a form with some left": ("a b=c d/e", "a+b=c+d%2Fe", MARK),
    "urlencode": ("a b=c d/é", urlencode({"k": "a b=c d/é"}), f"k={MARK}"),
    "twice, each in part": ("a{b=c^d", quote("a%7Bb=c^d", safe="="), MARK),
    "Latin-1 in a URL": ("geheimü-wörter9", quote("geheimü-wörter9", encoding="latin-1"), MARK),
    "JSON of PHP": ("https://a.example/é", r'"https:\/\/a.example\/é"', f'"{MARK}"'),
    "JSON of Go": ("a<b>c&d", r'"a\u003cb\u003ec\u0026d"', f'"{MARK}"'),
    "JSON beyond 16 bits": ("key-🔑-end", json.dumps("key-🔑-end"), f'"{MARK}"'),
    "ascii()": ("geheimü-wörter9", ascii("geheimü-wörter9"), f"'{MARK}'"),
    "ascii() of much": ("a\U0001f511b\u20acc\xfc", ascii("a\U0001f511b\u20acc\xfc"), f"'{MARK}'"),
    "octal": ("geheimü9", r"geheim\303\2749", MARK),
    "HTML in numbers": ("a/b<c>d'e", "a&#x2F;b&#60;c&#x3e;d&apos;e", MARK),
    "HTML that escapes all signs": ("k=v+w", "k&#61;v&#x2B;w", MARK),
    "HTML of a URL": ("a{b&c=d", escape("?x=1&y=" + quote("a{b&c=d", safe="&=")), f"?x=1&amp;y={MARK}"),
    "a URL in JSON": ("a{b/c=d", json.dumps({"u": quote("a{b/c=d", safe="=/")}), '{"u": "' + MARK + '"}'),
    "JSON in a URL": ('a"b/c', quote_plus(json.dumps(['a"b/c'])), f"%5B%22{MARK}%22%5D"),
    "base64 in a URL": ("a>b?c>d?", quote(base64.b64encode(b"a>b?c>d?").decode(), safe=""), MARK),
    "CSV": ('ab"cd"efgh', '"ab""cd""efgh"', f'"{MARK}"'),
    "SQL": ("it's 'me'", "'it''s ''me'''", f"'{MARK}'"),
    "half of it": ("{abcdefghijklmnop}", "%7Babcdefghij…", f"{MARK}…"),
    "a value like an escape": ("a%41b\\nc&lt;d", quote("a%41b\\nc&lt;d", safe="\\&;"), MARK),
    "such a value in JSON": ("a%41b\\nc&lt;d", json.dumps("a%41b\\nc&lt;d"), f'"{MARK}"'),
}


@pytest.mark.parametrize(("value", "text", "shown"), WRITTEN.values(), ids=WRITTEN)
def test_what_programs_write(value, text, shown):
    """The name stands in the place of the whole value, and everything around it stays."""
    redactor = Redactor({value: "A"})
    assert (redactor.text(text), redactor.names(text), redactor.concerns(text)) == (shown, {"A"}, True)


ORDINARY = [
    ("abcd", "100% abc%20d %zz %4 \\q a\\bcd a&bcd; &copy;"),
    ("a b c", "a+b-c a%2Bb-c"),
    ("token=1", "token%3D2 token&equals;2"),
    ("50%41", "50%20"),
    ("abcdefgh", "%61bcdefg %E9%FF%C3 \\udc80 \\xff\\xc3 &#0; &#x110000; &nosuch;"),
    ("C:\\new", "C:\new C:\\\\old"),
    ('say "hi"', 'say ""hi say hi""'),
]


@pytest.mark.parametrize(("value", "text"), ORDINARY)
def test_other_texts_stay(value, text):
    """Escapes alone are no secret, and what is not an escape is read as it is."""
    redactor = Redactor({value: "A"})
    assert (redactor.text(text), redactor.concerns(text), redactor.names(text)) == (text, False, frozenset())


def percent(character, upper):
    """Escape a character for a URL."""
    return "".join(f"%{byte:02X}" if upper else f"%{byte:02x}" for byte in character.encode())


def backslash(character, upper):
    """Escape a character of up to 16 bits for JSON."""
    return f"\\u{ord(character):04X}" if upper else f"\\u{ord(character):04x}"


def entity(character, upper):
    """Escape a character for HTML."""
    return f"&#{ord(character)};" if upper else f"&#x{ord(character):x};"


@given(
    st.text("abcXYZ09 é€=/+{}^~'\"<>%\\&", min_size=4, max_size=12),
    st.sampled_from([(percent, "%"), (backslash, "\\"), (entity, "&")]),
    st.data(),
)
def test_any_mixture_of_escaped_and_plain_characters(value, how, data):
    """Whichever characters are escaped, in capitals or small letters: only the sign itself always is."""
    write, sign = how
    plain = st.sampled_from([None, True, False])
    marks = [data.draw(st.booleans() if each == sign else plain) for each in value]
    text = "".join(each if mark is None else write(each, mark) for each, mark in zip(value, marks, strict=True))
    assert Redactor({value: "A"}).text(f"(_{text}_)") == f"(_{MARK}_)"


@pytest.mark.parametrize("text", ["", "plain", "%41b%C3%A9c", "%E9", r"\n\u00e9\x41\101", "&lt;&#65;", "a%2541", "%"])
def test_each_character_has_its_place(text):
    """The places begin at 0, rise, and end at the text's end; both ways to read give the same texts."""
    escapes = Escapes(["abcd"])
    views = [*escapes.views(text)]
    assert [view.text for view in views] == [text, *escapes.texts(text)]
    for view in views:
        assert (view.places[0], view.places[-1], len(view.places)) == (0, len(text), len(view.text) + 1)
        assert [*view.places] == sorted({*view.places})


CUTS = [
    ("{ab}cdefgh", "x %7Bab%7Dcd", "x "),
    ("{ab}cdefgh", "x %7Bab%7Dcd%6", "x "),
    ("abcd{efgh}", "x abcd%7", "x "),
    ("abcd{efgh}", "x abcd%", "x "),
    ('abcd"efgh"', "x abcd\\", "x "),
    ("abcdéfgh", "x abcd\\u00", "x "),
    ("abcd<efgh", "x abcd&l", "x "),
    ("abcd{efgh}", "x abc%7", "x abc%7"),
]


@pytest.mark.parametrize(("value", "text", "shown"), CUTS)
def test_the_first_part_of_an_escaped_value_at_a_cut(value, text, shown):
    """It goes, also where the cut is inside an escape."""
    assert Redactor({value: "A"}).beginning(text) == shown
