"""Jobs that do what no job should; each is one row of the table in tests/engines/test_hostile_jobs.py."""

import asyncio
import ctypes
import logging
import mmap
import os
import re
import signal
import subprocess
import sys
import threading
import time

from src.ext.sdk import PluginContext, job

LIBC = ctypes.CDLL(None)
MB = 1 << 20


@job("well")
def well(ctx: PluginContext):
    print("well")
    return {"pid": os.getpid()}


@job("loop")
def loop(ctx: PluginContext):
    print("before the loop")
    any(False for _ in iter(int, 1))  # HERE loop


@job("loop_in_c")
def loop_in_c(ctx: PluginContext):
    print("before the regex")
    re.match(r"(a+)+$", "a" * 64 + "b")  # HERE loop_in_c


@job("sleep_in_c")
def sleep_in_c(ctx: PluginContext):
    while True:
        LIBC.usleep(100_000_000)  # HERE sleep_in_c


@job("swallow")
def swallow(ctx: PluginContext):
    print("before the sleep")
    while True:
        try:
            time.sleep(60)  # HERE swallow
        except BaseException:
            pass


@job("swallow_and_return")
def swallow_and_return(ctx: PluginContext):
    try:
        time.sleep(60)  # HERE swallow_and_return
    except BaseException:
        ctx.emit("swallowed", {})
        return "all is well"


@job("await_for_ever")
async def await_for_ever(ctx: PluginContext):
    await asyncio.sleep(60)  # HERE await_for_ever


@job("allocate")
def allocate(ctx: PluginContext):
    print("before the memory")
    kept = []
    while True:
        kept.append(b"x" * MB)


@job("allocate_and_swallow")
def allocate_and_swallow(ctx: PluginContext):
    kept = []
    while True:
        try:
            kept.append(b"x" * 64 * MB)
        except MemoryError:
            pass


@job("allocate_beyond_the_wall")
def allocate_beyond_the_wall(ctx: PluginContext):
    return len(bytearray(1 << 40))


@job("allocate_in_children")
def allocate_in_children(ctx: PluginContext):
    for _ in range(4):
        if os.fork() == 0:
            kept = os.urandom(40 * MB)
            time.sleep(60)
            os._exit(len(kept))
    time.sleep(60)


@job("map_and_leave")
def map_and_leave(ctx: PluginContext):
    with mmap.mmap(-1, 4 << 30) as mapped:
        mapped[0] = 1
        return len(mapped)


@job("exit_at_once")
def exit_at_once(ctx: PluginContext):
    print("good bye")
    os._exit(0)


@job("abort")
def abort(ctx: PluginContext):
    os.abort()  # HERE abort


@job("segfault")
def segfault(ctx: PluginContext):
    ctypes.string_at(0)  # HERE segfault


@job("print_much")
def print_much(ctx: PluginContext):
    for _ in range(40):
        print("x" * (MB - 1))


@job("raise_much")
def raise_much(ctx: PluginContext):
    raise ValueError("E" * 20 * MB)  # HERE raise_much


@job("return_much")
def return_much(ctx: PluginContext):
    return {"text": "x" * 10 * MB}


@job("half_a_line")
def half_a_line(ctx: PluginContext):
    print("half a line", end="")
    os.kill(os.getpid(), signal.SIGKILL)


@job("print_elsewhere")
def print_elsewhere(ctx: PluginContext):
    LIBC.puts(b"from C")
    subprocess.run("echo from a shell; echo and its errors >&2", shell=True, check=True)
    print("from Python")


@job("leave_a_child")
def leave_a_child(ctx: PluginContext):
    subprocess.Popen(["sleep", "600"])


@job("leave_a_session")
def leave_a_session(ctx: PluginContext):
    subprocess.Popen("setsid sleep 600 & setsid sleep 600 &", shell=True, start_new_session=True)


@job("hold_the_pipes")
def hold_the_pipes(ctx: PluginContext):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                time.sleep(600)
        os._exit(0)


@job("fork_much")
def fork_much(ctx: PluginContext):
    for _ in range(500):
        if LIBC.fork() == 0:
            LIBC.pause()


@job("run_away")
def run_away(ctx: PluginContext):
    if LIBC.fork() == 0:
        for _ in range(20_000):
            if LIBC.fork() != 0:
                LIBC._exit(0)  # noqa: SLF001


@job("fork_and_return")
def fork_and_return(ctx: PluginContext):
    os.fork()
    return os.getpid()


@job("thread_goes_on")
def thread_goes_on(ctx: PluginContext):
    def work():
        while True:
            time.sleep(0.01)

    threading.Thread(target=work).start()


@job("no_stdout")
def no_stdout(ctx: PluginContext):
    sys.stdout = None
    print("nowhere")


@job("close_all")
def close_all(ctx: PluginContext):
    os.closerange(0, 256)
    ctx.emit("closed", {})


@job("stop_itself")
def stop_itself(ctx: PluginContext):
    print("stopping")
    os.kill(os.getpid(), signal.SIGSTOP)


@job("import_pandas")
def import_pandas(ctx: PluginContext):
    import pandas

    return pandas.DataFrame({"a": [1, 2]}).a.sum().item()


@job("interrupt_itself")
def interrupt_itself(ctx: PluginContext):
    raise KeyboardInterrupt  # HERE interrupt_itself


@job("no_alarm")
def no_alarm(ctx: PluginContext):
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    print("no alarm")
    time.sleep(60)


@job("tell_a_secret")
def tell_a_secret(ctx: PluginContext):
    ctx.secrets.set("NEW", "a-new-secret")
    print(ctx.secrets.get("KEY"), "a-new-secret")
    LIBC.puts(ctx.secrets.get("KEY").encode())
    sys.stderr.write(ctx.secrets.get("KEY")[:4])
    os.write(2, ctx.secrets.get("KEY")[4:].encode())
    os.kill(os.getpid(), signal.SIGKILL)


@job("kill_its_supervisor")
def kill_its_supervisor(ctx: PluginContext):
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


@job("stop_its_supervisor")
def stop_its_supervisor(ctx: PluginContext):
    subprocess.Popen(["setsid", "sleep", "600"])
    os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(60)


@job("log_a_secret")
def log_a_secret(ctx: PluginContext):
    logging.getLogger("shop").info("the key is %s", ctx.secrets.get("KEY"))
    os.kill(os.getpid(), signal.SIGKILL)


@job("emit_much")
def emit_much(ctx: PluginContext):
    for number in range(24):
        ctx.emit("much", {"number": number, "text": "x" * MB})


@job("wait")
def wait(ctx: PluginContext):
    print("waiting")
    ctx.emit("waiting", {})
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    time.sleep(60)
