"""A machine that systemd runs: a manager of its own, in namespaces of its own, which leaves nothing behind.

Its files are this machine's, and what it changes in them is its own. Network and programs are this machine's.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples/operations"
UNITS = "/run/units"
_NEEDED = "tests sysinit basic shutdown network-online"
_BOOT = f"""
set -e
mount --make-rprivate /
mount -t proc proc /proc
umount --recursive --lazy /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /run
for folder in etc opt tmp var; do
  mkdir -p "/run/changed/$folder" "/run/work/$folder"
  mount -t overlay overlay -o "lowerdir=/$folder,upperdir=/run/changed/$folder,workdir=/run/work/$folder" "/$folder"
done
mkdir {UNITS}
for target in {_NEEDED}; do
  printf '[Unit]\\nDescription=%s\\nDefaultDependencies=no\\n' "$target" > "{UNITS}/$target.target"
done
exec env -i container=other PATH=/usr/sbin:/usr/bin SYSTEMD_UNIT_PATH={UNITS} SYSTEMD_GENERATOR_PATH=/run/none \\
  /lib/systemd/systemd --system --unit=tests.target --show-status=no --log-target=console
"""
"""Only our units, so that nothing tidies this machine up; `container` says that the hardware is somebody else's."""
_HIDDEN = ("/home", "/root", "/run/user")
"""What `ProtectHome=` hides."""


class Machine:
    """Units of examples/operations on a machine that systemd runs."""

    def __init__(self, folder):
        """Start the manager, with its control groups below one of its own."""
        self.log = folder / "systemd.log"
        self.group = next(
            Path(mounted.split()[1], f"sbh-units-{os.getpid()}")
            for mounted in Path("/proc/mounts").read_text().splitlines()
            if mounted.split()[2] == "cgroup2"
        )
        self.group.mkdir()
        apart = ["unshare", "--pid", "--fork", "--kill-child=KILL", "--mount", "--cgroup", "--ipc", "--uts"]
        enter = f'echo $$ > {self.group}/cgroup.procs; exec {" ".join(apart)} sh -c "$1"'
        command = ["setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", enter, "sh", _BOOT]
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        self._inside = ["nsenter", "--target", self._manager(), "--all", "--"]
        self.wait_until(lambda: self.run("systemctl", "is-system-running", check=False) == "running")

    def _manager(self):
        """Return the process that is the first one of the machine."""
        made = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self.wait_until(lambda: made.read_text().split())
        return made.read_text().split()[0]

    def wait_until(self, condition, seconds=30):
        """Wait until something holds."""
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"it never came to it; systemd says:\n{self.log.read_text()}"
            time.sleep(0.1)

    def run(self, *words, text=None, check=True):
        """Run a command on the machine, and return what it prints."""
        done = subprocess.run(
            [*self._inside, *words], input=text, capture_output=True, text=True, timeout=120, check=False
        )
        if check:
            assert done.returncode == 0, f"{done.stderr}\n{self.log.read_text()}"
        return done.stdout.strip()

    def write(self, path, text):
        """Write a file."""
        self.run("sh", "-c", 'mkdir -p "$(dirname "$0")" && cat > "$0"', path, text=text)

    def install(self, variables):
        """Install the kit and the example units as the manual says, with these variables."""
        self.run("mkdir", "-p", "/opt/sbh", "/var/lib/private/sbh-jobkit/plugins")
        self.run("chmod", "700", "/var/lib/private")
        self.run("ln", "-s", sys.prefix, "/opt/sbh/venv")
        self.run("cp", "-r", f"{ROOT}/examples/hub_ops", "/var/lib/private/sbh-jobkit/plugins/")
        self.write("/etc/sbh-jobkit/sbh-jobkit.env", "".join(f"{name}={value}\n" for name, value in variables.items()))
        python = {sys.prefix, sys.base_prefix, f"{ROOT}"}
        shown = f"[Service]\nBindReadOnlyPaths={' '.join(sorted(python))}\n"
        if any(path.startswith(_HIDDEN) for path in python):
            shown += "ProtectHome=tmpfs\n"  # as hidden, but for these
        for unit in EXAMPLES.glob("*.service"):
            self.write(f"{UNITS}/{unit.name}", unit.read_text())
            self.write(f"{UNITS}/{unit.name}.d/python.conf", shown)
        self.run("systemctl", "daemon-reload")

    def show(self, unit, name):
        """Return a property of a unit."""
        return self.run("systemctl", "show", unit, "--property", name, "--value")

    def close(self):
        """End it with all that it runs."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        groups = sorted((each for each in self.group.rglob("*") if each.is_dir()), key=lambda each: -len(each.parts))
        for group in [*groups, self.group]:
            for _ in range(50):
                with suppress(OSError):
                    group.rmdir()
                    break
                time.sleep(0.1)
