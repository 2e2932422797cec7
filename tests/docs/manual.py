"""The pages of the manual: what the tests check of them, and what `make docs-refresh` writes.

A block with a caption, or with a path in its first line, is a file: one of the repository, or one that the page makes.
A page that makes files runs its commands in a folder of its own; any other page runs them in the repository.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(
    r"^```(?:(?P<language>[a-z]+)|\{code-block\} (?P<styled>[a-z]+)\n(?::caption: (?P<caption>.*)\n)?)\n"
    r"(?P<text>(?:(?!```).*\n)*?)```$",
    re.MULTILINE,
)
_PATH = re.compile(r"# (?P<path>[\w./-]+/[\w.-]+\.\w+)\n")
TABLE = re.compile(r"(?P<begin><!-- table: (?P<name>[\w-]+) -->\n)(?P<table>(?:.*\n)*?)(?P<end><!-- /table -->)")
_UNREACHED = re.compile(r"^[\d,]+ lines? of .* never reached; --unreached lists\s+them\n\n", re.MULTILINE)
"""What Python 3.11 says only if it is asked."""
_MACHINE = re.compile(r"^(platform|rootdir:|configfile:|plugins:) .*\n", re.MULTILINE)
_TIME = re.compile(r"^(=+) (.*) in \d+\.\d\ds (=+)$", re.MULTILINE)
_UNSET = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "CI", "BUILD_NUMBER")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block of a page."""

    language: str
    text: str
    path: str | None
    """The file that it shows."""
    start: int
    end: int

    @property
    def command(self) -> str:
        """The command of a console block."""
        return self.text.partition("\n")[0].removeprefix("$ ")

    @property
    def output(self) -> str:
        """What a console block shows below its command."""
        return self.text.partition("\n")[2]

    @property
    def content(self) -> str:
        """What the file holds: the line with its path is not part of it."""
        return _PATH.sub("", self.text, count=1) if self.path is not None else self.text


def blocks(text: str) -> list[Block]:
    """Return a page's blocks in their order."""
    return [
        Block(
            language=match["language"] or match["styled"],
            text=match["text"],
            path=match["caption"] or (found["path"] if (found := _PATH.match(match["text"])) else None),
            start=match.start("text"),
            end=match.end("text"),
        )
        for match in _BLOCK.finditer(text)
    ]


@contextmanager
def workplace(page: list[Block]) -> Iterator[Path]:
    """Return the folder in which a page's commands run."""
    if all(block.path is None or (ROOT / block.path).exists() for block in page):
        yield ROOT
        return
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
        yield folder


def write(block: Block, folder: Path) -> None:
    """Write a file that a page makes."""
    target = folder / (block.path or "")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(block.content)


def output_of(command: str, folder: Path) -> str:
    """Run a page's command as a reader would, in 80 columns, and return what it prints.

    What pytest says of the machine is left out, and its time, which is never the same, is half a second.
    """
    scripts = str(Path(sys.executable).parent)
    environment = {name: value for name, value in os.environ.items() if name not in _UNSET}
    environment |= {"PATH": f"{scripts}:{os.environ['PATH']}", "COLUMNS": "80", "LC_ALL": "C.UTF-8"}
    plugins = "-p no:cacheprovider -p no:asyncio -p no:randomly -p no:nbval"  # a reader has none of them
    environment |= {"PYTEST_ADDOPTS": plugins, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(  # noqa: S602  the manual's own commands
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    text = _UNREACHED.sub("", _MACHINE.sub("", done.stdout + done.stderr))
    return _TIME.sub(lambda match: f" {match[2]} in 0.50s ".center(80, "="), text)


def refreshed(text: str, tables: dict[str, str]) -> str:
    """Return a page with the tables, the files of the repository, and what its commands print now."""
    text = TABLE.sub(lambda match: f"{match['begin']}{tables[match['name']]}{match['end']}", text)
    page, parts, done = blocks(text), [], 0
    with workplace(page) as folder:
        for block in page:
            new = block.text
            if block.path is not None and (ROOT / block.path).exists():
                new = block.text.removesuffix(block.content) + (ROOT / block.path).read_text()
            elif block.path is not None:
                write(block, folder)
            elif block.language == "console":
                new = f"$ {block.command}\n{output_of(block.command, folder)}"
            parts += [text[done : block.start], new]
            done = block.end
    return "".join([*parts, text[done:]])


def main(names: list[str]) -> None:
    """Refresh every page, or those that are named."""
    from architecture import PICTURE, picture
    from manual_tables import tables

    PICTURE.write_text(picture(), encoding="utf-8")
    for path in PAGES:
        if not names or path.name in names:
            path.write_text(refreshed(path.read_text(), tables()))


if __name__ == "__main__":
    main(sys.argv[1:])
