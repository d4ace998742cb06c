"""
The live self-test of a sandbox: a program that tries what must not work, run inside like any other. A tier is used only
if every attempt fails and nothing outside has changed. No rule of ours is believed because we wrote it.
"""

import json
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

PROGRAM = """
import ctypes, json, os, resource, socket, sys, tempfile
told = json.load(sys.stdin)
libc = ctypes.CDLL(None, use_errno=True)
worked = []

def forbidden(name, act):
    try:
        act()
    except OSError:
        return
    worked.append(name)

def call(name, *args):
    if getattr(libc, name)(*args) < 0:
        raise OSError(ctypes.get_errno(), name)

def fork():
    if os.fork() == 0:
        os._exit(0)

def connect():
    socket.create_connection(("127.0.0.1", told["port"]), timeout=1).close()

forbidden("read a file outside", lambda: open(told["canary"]).read())
forbidden("write a file outside", lambda: open(told["canary"], "w"))
forbidden("make a file outside", lambda: open(told["folder"] + "/new", "w"))
forbidden("list a folder outside", lambda: os.listdir(told["folder"]))
forbidden("remove a file outside", lambda: os.unlink(told["canary"]))
forbidden("rename a file outside", lambda: os.rename(told["canary"], told["canary"] + "2"))
forbidden("cut a file outside", lambda: os.truncate(told["canary"], 0))
forbidden("link a file outside", lambda: os.link(told["canary"], "link"))
forbidden("read another process's environment", lambda: open("/proc/%d/environ" % told["pid"], "rb").read())
forbidden("read its own memory file", lambda: open("/proc/self/mem", "rb"))
forbidden("signal another process", lambda: os.kill(told["pid"], 0))
forbidden("signal all processes", lambda: os.kill(-1, 0))
forbidden("connect to this machine", connect)
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK, socket.AF_VSOCK):
    forbidden("make a socket of family %d" % family, lambda: socket.socket(family))
forbidden("fork", fork)
forbidden("make memory that is a file", lambda: call("memfd_create", b"x", 0))
forbidden("enter a new namespace", lambda: call("unshare", 0x10000000))
forbidden("mount", lambda: call("mount", b"x", b"/tmp", b"tmpfs", 0, None))
forbidden("change the root", lambda: os.chroot("."))
forbidden("become root", lambda: os.setuid(0))
for fd in range(3, 64):
    forbidden("use descriptor %d" % fd, lambda: os.fstat(fd))
if os.environ:
    worked.append("read the environment")
if 0 in (os.getuid(), os.geteuid(), os.getgid(), os.getegid()):
    worked.append("be root")
for name in ("AS", "CPU", "FSIZE", "NPROC", "NOFILE"):
    if resource.getrlimit(getattr(resource, "RLIMIT_" + name))[1] == resource.RLIM_INFINITY:
        worked.append("go on without the limit " + name)
with tempfile.NamedTemporaryFile() as f:
    f.write(b"its own folder works")
print(json.dumps(worked), flush=True)
if not worked:  # these two would end the test if they worked
    forbidden("be traced", lambda: call("ptrace", 0, 0, 0, 0))
    forbidden("run a program", lambda: os.execv("/bin/true", ["true"]))
    print("end")
"""


def self_test(run: Callable) -> str:
    """'' if the sandbox holds, else what went wrong in a few words. run(source, stdin) -> Result"""
    with tempfile.TemporaryDirectory(prefix="acorn-probe-") as name, socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
        except OSError:
            pass  # no loopback here; that no socket can be made is tried all the same
        folder, canary = Path(name), Path(name, "canary")
        canary.write_text("outside")
        folder.chmod(0o777)
        canary.chmod(0o666)
        told = {"canary": str(canary), "folder": name, "port": listener.getsockname()[1], "pid": os.getpid()}
        result = run(PROGRAM, json.dumps(told))
        lines = result.stdout.splitlines()
        worked = json.loads(lines[0]) if lines else []
        if worked:
            return f"its self-test could {', '.join(worked[:5])}"
        if not result.ok or lines[-1] != "end":
            return f"its self-test does not run to its end: {result.why} {result.stderr.strip()[-300:]}"
        intact = canary.read_text() == "outside" and os.listdir(name) == ["canary"]
        return "" if intact else "its self-test changed a file outside"
