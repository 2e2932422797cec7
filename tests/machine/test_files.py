"""Real files that a job changes: each way is a fault with the path, and what changes none is no fault."""

from __future__ import annotations

import pytest

MODE = "changed the mode of a real file: {0}/old.txt"
CHANGES = {
    "open": ("open('new.txt', 'w').close()", "wrote a real file: {0}/new.txt"),
    "open with a path": ("import pathlib; pathlib.Path('new.txt').write_text('x')", "wrote a real file: {0}/new.txt"),
    "append": ("open('old.txt', 'ab').close()", "wrote a real file: {0}/old.txt"),
    "update": ("open('old.txt', 'r+').close()", "wrote a real file: {0}/old.txt"),
    "os.open": ("os.close(os.open('new.txt', os.O_CREAT | os.O_RDWR))", "wrote a real file: {0}/new.txt"),
    "rename": ("os.rename('old.txt', 'new.txt')", "renamed a real file: {0}/old.txt"),
    "replace": ("os.replace('old.txt', 'new.txt')", "renamed a real file: {0}/old.txt"),
    "rename of a path": (
        "import pathlib; pathlib.Path('old.txt').rename('new.txt')",
        "renamed a real file: {0}/old.txt",
    ),
    "remove": ("os.remove('old.txt')", "removed a real file: {0}/old.txt"),
    "unlink": ("import pathlib; pathlib.Path('old.txt').unlink()", "removed a real file: {0}/old.txt"),
    "bytes": ("os.unlink(b'old.txt')", "removed a real file: {0}/old.txt"),
    "rmtree": ("import shutil; shutil.rmtree('tree')", "removed a real file: {0}/tree/leaf.txt"),
    "mkdir": ("os.mkdir('new')", "made a real file: {0}/new"),
    "makedirs": ("os.makedirs('new/deep')", "made a real file: {0}/new"),
    "rmdir": ("os.rmdir('empty')", "removed a real file: {0}/empty"),
    "truncate": ("os.truncate('old.txt', 1)", "cut a real file: {0}/old.txt"),
    "link": ("os.link('old.txt', 'new.txt')", "linked a real file: {0}/new.txt"),
    "symlink": ("os.symlink('old.txt', 'new.txt')", "linked a real file: {0}/new.txt"),
    "symlink of a path": ("import pathlib; pathlib.Path('n').symlink_to('old.txt')", "linked a real file: {0}/n"),
    "chmod": ("os.chmod('old.txt', 0o600)", "changed the mode of a real file: {0}/old.txt"),
    "utime": ("os.utime('old.txt')", "changed the time of a real file: {0}/old.txt"),
    "touch": ("import pathlib; pathlib.Path('old.txt').touch()", "changed the time of a real file: {0}/old.txt"),
    "copy": ("import shutil; shutil.copy('old.txt', 'new.txt')", "wrote a real file: {0}/new.txt"),
    "copytree": ("import shutil; shutil.copytree('tree', 'other')", "made a real file: {0}/other"),
    "move": ("import shutil; shutil.move('old.txt', 'new.txt')", "renamed a real file: {0}/old.txt"),
    "gzip": ("import gzip; gzip.open('new.gz', 'wb').close()", "wrote a real file: {0}/new.gz"),
    "zipfile": ("import zipfile; zipfile.ZipFile('new.zip', 'w').close()", "wrote a real file: {0}/new.zip"),
    "a log file": ("import logging; logging.FileHandler('new.log').close()", "wrote a real file: {0}/new.log"),
    "sqlite": ("import sqlite3; sqlite3.connect('new.db').close()", "wrote a real file: {0}/new.db"),
    "sqlite by a URI": (
        "import sqlite3; sqlite3.connect('file:new.db?mode=rwc', uri=True).close()",
        "wrote a real file: {0}/new.db",
    ),
    "sqlite by an absolute URI": (
        "import sqlite3; sqlite3.connect('file://' + os.path.abspath('new%20it.db'), uri=True).close()",
        "wrote a real file: {0}/new it.db",
    ),
    "sqlite, attached": (
        "import sqlite3; sqlite3.connect(':memory:').execute(\"ATTACH 'new.db' AS other\")",
        "wrote a real file: {0}/new.db",
    ),
    "sqlite, attached by a URI": (
        "import sqlite3; sqlite3.connect('', uri=True).execute(\"ATTACH 'file:new.db?mode=rwc' AS other\")",
        "wrote a real file: {0}/new.db",
    ),
    "sqlite, copied into a file": (
        "from sqlite3 import dbapi2; dbapi2.connect(':memory:').execute(\"VACUUM INTO 'new.db'\")",
        "wrote a real file: {0}/new.db",
    ),
    "chmod of an open file": ("with open('old.txt') as f: os.chmod(f.fileno(), 0o600)", MODE),
    "fchmod": ("with open('old.txt') as f: os.fchmod(f.fileno(), 0o600)", MODE),
    "fchown": (
        "with open('old.txt') as f: os.fchown(f.fileno(), os.getuid(), -1)",
        "changed the owner of a real file: {0}/old.txt",
    ),
    "utime of an open file": (
        "with open('old.txt') as f: os.utime(f.fileno())",
        "changed the time of a real file: {0}/old.txt",
    ),
    "a socket": (
        "import socket\nwith socket.socket(socket.AF_UNIX) as s: s.bind('new.sock')",
        "made a real file: {0}/new.sock",
    ),
    "dir_fd": (
        "folder = os.open('.', os.O_RDONLY); os.remove('old.txt', dir_fd=folder); os.close(folder)",
        "removed a real file: {0}/old.txt",
    ),
    "dir_fd, rename": (
        "at = os.open('.', 0); os.rename('old.txt', 'n', src_dir_fd=at, dst_dir_fd=at); os.close(at)",
        "renamed a real file: {0}/old.txt",
    ),
    "dir_fd, open": (
        "at = os.open('tree', 0); os.close(os.open('n', os.O_CREAT | os.O_WRONLY, dir_fd=at)); os.close(at)",
        "wrote a real file: {0}/tree/n",
    ),
    "dir_fd, to a folder outside": (
        "import tempfile as t; at = os.open(t.gettempdir(), 0); os.rename('old.txt', 'n', dst_dir_fd=at); os.close(at)",
        "renamed a real file: {0}/old.txt",
    ),
    "dir_fd, link and symlink": (
        "at = os.open('tree', 0); os.link('leaf.txt', 'n', src_dir_fd=at, dst_dir_fd=at); os.close(at)",
        "linked a real file: {0}/tree/n",
    ),
    "dir_fd, symlink": (
        "at = os.open('tree', 0); os.symlink('leaf.txt', 'n', dir_fd=at); os.close(at)",
        "linked a real file: {0}/tree/n",
    ),
    "dir_fd, mkdir and rmdir": (
        "at = os.open('tree', 0); os.mkdir('n', dir_fd=at); os.rmdir('n', dir_fd=at); os.close(at)",
        "made a real file: {0}/tree/n",
    ),
    "dir_fd, chmod": (
        "at = os.open('tree', 0); os.chmod('leaf.txt', 0o600, dir_fd=at); os.close(at)",
        "changed the mode of a real file: {0}/tree/leaf.txt",
    ),
    "dir_fd, utime": (
        "at = os.open('tree', 0); os.utime('leaf.txt', dir_fd=at); os.close(at)",
        "changed the time of a real file: {0}/tree/leaf.txt",
    ),
    "dir_fd, above it": (
        "at = os.open('tree', 0); os.remove('../old.txt', dir_fd=at); os.close(at)",
        "removed a real file: {0}/old.txt",
    ),
    "a second name in the temporary folder": (
        "import tempfile as t; os.link('old.txt', os.path.join(t.gettempdir(), 'n'))",
        "linked a real file: {0}/old.txt",
    ),
    "a folder that is there, and one that is not": (
        "import pathlib; pathlib.Path('tree').mkdir(exist_ok=True); os.makedirs('tree/new', exist_ok=True)",
        "made a real file: {0}/tree/new",
    ),
    "a file that is not there, and one that is": (
        "import contextlib\nfor name in ('none', 'old.txt'):\n    with contextlib.suppress(OSError): os.remove(name)",
        "removed a real file: {0}/old.txt",
    ),
    "a pipe": ("os.mkfifo('new')", "made a real file: {0}/new"),
    "dir_fd, a pipe": (
        "at = os.open('tree', 0); os.mkfifo('n', dir_fd=at); os.close(at)",
        "made a real file: {0}/tree/n",
    ),
    "the module below os": ("import posix; posix.mknod('new')", "made a real file: {0}/new"),
    "a database that is attached by a parameter": (
        "import sqlite3; sqlite3.connect(':memory:').execute('attach ? as other', ['new.db'])",
        "wrote a real file: {0}/new.db",
    ),
    "one by a URI in a parameter": (
        (
            "import sqlite3; name = 'file:' + os.path.abspath('new.db')\n"
            "sqlite3.connect('file::memory:', uri=True).execute('ATTACH DATABASE :name AS other', {'name': name})"
        ),
        "wrote a real file: {0}/new.db",
    ),
    "one of a connection of one's own": (
        (
            "import sqlite3\nclass Own(sqlite3.Connection): pass\n"
            "sqlite3.connect(':memory:', factory=Own).execute('attach ? as other', [\"it's.db\"])"
        ),
        "wrote a real file: {0}/it's.db",
    ),
    "a node": ("os.mknod('new')", "made a real file: {0}/new"),
    "a name with __pycache__ in it": (
        "open('my__pycache__.txt', 'w').close()",
        "wrote a real file: {0}/my__pycache__.txt",
    ),
    "a file in __pycache__": (
        "os.mkdir('__pycache__'); open('__pycache__/data.csv', 'w').close()",
        "wrote a real file: {0}/__pycache__/data.csv",
    ),
    "a thread": (
        "import threading; t = threading.Thread(target=os.remove, args=('old.txt',)); t.start(); t.join()",
        "removed a real file: {0}/old.txt",
    ),
}


@pytest.mark.parametrize(("body", "message"), CHANGES.values(), ids=CHANGES)
def test_a_changed_file_is_a_fault(ran, outside, monkeypatch, body, message):
    """Whatever changes a real file, the first fault names it, at the line of the plugin."""
    monkeypatch.chdir(outside)
    run = ran(body)
    fault = run.faults[0]
    assert (fault.kind, fault.message) == ("real-file", f"the job {message.format(outside)}")
    assert (run.outcome, run.ok) == ("ok", False)


HARMLESS = {
    "a folder that is there": "os.makedirs('tree', exist_ok=True)",
    "a folder that is there, by its path": "import pathlib; pathlib.Path('tree').mkdir(exist_ok=True)",
    "a file that is not there": "import pathlib; pathlib.Path('none').unlink(missing_ok=True)",
    "a tree that is not there": "import shutil; shutil.rmtree('none', ignore_errors=True)",
    "the time of none": "try: os.utime('none')\nexcept FileNotFoundError: pass",
    "a file in memory": "at = os.memfd_create('x'); open(f'/proc/self/fd/{at}', 'w').close(); os.close(at)",
    "reading": "open('old.txt').close(); os.listdir('.'); os.stat('old.txt')",
    "a temporary file": "import tempfile; tempfile.NamedTemporaryFile().close()",
    "a temporary folder": (
        "import tempfile, pathlib\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    path = pathlib.Path(folder, 'a.txt')\n"
        "    path.write_text('x'); path.chmod(0o600); os.utime(path); path.rename(path.with_name('b.txt'))"
    ),
    "/dev/null": "open(os.devnull, 'w').close()",
    "a database in memory": "import sqlite3; sqlite3.connect(':memory:').close()",
    "one by a URI": "import sqlite3; sqlite3.connect('file::memory:?cache=shared', uri=True).close()",
    "one by its mode": "import sqlite3; sqlite3.connect('file:any?mode=memory&cache=shared', uri=True).close()",
    "one without a name": "import sqlite3; sqlite3.connect('').close()",
    "a database that is only read": (
        "import sqlite3\ntry: sqlite3.connect('file:old.txt?mode=ro', uri=True).close()\nexcept sqlite3.Error: pass"
    ),
    "a database that never changes": "import sqlite3; sqlite3.connect('file:old.txt?immutable=1', uri=True).close()",
    "databases that are attached": (
        "import sqlite3, tempfile\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    db = sqlite3.connect(':memory:', uri=True)\n"
        "    for each in (':memory:', '', folder + '/new.db', 'file:' + folder + '/new.db?mode=ro'):\n"
        "        db.execute('ATTACH ? AS other', [each]); db.execute('DETACH other')\n"
        "    db.execute('VACUUM'); db.execute('VACUUM INTO ?', [folder + '/copy.db'])"
    ),
    "what is no file": (
        "import socket\nreading, writing = os.pipe(); os.fchmod(reading, 0o600); os.close(reading); os.close(writing)\n"
        "with socket.socket(socket.AF_UNIX) as s: s.bind('')\n"
        "with socket.socket(socket.AF_UNIX) as s: s.bind('\\0' + str(os.getpid()))\n"
        "with socket.socket() as s: s.bind(('127.0.0.1', 0))"
    ),
    "the temporary folder by a descriptor": (
        "import tempfile, shutil; folder = tempfile.mkdtemp(); os.mkdir(folder + '/a'); shutil.rmtree(folder)"
    ),
    "the temporary folder by dir_fd": (
        "import tempfile\n"
        "at = os.open(tempfile.gettempdir(), os.O_RDONLY)\n"
        "os.close(os.open('a', os.O_CREAT | os.O_WRONLY, dir_fd=at)); os.mkfifo('f', dir_fd=at)\n"
        "os.rename('a', 'b', src_dir_fd=at, dst_dir_fd=at); os.remove('b', dir_fd=at); os.close(at)"
    ),
    "bytecode": ("import py_compile, tempfile\npy_compile.compile('old.txt', doraise=False, quiet=2)"),
}


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS)
def test_what_changes_no_real_file_is_no_fault(ran, outside, monkeypatch, body):
    """Reading, temporary files, devices, Python's own cache and databases in memory."""
    monkeypatch.chdir(outside)
    (outside / "old.txt").write_text("old = 1")
    run = ran(body)
    assert (run.error, run.faults) == (None, ())
