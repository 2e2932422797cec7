"""Templates: what they print is escaped, how they are laid out is not printed, and they are compiled once."""

import sys
from datetime import timedelta

import pytest
from jinja2 import UndefinedError

from sbh_jobkit.report import template


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Make a folder of templates with an environment of its own."""
    monkeypatch.setattr(template, "_FOLDER", tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    template.environment.cache_clear()
    yield tmp_path
    template.environment.cache_clear()


CASES = [
    ("{{ value }}", "<b>&\x1b[31m\x07", "&lt;b&gt;&amp;␇"),
    ('<p title="{{ value }}">', "\"'", '<p title="&quot;&#x27;">'),
    ("{{ value }}", 1_000, "1000"),
    ("{{ value | number }}", 1_000, "1,000"),
    ("{{ value | amount }}", 1_000, "1,000"),
    ("{{ value | amount }}", timedelta(minutes=2), "2 min"),
    ("{{ value | count('run') }}", 2, "2 runs"),
    (
        "<ul>\n  {% for each in value %}\n    <li>{{ each }}</li>\n  {% endfor %}\n</ul>",
        "ab",
        "<ul><li>a</li><li>b</li></ul>",
    ),
    ("<p>two\n  words</p>", None, "<p>two words</p>"),
    ("<p\n  class='a'>", None, "<p class='a'>"),
    ("{# a comment #}\n<p>", None, "<p>"),
]


@pytest.mark.parametrize(("source", "value", "html"), CASES)
def test_what_a_template_prints(folder, source, value, html):
    """Values are escaped; line breaks and indentation print nothing beside a tag, and a space within a text."""
    (folder / "t.html.jinja").write_text(source)
    assert template.render("t", value=value) == html


def test_a_missing_value_is_an_error(folder):
    """A page with a hole in it would look complete."""
    (folder / "t.html.jinja").write_text("{{ value }}")
    with pytest.raises(UndefinedError, match="'value' is undefined"):
        template.render("t")


def test_compiled_templates_are_kept(folder, monkeypatch):
    """The next process does not compile them; a changed template is compiled again."""
    (folder / "t.html.jinja").write_text("<p>{{ value }}</p>")
    template.render("t", value=1)
    (kept,) = (folder / "__pycache__").iterdir()
    assert kept.suffix == f".{sys.implementation.cache_tag}"
    template.environment.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr("jinja2.Environment.compile", None)
        assert template.render("t", value=2) == "<p>2</p>"
    (folder / "t.html.jinja").write_text("<b>{{ value }}</b>")
    template.environment.cache_clear()
    assert template.render("t", value=3) == "<b>3</b>"


def test_a_folder_that_cannot_be_written_to_costs_nothing_but_time(folder):
    """As for Python's own modules; nor is anything written where Python is shown not to."""
    (folder / "__pycache__").write_text("not a folder")
    (folder / "t.html.jinja").write_text("{{ value }}")
    assert template.render("t", value=1) == "1"


def test_nothing_is_written_where_python_is_told_not_to(folder, monkeypatch):
    """By `-B` or PYTHONDONTWRITEBYTECODE."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (folder / "t.html.jinja").write_text("{{ value }}")
    assert template.render("t", value=1) == "1"
    assert not (folder / "__pycache__").exists()
