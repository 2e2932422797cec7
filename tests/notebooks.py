"""The example notebooks: executed, normalized, and each with a picture of its last output.

`make notebooks` compares the files with a new run; `python tests/notebooks.py` writes them.
"""

from __future__ import annotations

import re
import sys
from base64 import b64decode
from pathlib import Path
from subprocess import DEVNULL

from sbh_jobkit.report.notebook.svg import INKS, document
from sbh_jobkit.report.text import escape

FOLDER = Path(__file__).parents[1] / "notebooks"
PICTURES = FOLDER / "pictures"
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_PICTURE = re.compile(r'src="data:image/svg\+xml;base64,([^"]+)"')
_TIME = re.compile(r"\bin \d+\.\d\ds\b")
_WIDGETS = "application/vnd.jupyter.widget-view+json"
_LINE, _CHARACTER, _LONGEST = 18, 7.85, 90


def notebooks() -> list[Path]:
    """Return the notebooks in order."""
    return sorted(FOLDER.glob("*.ipynb"))


def executed(path: Path) -> str:
    """Run a notebook in a new kernel and return its text for the repository: the same bytes each time."""
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(path, as_version=4)
    client = NotebookClient(
        book, timeout=300, kernel_name="python3", coalesce_streams=True, resources={"metadata": {"path": str(FOLDER)}}
    )
    client.execute(stderr=DEVNULL)  # where the kernel writes warnings of its own
    book.metadata = nbformat.from_dict(_METADATA)
    for cell in book.cells:
        cell.metadata = nbformat.from_dict({"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {})
        if "outputs" in cell:  # widgets are dead without their kernel; the static output stays
            cell.outputs = [output for output in cell.outputs if _WIDGETS not in output.get("data", ())]
        for output in cell.get("outputs", ()):
            if output.output_type == "stream":
                output.text = _TIME.sub("in 0.50s", output.text)  # differs each time
    return nbformat.writes(book) + "\n"


def picture(text: str) -> str:
    """Return an SVG of the last output: its last picture, or the text of its last command."""
    import nbformat

    book = nbformat.reads(text, as_version=4)
    for output in reversed([output for cell in book.cells for output in cell.get("outputs", ())]):
        found = _PICTURE.findall(output.get("data", {}).get("text/html", ""))
        if found:
            return b64decode(found[-1]).decode()
        if output.output_type == "stream":
            return _terminal(output.text)
    msg = "the notebook has no output to draw: neither a picture nor printed text"
    raise ValueError(msg)


def _terminal(text: str) -> str:
    lines = [line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…" for line in text.rstrip().splitlines()]
    width = round(max(map(len, lines)) * _CHARACTER) + 8
    font = "font:13px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace"
    rules = f"text{{{font};fill:{INKS['text']};white-space:pre}}.bad{{fill:{INKS['failed']}}}"
    drawn = "".join(
        f'<text{_colour(line)} x="4" y="{(number + 1) * _LINE}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    return document(width, (len(lines) + 1) * _LINE, rules, drawn)


def _colour(line: str) -> str:
    return ' class="bad"' if "failed" in line.lower() else ""


def files(path: Path) -> dict[Path, str]:
    """Return the new text of a notebook and of its picture, by path."""
    text = executed(path)
    return {path: text, PICTURES / f"{path.stem}.svg": picture(text) + "\n"}


def main(*, check: bool) -> int:
    """Write all notebooks; with `check`, report the files that differ from a new run instead."""
    stale = []
    for path in notebooks():
        for file, text in files(path).items():
            if check and not (file.exists() and file.read_text(encoding="utf-8") == text):
                stale.append(file.relative_to(FOLDER.parent))
            elif not check:
                file.parent.mkdir(exist_ok=True)
                file.write_text(text, encoding="utf-8")
    for file in stale:
        print(f"{file} differs from a new run; update it with python tests/notebooks.py")  # noqa: T201  a script
    return len(stale)


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
