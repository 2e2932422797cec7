"""How a short value is written, and what is found of it: the whole of each text is compared.

The values have fewer than ten characters, so that none is found by its beginning.
"""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from sbh_jobkit.run.redaction import Redactor
from sbh_jobkit.run.spellings import Spelling, fold, spellings

SIGNS = "a'\"&<é\t"
QUOTED = "it's a\\b"
RUNG = "it's é\x07"
MARKED = "<a'\">&"
MARK = "‹secret:A›"
CAPITAL, SMALL, LAST = "\u03a3\u03c3\u03c2"
"""The letter sigma, which has a form of its own at the end of a word."""


def inside(text):
    """Return what is between the quotes of a text."""
    return text[1:-1]


ENCODERS = {
    "as it is": lambda text: text,
    "repr": lambda text: inside(repr(text)),
    "repr of a text with both quotes": lambda text: repr(f"{text}'\"")[1:-4],
    "repr of bytes": lambda text: inside(repr(text.encode())[1:]),
    "repr of bytes with both quotes": lambda text: repr(f"{text}'\"".encode())[2:-4],
    "JSON": lambda text: inside(json.dumps(text)),
    "JSON in Unicode": lambda text: inside(json.dumps(text, ensure_ascii=False)),
    "JSON in JSON": lambda text: inside(json.dumps(inside(json.dumps(text)))),
    "a path": quote,
    "a query": lambda text: quote(text, safe=""),
    "a query, as httpx writes it": lambda text: quote(text, safe="!$%&'()*+,/:;=?@[\\]^`{|}"),
    "a form": quote_plus,
    "a query in a query": lambda text: quote(quote(text, safe=""), safe=""),
    "HTML": html.escape,
    "HTML text": lambda text: html.escape(text, quote=False),
    "HTML by markupsafe": lambda text: html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    "XML": lambda text: html.escape(text).replace("&#x27;", "&apos;"),
    "hex": lambda text: text.encode().hex(),
    "hex with colons": lambda text: text.encode().hex(":"),
    "hex with spaces": lambda text: text.encode().hex(" "),
    "hex with hyphens": lambda text: text.encode().hex("-"),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 without padding": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
}


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
@pytest.mark.parametrize("value", [SIGNS, QUOTED, RUNG, MARKED, "a?>~/+=_", "abcd", "a;b:c,d"])
def test_the_whole_of_a_spelling_is_found(value, encode):
    """Nothing of it is left beside the name, and nothing around it is taken."""
    assert Redactor({value: "A"}).text(f"({encode(value)})") == f"({MARK})"


IN_BASE64 = [
    ("abcde", b"", b""),
    ("abcde", b"", b"-"),
    ("abcde", b"x", b""),
    ("abcde", b"x", b"--"),
    ("abcde", b"xy", b""),
    ("abcde", b"xy", b"-z"),
    ("abcdef", b"user:", b""),
    ("abcdefgh", b"\xff", b"\xff"),
    ("abcdefg", b"\xff\xfe", b"\xff\x00\x01"),
]


@pytest.mark.parametrize(("value", "before", "after"), IN_BASE64)
def test_inside_the_base64_of_a_longer_text(value, before, after):
    """All characters that the value alone decides are gone; those that it shares with its neighbours may stay."""
    code = base64.b64encode(before + value.encode() + after).decode()
    left, mark, right = Redactor({value: "A"}).text(code).partition(MARK)
    first, last = len(before) * 8, (len(before) + len(value)) * 8
    own = [number for number in range(len(code)) if first <= number * 6 and number * 6 + 6 <= last]
    assert (code.startswith(left), mark, code.endswith(right)) == (True, MARK, True)
    kept = {*range(len(left)), *range(len(code) - len(right), len(code))}
    assert kept & {*own} == set()
    assert len(left) <= own[0]
    assert len(right.rstrip("=")) >= (len(code.rstrip("=")) - own[-1] - 2 if after else 0)


def test_a_long_value_in_lines_of_base64():
    """As MIME writes it."""
    value = "a long key of more than fifty-seven characters, which take two lines in MIME"
    assert Redactor({value: "A"}).text(f"<{base64.encodebytes(value.encode()).decode().strip()}>") == f"<{MARK}>"


LEFT = [
    ("abcd", "xYWJjZx"),  # five characters of base64 are part of ordinary text
    ("0012", "12 012"),  # so is a number of two digits
    ("abcdefghijklmnopqrstu", "abcdefghij"),
    ("abcdefghijklmnopqrstuvwxyzabcdefghijklmn", "abcdefghijklmnopqrs"),
    ("abcdefghij", "abcdefghi"),
    ("1e400", "inf"),
]


@pytest.mark.parametrize(("value", "text"), LEFT)
def test_what_is_ordinary_text_stays(value, text):
    """Codes of five characters, values of three, and less than half of a long value."""
    assert Redactor({value: "A"}).text(text) == text


FOUND = [
    ("01234", "1234", MARK),
    ("1234567", "1,234,567 1_234_567 1234567.0", f"{MARK} {MARK} {MARK}"),
    ("abcdefghijklmnopqrst", "abcdefghij abcdefghijk", f"{MARK} {MARK}"),
    ("abcdefghijklmnopqrstu", "abcdefghijk abcdefghijx", f"{MARK} abcdefghijx"),
    ("abcdefghijklmnopqrstuvwxyzabcdefghijklmn", "abcdefghijklmnopqrst", MARK),
    ("2026-01-05", "datetime.date(2026, 1, 5)", MARK),
    ("2026-01-05 09:00", "datetime.datetime(2026, 1, 5, 9, 0) 2026-01-05T09:00:00", f"{MARK} {MARK}"),
    ("2026-01-05T09:00", "datetime.datetime(2026, 1, 5, 9, 0) 2026-01-05 09:00:00", f"{MARK} {MARK}"),
    ("ABCDEFGH", "abcdefgh Abcdefgh", f"{MARK} {MARK}"),
    ("ABCDEFG", "abcdefg ABCDEFG", f"abcdefg {MARK}"),
    ("ABCDİEFGH", "abcdİefgh", MARK),
    ("straßenbahn9", "STRASSENBAHN9 Straßenbahn9 strassenbahn9", f"{MARK} {MARK} {MARK}"),
    ("ABCDİEFGH", f"{'ABCDİEFGH'.lower()} ABCDİEFGH", f"{MARK} {MARK}"),
    ("ﬁsch-geheim", "FISCH-GEHEIM fisch-geheim", f"{MARK} {MARK}"),
    ("\u017fecret-value", "SECRET-VALUE", MARK),
    ("\u00b5-secret-value", "\u039c-SECRET-VALUE", MARK),
    (f"KODIKO{CAPITAL}9", f"kodiko{LAST}9 KODIKO{CAPITAL}9AB", f"{MARK} {MARK}AB"),
    (f"MYSTIKO{CAPITAL}", f"MYSTIKO{CAPITAL}AB mystiko{LAST} mystiko{SMALL}a", f"{MARK}AB {MARK} {MARK}a"),
    ("pin7x9", "70696E377839 70:69:6E:37:78:39 70696e377839", f"{MARK} {MARK} {MARK}"),
    ("  abcdefgh1234", "abcdefgh1234 [  abcdefgh1234]", f"{MARK} [{MARK}]"),
    ("abcdefgh1234\n", "dTphYmNkZWZnaDEyMzQ= 6162636465666768 abcdefgh1234", f"dTp{MARK} 6162636465666768 {MARK}"),
    ("\tpin7x9\r\n", "pin7x9 PIN7X9", f"{MARK} PIN7X9"),
    ("  ab  ", "ab abc", "ab abc"),
]


@pytest.mark.parametrize(("value", "text", "shown"), FOUND)
def test_other_ways_to_show_a_value(value, text, shown):
    """Numbers and times as programs print them, beginnings, and other capitals from eight characters on."""
    assert Redactor({value: "A"}).text(text) == shown


@pytest.mark.parametrize(
    ("text", "folded"), [("", ""), ("ABC", "abc"), ("É", "é"), ("xİY", "xİy"), ("İİ", "İİ"), ("ẞSS", "ßss")]
)
def test_folding_keeps_each_character_at_its_place(text, folded):
    """One whose small letter takes two characters stays."""
    assert (fold(text), len(fold(text))) == (folded, len(text))


@pytest.mark.parametrize("value", ["", "a", "abc"])
def test_a_value_that_is_too_short_has_no_spelling(value):
    """Three characters are part of ordinary text."""
    assert spellings(value) == ()


def test_every_spelling_of_a_value():
    """The value itself is the first; a value of letters alone is written in its codes."""
    codes = ("YWJjZA==", "YWJjZA", "FiY2Q=")
    hexes = ("61626364", "61:62:63:64", "61 62 63 64", "61-62-63-64")
    assert [*spellings("abcd")] == [
        *(Spelling(text, folded=False) for text in ("abcd", *codes)),
        *(Spelling(text, folded=True) for text in hexes),
    ]
