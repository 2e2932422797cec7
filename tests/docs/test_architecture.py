"""The page about the architecture shows the code as it is: its picture, and the two ways through it."""

import architecture
import pytest


def test_the_picture_is_of_todays_code():
    """`make docs-refresh` draws it."""
    assert architecture.PICTURE.read_text(encoding="utf-8") == architecture.picture()


@pytest.mark.parametrize("way", architecture.WAYS)
def test_a_way_is_really_gone(way, tmp_path):
    """Each stop is called, in the order of the page."""
    calls = iter(architecture.called(way, tmp_path / "trace"))
    missed = [stop for stop in architecture.WAYS[way] if stop not in calls]
    assert missed == []


@pytest.mark.parametrize("way", architecture.WAYS)
def test_a_way_is_short(way):
    """No way through the kit has more stops than fit on a page."""
    assert len(architecture.WAYS[way]) <= 15


def test_every_chapter_is_in_the_picture():
    """A new chapter stands in the import contract, and so in the picture."""
    folders = {path.name for path in (architecture.ROOT / "sbh_jobkit").iterdir() if (path / "__init__.py").exists()}
    drawn = {name for row in architecture.rows() for name in row}
    assert folders <= drawn
