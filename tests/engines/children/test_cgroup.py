"""Control groups: found where one is delegated, and the kernel ends what uses too much memory there."""

import os
import signal

import pytest

from sbh_jobkit.engines.cgroup import V1, V2, Group, Place, find_place, read_place, remove_left


def tree(folder, *files, **contents):
    """Make a folder with files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in files:
        (folder / name).touch()
    for name, text in contents.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_version_1_is_the_own_group(tmp_path):
    """Groups are made below it; other controllers are passed over."""
    tree(tmp_path / "memory/service", "cgroup.procs")
    mounts = f"cgroup {tmp_path}/cpu cgroup rw,cpu 0 0\ncgroup {tmp_path}/memory cgroup rw,memory 0 0\n"
    place = read_place("5:cpu:/\n4:memory:/service\n0::/\n", mounts)
    assert place == Place(tmp_path / "memory/service", V1)


def test_version_2_is_beside_the_own_group(tmp_path):
    """As systemd arranges it by DelegateSubgroup."""
    tree(tmp_path / "serve.service", "cgroup.procs", cgroup__subtree_control="cpu memory\n")
    tree(tmp_path / "serve.service/main", "cgroup.procs")
    place = read_place("0::/serve.service/main\n", f"cgroup2 {tmp_path} cgroup2 rw 0 0\n")
    assert place == Place(tmp_path / "serve.service", V2)


@pytest.mark.parametrize(
    ("own", "control"),
    [("0::/serve.service/main\n", "cpu pids\n"), ("0::/other\n", "memory\n"), ("", "memory\n")],
    ids=["memory is not handed down", "the root has no processes file", "no groups at all"],
)
def test_without_delegation_there_is_none(tmp_path, own, control):
    """Then the watch from outside is all."""
    tree(tmp_path / "serve.service", "cgroup.procs", cgroup__subtree_control=control)
    tree(tmp_path / "serve.service/main", "cgroup.procs")
    assert read_place(own, f"cgroup2 {tmp_path} cgroup2 rw 0 0\n") is None


def test_the_events_of_both_versions_are_read(tmp_path):
    """What counts is how many processes the kernel has killed."""
    tree(tmp_path, memory__events="low 0\noom 3\noom_kill 1\n", memory__oom_control="under_oom 0\noom_kill 0\n")
    assert (Group(tmp_path, V2).has_killed, Group(tmp_path, V1).has_killed) == (True, False)
    assert not Group(tmp_path / "gone", V2).has_killed


@pytest.mark.parametrize("files", [V1, V2], ids=["version 1", "version 2"])
def test_a_limit_counts_from_now(files, tmp_path):
    """What the group uses already, such as the modules of a plugin, is not the run's."""
    (tmp_path / files.used).write_text(f"{10 << 20}\n")
    Group(tmp_path, files).limit(100)
    assert int((tmp_path / files.limit).read_text()) == (10 + 125) << 20


def test_a_process_that_has_ended_gets_no_group(tmp_path):
    """Nor where the kernel refuses; nothing is left of the try."""
    (tmp_path / "file").touch()
    assert Group.create(1, Place(tmp_path / "file", V1)) is None
    assert Group.create(1, None) is None


def test_what_a_dead_supervisor_left_is_removed(tmp_path):
    """Its own group by its number, or those of all that are not there any more."""
    for number in (1, 2**22 + 1, 2**22 + 2):  # the first process of the machine is there; there are none so high
        (tmp_path / f"sbh-run-{number}").mkdir()
    remove_left(Place(tmp_path, V1), 2**22 + 1)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["sbh-run-1", f"sbh-run-{2**22 + 2}"]
    remove_left(Place(tmp_path, V1))
    assert [folder.name for folder in tmp_path.iterdir()] == ["sbh-run-1"]
    remove_left(None)


@pytest.mark.skipif(find_place() is None, reason="no control group is delegated to this process")
def test_the_kernel_ends_what_uses_too_much():
    """A process that fills memory is killed at its limit, and the group is gone afterwards."""
    go, begin = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(go, 1)
        filled = [bytearray(1 << 20) for _ in range(400)]
        os._exit(len(filled) > 0)
    place = find_place()
    group = Group.create(pid, place)
    group.limit(50)
    assert not group.has_killed
    os.write(begin, b"x")
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert group.has_killed
    group.remove()
    assert not (place.folder / f"sbh-run-{os.getpid()}").exists()
    for descriptor in (go, begin):
        os.close(descriptor)
