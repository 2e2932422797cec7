"""Values in notebooks: HTML that loads nothing beside the text of terminals."""

from __future__ import annotations

import subprocess
import sys

from sbh_jobkit import World, diff


def difference():
    """Return one of every kind, with text that HTML would take for its own."""
    world = World()
    before = world.snapshot()
    world.db.insert("<users>", [{"name": "<b>Ada</b>"}, *({"n": number} for number in range(60))])
    world.files.write("a&b.txt", "abc")
    return diff(before, world)


def test_a_difference_is_a_table_and_its_text():
    """A notebook gets both; nothing in it is taken for HTML, and a long table ends."""
    found = difference()
    bundle = found._repr_mimebundle_()
    assert bundle["text/plain"] == repr(found)
    page = bundle["text/html"]
    assert "<strong>table &lt;users&gt;</strong>: 61 added" in page
    assert "name &quot;&lt;b&gt;Ada&lt;/b&gt;&quot;" in page
    assert "<code>a&amp;b.txt</code>" in page
    assert "<p>and 11 more</p>" in page
    assert (page.count("<tr>"), page.count("<details open>")) == (51, 2)
    assert not {"<script", "<link", "http"} & {word for word in ("<script", "<link", "http") if word in page}


def test_no_difference_says_so():
    """An empty table would explain nothing."""
    assert diff(World(), World())._repr_mimebundle_()["text/html"] == "<p>no difference</p>"


def test_views_load_when_something_is_shown():
    """A value that is not shown costs no view; the first that is shown finds its own."""
    code = """if True:
        import sys
        from sbh_jobkit.fakes.diff import Difference
        empty = Difference(tables={}, files=(), secrets=(), events=())
        before = "sbh_jobkit.report.notebook.mime" in sys.modules
        print(before, empty._repr_mimebundle_())
    """
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "False {'text/plain': 'no difference', 'text/html': '<p>no difference</p>'}\n"
