"""How long `sbh-jobkit check` takes, import of the plugins included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from measure import ROUNDS, row, seconds

PLUGINS, JOBS = 200, 5
HEAD = "import json\n\nfrom src.ext.sdk import job\n"
JOB = '''
@job("job{number}", schedule="{minute} 6 * * *")
def job{number}(ctx):
    """Look at all users on trial, and keep how many there are."""
    total = 0
    for page in range(10):
        rows = ctx.db.query("users", filters={{"plan": "trial"}}, limit=50, offset=page * 50)
        if not rows:
            break
        total += len(rows)
        for user in rows:
            answer = ctx.http.get(f"https://api.example.com/users/{{user['id']}}")
            if answer["status_code"] != 200:
                return {{"status": "error", "error": answer["text"][:80]}}
            data = answer["json"] or {{}}
            ctx.emit("user.seen", {{"id": user["id"], "logins": data.get("logins", 0)}})
    ctx.files.upload("reports/users.json", json.dumps({{"total": total}}))
    return {{"status": "success", "total": total}}
'''


def checks() -> None:
    """Check one plugin of about 100 lines, and 200 of them in one call."""
    with TemporaryDirectory() as folder:
        for number in range(PLUGINS):
            plugin = Path(folder, f"plugin{number:03}")
            plugin.mkdir()
            jobs = "".join(JOB.format(number=each, minute=each * 7) for each in range(JOBS))
            (plugin / "main.py").write_text(HEAD + jobs)
            (plugin / "plugin.json").write_text(json.dumps({"slug": plugin.name, "name": plugin.name}))
        _check(Path(folder, "plugin000"), folder)  # bytecode is there from now on, as pip leaves it
        one = median(seconds(lambda: _check(Path(folder, "plugin000"), folder)) for _ in range(ROUNDS))
        row("check a plugin of 100 lines", f"{one:.2f} s", "under 0.4 s")
        row(
            f"check {PLUGINS} of them in one call",
            f"{seconds(lambda: _check(Path(folder), folder)):.1f} s",
            "under 10 s",
        )


def _check(path: Path, folder: str) -> None:
    """Check in a process of its own, as a command; a finding fails. Bytecode is kept in a folder of the benchmark."""
    command = [sys.executable, "-m", "sbh_jobkit", "check", str(path)]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = kept | {"PYTHONPYCACHEPREFIX": f"{folder}/.bytecode"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)  # noqa: S603  our own interpreter


if __name__ == "__main__":
    checks()
