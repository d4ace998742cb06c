"""
How a program is locked in, for each tier: some of it once, by the server at its start, the rest for every program. The
order of `confine` matters: each step needs a right that the next one takes away.
"""

import fcntl
import os
import re
import resource
import shutil
import socket
import sys
import sysconfig
import time

from acorn.infer import sandbox_kernel as kernel
from acorn.infer import sandbox_watch as watching

NOBODY = 65534
MAX_FILES = 4096  # open at a time, in server and keepers
TOLD = 200  # the descriptor on which a program tells its keeper that it was confined, or why not
SYSTEM = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/etc/ld.so.cache"]
DEVICES = ["/dev/null", "/dev/zero", "/dev/urandom"]


class Tier:
    """
    What the tiers share; alone, no isolation at all. scratch: a folder of ours, for the tiers in which programs live in
    the machine's own file system.
    """

    layers = "none"
    shared_files = True  # whether programs live in the machine's own file system

    def __init__(self, scratch: str):
        self.scratch = scratch
        if self.shared_files:
            borrow_interpreter(scratch)
        self.base_memory = int(read("/proc/self/statm").split()[0]) * resource.getpagesize()
        self.tasks, self.counted = 0, -1e9
        self.count = 0

    def before_fork(self) -> None:
        """In the server, before each keeper. RLIMIT_NPROC counts all tasks of a user, so ours come on top."""
        self.count += 1
        if time.monotonic() - self.counted > 1:
            self.tasks, self.counted = tasks_of(os.geteuid() or NOBODY), time.monotonic()

    def folder(self, limits: dict) -> str:
        """The keeper makes the folder that its program may write to."""
        path = f"{self.scratch}/{self.count}"
        os.mkdir(path, 0o700)
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        return path

    def leave(self, folder: str) -> None:
        watching.remove(folder)

    def close(self) -> None:
        watching.remove(self.scratch)

    def confine(self, limits: dict, folder: str, descriptors: list[int]) -> None:
        """Lock this process in for good. `descriptors` become 0, 1, 2, ...; all others but TOLD are closed."""
        os.setsid()
        os.chdir(folder)
        opened = os.open(folder, os.O_PATH)
        self.drop_privileges()
        kernel.no_new_privileges()
        kernel.die_with_parent()
        self.lock(opened)
        for number, fd in enumerate([fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in descriptors]):
            os.dup2(fd, number)
        os.closerange(len(descriptors), TOLD)
        os.closerange(TOLD + 1, MAX_FILES)
        set_limits(limits, self.base_memory, self.tasks)
        self.filter()

    def drop_privileges(self) -> None:
        kernel.drop_bounding_set()
        if os.geteuid() == 0:
            become_nobody()
        kernel.drop_capabilities()

    def lock(self, folder: int) -> None:
        """Files, ports and signals, by folder."""

    def filter(self) -> None:
        """System calls, by number and argument. The last step."""


class Landlock(Tier):
    """No privilege needed: the kernel's Landlock for files, and seccomp for all that it does not watch."""

    layers = "landlock+seccomp"

    def __init__(self, scratch: str):
        super().__init__(scratch)
        if not kernel.landlock_version():
            raise OSError("this kernel has no Landlock (5.13 and later have it, if it is switched on)")
        self.readable = [os.open(path, os.O_PATH) for path in interpreter_paths()]
        self.devices = [os.open(path, os.O_PATH) for path in DEVICES]

    def lock(self, folder: int) -> None:
        kernel.landlock(self.readable, self.devices, folder)

    def filter(self) -> None:
        kernel.seccomp(kernel.build_filter(os.getpid(), by_path=False))


class Namespaces(Tier):
    """
    A world of its own: no other file but the interpreter's, read only, no other process, no network, no real user; the
    folder is a file system of limited size. Landlock, where there is one, and seccomp come on top.
    """

    shared_files = False

    def __init__(self, scratch: str):
        super().__init__(scratch)
        os.rmdir(scratch)  # nothing will lie there
        self.tasks = 64  # keepers; in a user namespace of our own nobody else is counted
        root_here = os.geteuid() == 0
        new_user_namespace()
        kernel.unshare(kernel.NEWNS | kernel.NEWNET | kernel.NEWIPC | kernel.NEWUTS | kernel.NEWCGROUP)
        sources = {path: os.open(path, os.O_PATH) for path in [*interpreter_paths(), *DEVICES]}
        if root_here:
            become_nobody()
        kernel.mount("", "/", flags=kernel.RECURSIVE | kernel.PRIVATE)
        root = "/tmp"  # any folder: the old / goes away with it
        kernel.mount("tmpfs", root, "tmpfs", kernel.NOSUID | kernel.NODEV, "size=1m,mode=755")
        for path, fd in sources.items():
            bind(fd, root + path, read_only=path not in DEVICES)
        os.mkdir(f"{root}/tmp")
        socket.sethostname("sandbox")
        kernel.pivot_root(root)
        kernel.make_read_only("/", kernel.RDONLY | kernel.NOSUID)
        for fd in sources.values():
            os.close(fd)
        self.root = os.open("/", os.O_PATH)
        self.devices = [os.open(path, os.O_PATH) for path in DEVICES]
        self.landlock = kernel.landlock_version() > 0
        self.layers = "namespaces+landlock+seccomp" if self.landlock else "namespaces+seccomp"

    def before_fork(self) -> None:
        pass

    def folder(self, limits: dict) -> str:
        kernel.unshare(kernel.NEWNS | kernel.NEWPID)  # pids count for children: the program will be number 1
        options = f"size={limits['disk']},nr_inodes={limits['files'] + 1},mode=700"
        kernel.mount("tmpfs", "/tmp", "tmpfs", kernel.NOSUID | kernel.NODEV | kernel.NOEXEC, options)
        return "/tmp"

    def leave(self, folder: str) -> None:
        pass

    def close(self) -> None:
        pass

    def lock(self, folder: int) -> None:
        if self.landlock:
            kernel.landlock([self.root], self.devices, folder)

    def filter(self) -> None:
        kernel.seccomp(kernel.build_filter(os.getpid(), by_path=True))


TIERS = {"namespaces": Namespaces, "landlock": Landlock, "none": Tier}


# ---- once, at the start -----------------------------------------------------------------------------------------


def interpreter_paths() -> list[str]:
    """What Python itself needs to import its library, and nothing else."""
    ours = [f"{sys.base_prefix}/lib", *sys.path]
    found = sorted({os.path.abspath(path) for path in [*SYSTEM, *ours] if os.path.exists(path)})
    return [path for path in found if not any(path.startswith(other + "/") for other in found)]


def new_user_namespace() -> None:
    """
    Enter a user namespace, with all capabilities in it. An ordinary user is nobody there; root has no name yet, so that
    it can still open its own interpreter, and has to become nobody next.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid:
        kernel.unshare(kernel.NEWUSER)
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"{NOBODY} {uid} 1")
        write("/proc/self/gid_map", f"{NOBODY} {gid} 1")
        return
    ready, go = os.pipe()
    mapper = os.fork()  # only a process outside may map a user that is not its own
    if mapper == 0:
        code = 1
        try:
            os.read(ready, 1)
            write(f"/proc/{os.getppid()}/uid_map", f"{NOBODY} {NOBODY} 1")
            write(f"/proc/{os.getppid()}/gid_map", f"{NOBODY} {NOBODY} 1")
            code = 0
        finally:
            os._exit(code)
    try:
        kernel.unshare(kernel.NEWUSER)
    finally:
        os.write(go, b".")
        code = os.waitpid(mapper, 0)[1]
    if code:
        raise OSError("the user namespace cannot be given a user")


def become_nobody() -> None:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def bind(fd: int, target: str, read_only: bool) -> None:
    """Mount what `fd` is open on at target."""
    source = f"/proc/self/fd/{fd}"
    os.makedirs(target if os.path.isdir(source) else os.path.dirname(target), exist_ok=True)
    if not os.path.isdir(source):
        write(target, "")
    kernel.mount(source, target, flags=kernel.BIND | kernel.RECURSIVE)
    if read_only:
        kernel.make_read_only(target)


def borrow_interpreter(scratch: str) -> None:
    """Where only root may enter the folder of its Python, give nobody a copy of the library to import from."""
    stdlib = sysconfig.get_path("stdlib")
    if os.geteuid() or can_nobody_read(f"{stdlib}/os.py"):
        return
    copy = f"{scratch}/lib"
    skip = shutil.ignore_patterns("site-packages", "test", "idlelib", "lib2to3", "ensurepip", "config-*", "*.opt-*")
    shutil.copytree(stdlib, copy, ignore=skip, copy_function=link_or_copy)
    packages = [vars(module).get("__path__") for module in sys.modules.values()]
    for places in [sys.path, *(path for path in packages if isinstance(path, list))]:
        places[:] = [path.replace(stdlib, copy, 1) for path in places]
    sys.path_importer_cache.clear()


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def can_nobody_read(path: str) -> bool:
    reader = os.fork()
    if reader == 0:
        code = 1
        try:
            become_nobody()
            os.close(os.open(path, os.O_RDONLY))
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(reader, 0)[1] == 0


# ---- small things -----------------------------------------------------------------------------------------------


def set_limits(limits: dict, memory: int, tasks: int) -> None:
    """memory: what this process had before its program. tasks: what the user has running besides."""
    for name, most in [
        ("AS", memory + limits["memory"]),
        ("CPU", limits["cpu"]),
        ("FSIZE", limits["disk"]),
        ("NPROC", tasks + limits["threads"]),
        ("NOFILE", 64),
        ("CORE", 1),  # 0 would still start the program that the machine hands its dumps to
        ("MEMLOCK", 0),
        ("MSGQUEUE", 0),
    ]:
        which = getattr(resource, f"RLIMIT_{name}")
        allowed = resource.getrlimit(which)[1]
        most = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(which, (most, most))


def tasks_of(uid: int) -> int:
    """Processes and threads of a user on this machine, which is what RLIMIT_NPROC compares with."""
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            status = read(f"/proc/{name}/status")
            if re.search(rf"^Uid:\t{uid}\t", status, re.MULTILINE):
                total += int(re.search(r"^Threads:\t(\d+)", status, re.MULTILINE).group(1))
    return total


def read(path: str) -> str:
    try:
        with open(path) as f:
            return f.read()
    except OSError:  # the process has ended; or there is no /proc here, and then nobody but us
        return ""


def write(path: str, text: str) -> None:
    with open(path, "w") as f:
        f.write(text)
