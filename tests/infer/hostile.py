# ruff: noqa: E501 (programs as text)
"""
Programs that try to get out of the sandbox, as sources. Each prints what it got hold of, so that a secret in its output
is a breach, or BREACH where success shows no secret; most effects are looked for from outside (test_sandbox_attacks.py).

`told` says where things lie outside: canary (a file), folder (it lies there), link (a symbolic link whose target is a
secret), pid (acorn), victim (a process of the same user, secrets in its arguments, environment and memory), tcp, udp,
abstract, unix (listeners).
"""

PRELUDE = """
import ctypes, json, os, platform, resource, signal, socket, struct, sys, threading, time
told = json.load(sys.stdin)
canary, folder = told["canary"], told["folder"]
libc = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"

def call(x86, arm, *args):
    number = x86 if X86 else arm
    return libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])

def breach(*what):
    print("BREACH", *what, flush=True)

def attempt(act, *args, **kwargs):
    try:
        return act(*args, **kwargs)
    except Exception as e:
        print(type(e).__name__, e)

def show(path):
    with open(path, "rb") as f:
        print(f.read(100000))

def worked(act, *args, **kwargs):
    try:
        act(*args, **kwargs)
    except OSError:
        return
    breach(act, args)
"""

READ = {
    "open": "show(canary)",
    "relative": "show('../' * 30 + canary.lstrip('/'))",
    "own root": "show('/proc/self/root' + canary)",
    "their root": "for pid in (told['pid'], told['victim'], os.getppid(), 1): attempt(show, f'/proc/{pid}/root{canary}')",
    "their folder": "for pid in (told['pid'], os.getppid()): print(attempt(os.listdir, f'/proc/{pid}/cwd'))",
    "symbolic link": "attempt(os.symlink, canary, 'here'); show('here')",
    "hard link": "attempt(os.link, canary, 'here'); show('here')",
    "link by descriptor": """
fd = os.open(canary, os.O_PATH)
print(libc.linkat(fd, b"", -100, b"here", 0x1000), libc.linkat(-100, f"/proc/self/fd/{fd}".encode(), -100, b"here", 0x400))
show("here")
""",
    "path descriptor": """
fd = os.open(canary, os.O_PATH)
attempt(show, f"/proc/self/fd/{fd}")
attempt(show, f"/dev/fd/{fd}")
print(attempt(os.read, fd, 1000), attempt(os.pread, fd, 100, 0))
new = call(257, 56, fd, ctypes.c_char_p(b""), 0x1000)
if new >= 0:
    print(os.read(new, 1000))
""",
    "openat2": """
how = ctypes.create_string_buffer(struct.pack("QQQ", 0, 0, 0))
fd = call(437, 437, -100, ctypes.c_char_p(canary.encode()), ctypes.byref(how), 24)
if fd >= 0:
    print(os.read(fd, 1000))
""",
    "file handle": """
handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
mount = ctypes.c_int()
if call(303, 264, -100, ctypes.c_char_p(canary.encode()), ctypes.byref(handle), ctypes.byref(mount), 0) >= 0:
    breach("handle")
fd = call(304, 265, -100, ctypes.byref(handle), 0)
if fd >= 0:
    print(os.read(fd, 1000))
""",
    "kept descriptors": """
for fd in range(3, 1024):
    try:
        found = os.fstat(fd)
    except OSError:
        continue
    breach("descriptor", fd)
    attempt(os.fchdir, fd)
    attempt(show, "../" * 30 + canary.lstrip("/"))
""",
    "up from its folder": """
fd = os.open(".", os.O_RDONLY)
for _ in range(40):
    up = attempt(os.open, "..", os.O_RDONLY, dir_fd=fd)
    if up is None:
        break
    fd = up
    inner = attempt(os.open, canary.lstrip("/"), os.O_RDONLY, dir_fd=fd)
    if inner is not None:
        print(os.read(inner, 1000))
""",
    "change root": """
os.mkdir("deep")
worked(os.chroot, "deep")
for _ in range(20):
    os.chdir("..")
worked(os.chroot, ".")
show(canary)
""",
    "pivot root": "os.mkdir('p'); print(call(155, 41, ctypes.c_char_p(b'p'), ctypes.c_char_p(b'p'))); show(canary)",
    "list": "print(attempt(os.listdir, folder)); print(list(attempt(os.scandir, folder) or []))",
    "homes": """
for place in ("/home", os.sep + "root", "/var", "/etc/ssh", "/srv", "/mnt", "/opt", "/proc", "/sys", "/boot"):
    for name in attempt(os.listdir, place) or []:
        if not os.__file__.startswith(f"{place}/{name}/"):  # the way to the interpreter may be there
            breach(place, name)
""",
    "accounts": "for path in ('/etc/passwd', '/etc/shadow', '/etc/hostname', '/etc/fstab'): worked(os.open, path, 0)",
    "devices": """
for path in ("/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/mem", "/dev/kmsg", "/dev/kvm", "/dev/fuse", "/dev/tty",
             "/dev/ptmx", "/dev/shm/x", "/dev/loop0", "/dev/net/tun"):
    for flags in (os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_CREAT):
        worked(os.open, path, flags)
""",
    "kernel tables": """
for path in ("/proc/kallsyms", "/proc/kcore", "/proc/self/maps", "/proc/self/mountinfo", "/proc/net/tcp", "/proc/1/stat",
             "/sys/kernel/notes", "/sys/class/net", "/proc/self/status", "/proc/modules", "/proc/cmdline"):
    worked(os.open, path, os.O_RDONLY)
""",
    "watching": """
fd = call(294, 26, 0)
if fd >= 0:
    breach("inotify", libc.inotify_add_watch(fd, folder.encode(), 0xFFF))
if call(300, 262, 0, 0) >= 0:
    breach("fanotify")
worked(lambda: __import__("fcntl").fcntl(os.open(folder, os.O_RDONLY), 1026, 0x7F))
""",
    "attributes": "print(attempt(os.getxattr, canary, 'user.secret'), attempt(os.listxattr, canary))",
    "link target": "print(attempt(os.readlink, told['link'])); print(os.path.realpath(told['link']))",
    "mounting": """
for kind in (b"tmpfs", b"proc", b"ext4", b"overlay", b"sysfs"):
    if libc.mount(b"x", b".", kind, 0, None) >= 0:
        breach(kind)
if libc.mount(folder.encode(), b".", None, 4096, None) >= 0:
    breach("bind")
print(os.listdir("."))
""",
    "new mount calls": """
for x86 in (428, 429, 430, 431, 432, 433, 442, 457, 458, 467):  # open_tree .. mount_setattr, statmount, listmount
    if call(x86, x86, -100, ctypes.c_char_p(folder.encode()), 1, 0, 0, 0) >= 0:
        breach(x86)
""",
    "io_uring": """
parameters = ctypes.create_string_buffer(240)
fd = call(425, 425, 8, ctypes.byref(parameters))
if fd >= 0:
    breach("io_uring")
if call(427, 427, 0, 0, 0, 0) >= 0:
    breach("register")
""",
    "asynchronous reads": "print('BREACH' if call(206, 0, 8, ctypes.byref(ctypes.c_ulong())) >= 0 else '')",
    "root again": """
for act in (os.setuid, os.setgid, os.seteuid, os.setegid):
    worked(act, 0)
worked(os.setgroups, [0])
worked(os.setresuid, 0, 0, 0)
capabilities = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
every = ctypes.create_string_buffer(bytes([255]) * 24)
if call(126, 91, ctypes.byref(capabilities), ctypes.byref(every)) >= 0:
    breach("capset")
if 0 in (*os.getresuid(), *os.getresgid()):
    breach("is root")
show(canary)
""",
    "through the library": """
import linecache, fileinput, mmap, sqlite3, zipfile, tarfile, tokenize, runpy, importlib.machinery
attempt(lambda: print(linecache.getlines(canary)))
attempt(lambda: print(list(fileinput.input(canary))))
attempt(lambda: tokenize.open(canary).read())
attempt(lambda: runpy.run_path(canary))
attempt(lambda: print(importlib.machinery.SourceFileLoader("x", canary).get_data(canary)))
attempt(lambda: print(sqlite3.connect(f"file:{canary}?mode=ro", uri=True).execute("select * from x")))
attempt(lambda: ctypes.CDLL(canary))
""",
    "dates of any clock": """
class Time(ctypes.Structure):
    _fields_ = [("s", ctypes.c_long), ("ns", ctypes.c_long)]
clock = ctypes.c_int()
if libc.clock_getcpuclockid(told["victim"], ctypes.byref(clock)) == 0 and clock.value < 0:
    breach("their clock")
if libc.syscall(228 if X86 else 113, ~told["victim"] << 3 | 2, ctypes.byref(Time())) >= 0:
    breach("their time")
""",
}

SECRETS = {
    "environment": """
print(dict(os.environ))
environ = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ")
print([environ[i] for i in range(20) if environ and environ[i]] if environ and environ[0] else "")
for pid in ("self", os.getppid(), told["pid"], told["victim"], 1):
    attempt(show, f"/proc/{pid}/environ")
if os.environ:
    breach("environment")
""",
    "arguments": "for pid in (told['victim'], told['pid'], os.getppid(), 'self'): attempt(show, f'/proc/{pid}/cmdline')",
    "memory file": """
for pid in (told["victim"], told["pid"], os.getppid(), "self"):
    worked(os.open, f"/proc/{pid}/mem", os.O_RDONLY)
    worked(os.open, f"/proc/{pid}/maps", os.O_RDONLY)
""",
    "reading memory": """
buffer = ctypes.create_string_buffer(1000)
local = struct.pack("QQ", ctypes.addressof(buffer), 1000)
for pid in (told["victim"], told["pid"], os.getppid()):
    if call(310, 270, pid, ctypes.c_char_p(local), 1, ctypes.c_char_p(local), 1, 0) >= 0:
        breach("read", pid)
    if call(311, 271, pid, ctypes.c_char_p(local), 1, ctypes.c_char_p(local), 1, 0) >= 0:
        breach("wrote", pid)
""",
    "tracing": """
for pid in (told["victim"], told["pid"], os.getppid()):
    for request in (16, 0x4206):  # ATTACH, SEIZE
        if libc.ptrace(request, pid, 0, 0) >= 0:
            breach("attached", pid)
if libc.ptrace(0, 0, 0, 0) >= 0:
    breach("traced by the keeper")
""",
    "their descriptors": """
for pid in (told["pid"], told["victim"], os.getppid()):
    pidfd = call(434, 434, pid, 0)
    if pidfd >= 0:
        breach("pidfd", pid)
    for fd in range(64):
        if call(438, 438, pidfd, fd, 0) >= 0:
            breach("took", fd)
        attempt(show, f"/proc/{pid}/fd/{fd}") if fd > 2 else None
""",
    "peer of a socket": """
for fd in range(3, 16):
    value, size = ctypes.create_string_buffer(12), ctypes.c_int(12)
    for option in (17, 77):  # SO_PEERCRED, SO_PEERPIDFD
        if libc.getsockopt(fd, 1, option, value, ctypes.byref(size)) >= 0:
            breach("peer", fd, option)
""",
    "inherited descriptors": "for fd in range(3, 4096): attempt(lambda: (os.lseek(fd, 0, 0), print(os.read(fd, 9999))))",
    "memory of others": """
# what a program before this one had in its source must not be in what we were forked from
import gc
wanted = ("earlier" + "-program-").encode()
for thing in gc.get_objects():
    for value in list(thing.values()) if isinstance(thing, dict) else list(thing) if isinstance(thing, list) else []:
        if isinstance(value, (str, bytes)) and wanted in (value.encode("utf-8", "replace") if isinstance(value, str) else value):
            print(value)
top = ctypes.c_void_p.in_dll(libc, "__curbrk").value if hasattr(libc, "__curbrk") else libc.sbrk(0)
near = id(told)
for base in range(near - (4 << 20) & ~4095, near + (4 << 20), 4096):
    if call(26, 227, base, 4096, 1) == 0:  # msync fails on what is not mapped
        page = ctypes.string_at(base, 4096)
        at = page.find(wanted)
        if at >= 0:
            print(page[at:at + 64])
""",
    "frames of the harness": """
frame = sys._getframe()
while frame:
    for name, value in {**frame.f_globals, **frame.f_locals}.items():
        text = attempt(repr, value) or ""
        if "earlier-" + "program" in text:
            print(text)
        if name in ("control", "wish", "report") and isinstance(value, int) and value > 2:
            attempt(lambda: breach(os.fstat(value)))
    frame = frame.f_back
""",
    "clipboards of the kernel": """
for x86, arm in ((248, 217), (249, 218), (250, 219)):
    if call(x86, arm, 0, -3, 0, 0, 0) >= 0 or call(x86, arm, 0, 0, 0, 0, 0) >= 0:
        breach("keys")
if call(29, 194, 0x1234, 4096, 0o1666) >= 0 or call(68, 186, 0x1234, 0o1666) >= 0 or call(64, 190, 0x1234, 1, 0o1666) >= 0:
    breach("System V")
if libc.mq_open(b"/queue", os.O_CREAT | os.O_RDWR, 0o666, None) >= 0:
    breach("message queue")
if libc.shm_open(b"/memory", os.O_CREAT | os.O_RDWR, 0o666) >= 0:
    breach("shared memory")
""",
    "comparing": "print('BREACH' if call(312, 272, os.getpid(), told['victim'], 0, 0, 0) >= 0 else '')",
    "earlier folder": """
print(os.listdir("."), os.getcwd())
if os.listdir("."):
    breach("somebody's files")
up = attempt(os.listdir, "..") or []
for name in up:
    print(attempt(os.listdir, "../" + name)) if os.getcwd() not in ("/tmp", "/") else None
""",
}

CHANGE = {
    "write": "open(canary, 'w').write('x')",
    "append": "open(canary, 'a').write('x')",
    "truncate": "attempt(os.truncate, canary, 0); os.open(canary, os.O_RDONLY | os.O_TRUNC)",
    "unlink": "attempt(os.unlink, canary); attempt(os.rmdir, folder); __import__('shutil').rmtree(folder)",
    "rename": "os.mkdir('n'); attempt(os.rename, 'n', folder + '/n'); attempt(os.rename, canary, 'mine'); os.rename(canary, canary + 'x')",
    "exchange": "open('a', 'w'); print(libc.renameat2(-100, b'a', -100, canary.encode(), 2))",
    "new file": "attempt(open, folder + '/new', 'w'); attempt(os.mkdir, folder + '/d'); os.open(folder, os.O_TMPFILE | os.O_RDWR)",
    "mode": "attempt(os.chmod, canary, 0o777); attempt(os.chmod, folder, 0o777); libc.syscall(452, -100, canary.encode(), 0o777, 0)",
    "mode by descriptor": "fd = os.open(canary, os.O_PATH); attempt(os.fchmod, fd, 0o777); attempt(os.chmod, f'/proc/self/fd/{fd}', 0o777)",
    "times": "attempt(os.utime, canary, (1, 1)); attempt(os.utime, folder, (1, 1))",
    "owner": "attempt(os.chown, canary, 1, 1); os.lchown(canary, 1, 1)",
    "attribute": "attempt(os.setxattr, canary, 'user.x', b'x'); os.removexattr(canary, 'user.secret')",
    "its own interpreter": """
for path in (os.__file__, os.path.dirname(os.__file__) + "/new.py", os.path.dirname(os.__file__) + "/__pycache__/os.x.pyc"):
    worked(os.open, path, os.O_WRONLY | os.O_CREAT)
    if path == os.__file__:
        before = os.stat(path)
        attempt(os.chmod, path, 0o4777)
        attempt(os.utime, path, (1, 1))
        after = os.stat(path)
        if (before.st_mode, before.st_mtime) != (after.st_mode, after.st_mtime):
            breach("changed the library")
worked(os.open, sys.executable, os.O_WRONLY)
""",
    "special files": """
worked(os.mknod, "disk", 0o60666, os.makedev(254, 0))
worked(os.mknod, "null", 0o20666, os.makedev(1, 3))
worked(os.mknod, folder + "/fifo", 0o10666)
""",
    "remount": "print('BREACH' if libc.mount(None, b'/', None, 32 | 4096, None) >= 0 else ''); open('/new', 'w')",
    "kernel settings": """
for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/fs/cgroup/cgroup.procs", "/proc/self/oom_score_adj",
             f"/proc/{told['victim']}/oom_score_adj", "/proc/self/uid_map", "/proc/self/loginuid"):
    worked(os.open, path, os.O_WRONLY)
worked(socket.sethostname, "mine")
""",
    "links for the cleaner": """
attempt(os.symlink, folder, "outside")
for i in range(5):
    os.mkdir(f"d{i}")
    attempt(os.symlink, folder, f"d{i}/outside")
    attempt(os.symlink, canary, f"d{i}/file")
""",
    "swap under the cleaner": """
def swap():
    while True:
        attempt(os.mkdir, "x"); attempt(os.rename, "x", "y"); attempt(os.symlink, folder, "x"); attempt(os.unlink, "x"); attempt(os.rmdir, "y")
sys.stdout = open(os.devnull, "w")
threading.Thread(target=swap, daemon=True).start()
time.sleep(0.05)
""",
    "hooks for later": """
for name in ("sitecustomize.py", "usercustomize.py", "os.py", "json.py", "python3"):
    open(name, "w").write("print('BREACH', flush=True)")
for path in (*sys.path, "/usr/lib/python3/dist-packages", "/usr/local/lib", "/lib", "/tmp/../.."):
    if path:
        worked(os.open, path + "/sitecustomize.py", os.O_WRONLY | os.O_CREAT)
""",
}

PROCESSES = {
    "signal": "for s in (0, 15, 9, 19): worked(os.kill, told['victim'], s); worked(os.kill, told['pid'], 0)",
    "signal all": "for target in (-1, 0, -told['victim'], -told['pid'], os.getppid()): attempt(os.kill, target, 15)",
    "signal a thread": """
for x86, arm, args in ((234, 131, (told["victim"], told["victim"], 9)), (200, 130, (told["victim"], 9)),
                       (129, 138, (told["victim"], 9, 0)), (297, 240, (told["victim"], told["victim"], 9, 0)),
                       (424, 424, (3, 9, 0, 0))):
    if call(x86, arm, *args) >= 0:
        breach(x86)
""",
    "signal through a pipe": """
import fcntl
r, w = os.pipe()
a, b = socket.socketpair()
for fd in (r, a.fileno(), 0):
    worked(fcntl.fcntl, fd, 8, told["victim"])  # F_SETOWN
    worked(fcntl.fcntl, fd, 10, 9)  # F_SETSIG
    attempt(fcntl.fcntl, fd, fcntl.F_SETFL, os.O_ASYNC)
os.write(w, b"x")
b.send(b"x")
worked(fcntl.ioctl, a.fileno(), 0x8902, struct.pack("i", told["victim"]))  # FIOSETOWN
""",
    "priority": """
worked(os.setpriority, os.PRIO_PROCESS, told["victim"], 19)
worked(os.setpriority, os.PRIO_PROCESS, 0, -10)
worked(os.sched_setaffinity, told["victim"], {0})
worked(os.sched_getaffinity, told["victim"])
worked(resource.prlimit, told["victim"], resource.RLIMIT_NOFILE)
if call(251, 30, 1, told["victim"], 0) >= 0:
    breach("ioprio")
""",
    "fork": "worked(os.fork); worked(os.forkpty); print('BREACH' if libc.vfork() > 0 else '')",
    "clone": """
for flags in (17, 0x11 | 0x100, 0x10000000 | 17, 0x20000 | 17, 0x7E020000 | 17, 0x4111, 0x8000 | 17, 0x10900 | 0x10000000):
    pid = call(56, 220, flags, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    if pid > 0:
        breach("clone", hex(flags))
""",
    "clone3": """
for flags in (0, 0x10000000, 0x200000000, 0x7E020000):
    arguments = ctypes.create_string_buffer(struct.pack("11Q", flags, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0))
    for size in (64, 88, 4096):
        pid = call(435, 435, ctypes.byref(arguments), size)
        if pid == 0:
            os._exit(0)
        if pid > 0:
            breach("clone3")
""",
    "clone without sharing": """
# a thread with descriptors of its own: it would have its own limit of them, and nobody would count what it holds
stack = ctypes.create_string_buffer(65536)
top = ctypes.c_void_p(ctypes.addressof(stack) + 65000 & ~15)
for flags in (0x10900, 0x10B00, 0x10D00):
    if libc.clone(libc.pause, top, flags, None) > 0:
        breach("thread", hex(flags))
for flags in (2, 6, 1 << 31):
    if libc.close_range(50, 60, flags) >= 0:
        breach("close_range", flags)
""",
    "subprocess": """
import subprocess
for command in (["/bin/sh", "-c", "echo BREACH"], [sys.executable, "-c", "print('BREACH')"]):
    attempt(lambda: print(subprocess.run(command, capture_output=True)))
attempt(os.posix_spawn, "/bin/sh", ["sh", "-c", "echo BREACH"], {})
print(libc.system(b"echo BREACH"))
""",
    "exec": "os.execv('/bin/echo', ['echo', 'BREACH'])",
    "exec what it wrote": """
open("run", "w").write("#!/bin/sh\\necho BREACH")
os.chmod("run", 0o755)
attempt(os.execv, "./run", ["run"])
fd = os.open("run", os.O_RDONLY)
attempt(os.execve, fd, ["run"], {})
call(322, 281, fd, ctypes.c_char_p(b""), 0, 0, 0x1000)
for loader in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"):
    attempt(os.execv, loader, [loader, "/bin/echo", "BREACH"])
""",
    "exec from memory": """
fd = libc.memfd_create(b"x", 0)
if fd >= 0:
    breach("memfd")
if call(447, 447, 0) >= 0:
    breach("secret memory")
""",
    "setuid programs": """
for path in ("/bin/su", "/usr/bin/sudo", "/usr/bin/passwd", "/usr/bin/mount", "/usr/bin/newgrp", "/usr/lib/openssh/ssh-keysign"):
    attempt(os.execv, path, [path])
""",
    "multiprocessing": """
import multiprocessing
for how in ("fork", "spawn", "forkserver"):
    context = multiprocessing.get_context(how)
    attempt(lambda: (context.Process(target=breach).start(), time.sleep(0.05)))
""",
    "survivor": """
import atexit
def later():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(60)
for act in (later, lambda: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()):
    attempt(act)
atexit.register(lambda: attempt(later))
""",
    "thread that stays": """
def stay():
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
threading.Thread(target=stay).start()
""",
    "namespaces": """
for flag in (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x8000000, 0x80, 0x400, 0x200):
    if libc.unshare(flag) >= 0:
        breach("unshare", hex(flag))
for pid in (told["pid"], 1, os.getppid()):
    for kind in ("mnt", "net", "user", "pid"):
        worked(os.open, f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
if libc.setns(0, 0) >= 0:
    breach("setns")
""",
    "its own jail": """
for option, value in ((1, 0), (4, 1), (8, 1), (22, 1), (23, 0), (24, 0), (28, 0), (36, 1), (38, 0), (47, 2), (53, 0), (35, 1), (59, 0)):
    if libc.prctl(option, value, 1, 0, 0) >= 0:
        breach("prctl", option)
if call(317, 277, 1, 0, 0) >= 0 or call(446, 446, 3, 0) >= 0 or call(444, 444, 0, 0, 1) >= 0:
    breach("filters")
if call(135, 92, 0x0400000) >= 0:
    breach("personality")
""",
    "limits": """
for name in ("AS", "CPU", "FSIZE", "NPROC", "NOFILE", "CORE"):
    which = getattr(resource, "RLIMIT_" + name)
    soft, hard = resource.getrlimit(which)
    if hard == resource.RLIM_INFINITY:
        breach("no limit", name)
    try:
        resource.setrlimit(which, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        breach("raised", name)
    except (OSError, ValueError):
        pass
""",
    "other calling conventions": """
if X86:
    import mmap
    call(0x40000000 + 39, 0)
    breach("x32 was not stopped")
else:
    os._exit(1)
""",
    "32-bit calls": """
if X86:
    import mmap
    code = mmap.mmap(-1, 4096, prot=7)
    code.write(bytes.fromhex("53b814000000cd805bc3"))  # push rbx; mov eax, 20; int 0x80; pop rbx; ret
    run = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    if run() > 0:
        breach("getpid in 32 bits")
""",
    "kernel interfaces": """
for x86, arm in ((298, 241), (321, 280), (323, 282), (246, 104), (175, 105), (313, 273), (169, 142), (103, 116), (170, 161),
                 (153, 58), (154, 0), (164, 170), (227, 112), (159, 171), (167, 224), (179, 60), (443, 443), (440, 440), (448, 448),
                 (279, 239), (256, 238), (237, 235), (216, 234), (310, 270), (212, 18), (206, 0), (437, 437), (450, 450)):
    if X86 or arm:
        result = call(x86, arm, 0, 0, 0, 0, 0, 0)
        if result >= 0 or ctypes.get_errno() == 14:  # EFAULT: it went as far as reading our pointers
            breach(x86, arm, result, ctypes.get_errno())
""",
    "terminal": """
import fcntl, termios
for fd in (0, 1, 2):
    worked(fcntl.ioctl, fd, termios.TIOCSTI, b"x")
    worked(fcntl.ioctl, fd, 0x541C, b"x" * 8)  # TIOCLINUX
    worked(fcntl.ioctl, fd, termios.TIOCSCTTY, 0)
r, w = os.pipe()
for request in (0xFFFFFFFF00005412, 0x5412 | 1 << 40, 0x40049409, 0xC0109428, 0xB701, 0x6601):
    if call(16, 29, r, request, 0) >= 0:
        breach(hex(request))
""",
}

NETWORK = {
    "loopback": "socket.create_connection(('127.0.0.1', told['tcp']), timeout=1).send(b'x')",
    "loopback in IPv6": "socket.create_connection(('::1', told['tcp']), timeout=1)",
    "all families": """
for family in range(46):
    for kind in (1, 2, 3, 5, 10):
        for protocol in (0, 1, 6, 17, 255):
            if libc.socket(family, kind, protocol) >= 0:
                breach(family, kind, protocol)
""",
    "datagram": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', told['udp']))",
    "names": "print(attempt(socket.getaddrinfo, 'localhost', 80)); socket.create_connection(('localhost', told['tcp']))",
    "abstract socket": """
address = chr(0) + told["abstract"]
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
    attempt(lambda: socket.socket(socket.AF_UNIX, kind).connect(address))
""",
    "path socket": "socket.socket(socket.AF_UNIX).connect(told['unix'])",
    "pair as a door": """
address = chr(0) + told["abstract"]
for kind in (1, 2, 3, 5, 2 | 0x80000, 0x802, 1 | 0x1000):
    for family in (1, 2, 10, 16, 40):
        pair = (ctypes.c_int * 2)()
        if libc.socketpair(family, kind, 0, pair) < 0:
            continue
        if (family, kind & 0xF) != (1, 1):
            breach("pair", family, kind)
        end = socket.socket(fileno=pair[0])
        for act in (lambda: end.sendto(b"x", address), lambda: end.connect(address), lambda: end.bind(chr(0) + "mine"),
                    lambda: end.listen(), lambda: end.sendmsg([b"x"], [], 0, address), lambda: end.accept(),
                    lambda: end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 26)):
            worked(act)
""",
    "out of band": """
a, b = socket.socketpair()
for flags in (1, 0x4000000, 0x20000000, 0x8000, 0x20):
    worked(a.send, b"x", flags)
for flags in (1, 0x20, 0x2000, 0x40000000):
    worked(b.recv, 1, flags | socket.MSG_DONTWAIT)
a.send(b"fine", socket.MSG_DONTWAIT)
print(b.recv(9, socket.MSG_PEEK), b.recv(9))
""",
    "passing descriptors": """
a, b = socket.socketpair()
worked(socket.send_fds, a, [b"x"], [0, 1, 2])
for fd in range(3, 8):
    attempt(lambda: socket.send_fds(socket.socket(fileno=fd), [b"x"], [0]))
""",
    "listening": "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); breach('listens')",
}

# name -> (source, how it must end: a word of Result.why; '' for any end)
RESOURCES = {
    "fork bomb": ("for _ in range(500):\n    try:\n        if os.fork(): breach('fork')\n    except OSError: pass", ""),
    "thread bomb": (
        """
started = 0
threading.stack_size(32768)
try:
    while started < 5000:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        started += 1
except RuntimeError:
    pass
print(started)
if started > 400:
    breach(started)
""",
        "",
    ),
    "raw thread bomb": (
        """
size, count = 4096, 0
stacks = ctypes.create_string_buffer(3000 * size)
while count < 3000:
    top = ctypes.addressof(stacks) + (count + 1) * size & ~15
    if libc.clone(libc.pause, ctypes.c_void_p(top), 0x50F00, None) < 0:
        break
    count += 1
print(count)
if count > 400:
    breach(count)
""",
        "",
    ),
    "memory": ("x = []\nwhile True:\n    x.append(bytearray(1 << 20))\n    if len(x) > 300: breach(len(x)); break", ""),
    "memory at once": ("x = bytearray(1 << 30); breach('1 GiB')", "exit status"),
    "memory by mmap": (
        """
import mmap
kept = []
while len(kept) < 600:
    kept.append(mmap.mmap(-1, 1 << 20))
    kept[-1][::4096] = b"x" * 256
breach(len(kept))
""",
        "exit status",
    ),
    "memory in files": (
        """
for path in ("/dev/shm/x", "/run/x", "/tmp/x", "x"):
    try:
        with open(path, "wb") as f:
            for i in range(100):
                f.write(bytes(1 << 20)); f.flush()
            breach(path)
    except OSError:
        pass
""",
        "",
    ),
    "memory in pipes": (
        """
import fcntl
total = 0
try:
    while True:
        r, w = os.pipe()
        worked(fcntl.fcntl, w, 1031, 1 << 20)
        os.set_blocking(w, False)
        try:
            while True:
                total += os.write(w, bytes(65536))
        except BlockingIOError:
            pass
except OSError:
    pass
if total > 32 << 20:
    breach(total)
""",
        "",
    ),
    "list that doubles": ("x = [0]\nwhile True: x += x", "exit status"),
    "string times": ("x = 'a' * (10 ** 10)", "exit status"),
    "disk": (
        """
total = 0
try:
    for i in range(400):
        with open(f"f{i}", "wb") as f:
            f.write(bytes(1 << 20))
        total += 1
        time.sleep(0.002)
    breach(total)
except OSError as e:
    print(total, e)
if total > 100:
    breach(total)
""",
        "",
    ),
    "disk in one file": (
        """
with open("f", "wb") as f:
    for i in range(64):
        f.write(bytes(1 << 20)); f.flush()
breach()
""",
        "",
    ),
    "disk, deleted": (
        """
kept = []
for i in range(50):
    kept.append(open(f"f{i}", "wb")); os.unlink(f"f{i}")
    for _ in range(8):
        kept[-1].write(bytes(1 << 20)); kept[-1].flush()
        time.sleep(0.002)
breach()
""",
        "",
    ),
    "disk, mapped": (
        """
# deleted, closed, and kept by a page that is mapped; under a name that looks like memory
import mmap
os.makedirs("x /dev")
kept = []
for i in range(40):
    fd = os.open("x /dev/zero", os.O_CREAT | os.O_RDWR)
    os.ftruncate(fd, 4096)
    kept.append(mmap.mmap(fd, 4096))
    os.write(fd, bytes(2 << 20))
    os.close(fd)
    os.unlink("x /dev/zero")
    time.sleep(0.02)
breach()
""",
        "",
    ),
    "disk, beyond the end": (
        """
fd = os.open("f", os.O_CREAT | os.O_RDWR)
for mode in (1, 0, 16, 64):
    if libc.fallocate(fd, mode, ctypes.c_long(0), ctypes.c_long(1 << 30)) >= 0:
        breach(mode)
""",
        "",
    ),
    "disk, reserved": (
        """
for i in range(50):
    fd = os.open(f"f{i}", os.O_CREAT | os.O_RDWR)
    os.posix_fallocate(fd, 0, 8 << 20)
    time.sleep(0.005)
breach()
""",
        "",
    ),
    "many files": ("for i in range(200000): open(f'f{i}', 'w').close()\nbreach()", ""),
    "many folders": ("for i in range(3000):\n    os.mkdir('d'); os.chdir('d')", ""),
    "forbidden folders": (
        """
for i in range(20):
    os.mkdir(f"d{i}", 0o700); os.mkdir(f"d{i}/e"); open(f"d{i}/e/f", "w").close()
    os.chmod(f"d{i}/e", 0); os.chmod(f"d{i}", 0o300)
os.umask(0o777)
os.mkdir("m")
""",
        "",
    ),
    "files nobody can see": (
        """
os.umask(0o477)
os.mkdir("m")
for i in range(50):
    fd = os.open(f"m/f{i}", os.O_CREAT | os.O_RDWR)
    os.posix_fallocate(fd, 0, 8 << 20)
    os.close(fd)
    time.sleep(0.005)
breach()
""",
        "",
    ),
    "endless loop": ("while True: pass", "longer"),
    "endless loop in C": ("import itertools; sum(itertools.repeat(1))", "longer"),
    "sleep": ("time.sleep(1000)", "longer"),
    "regular expression": ("import re; re.match(r'(a+)+$', 'a' * 64 + 'b')", "longer"),
    "huge power": ("9 ** 9 ** 9", "longer"),
    "deaf": (
        """
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True:
    try:
        time.sleep(1000)
    except BaseException:
        pass
""",
        "longer",
    ),
    "stops itself": ("os.kill(os.getpid(), signal.SIGSTOP); time.sleep(1000)", "longer"),
    "waits for input": ("sys.stdin.read(); a, b = os.pipe(); os.read(a, 1)", "longer"),
    "closes all and stays": ("os.closerange(0, 4096); time.sleep(1000)", "longer"),
    "locks": ("r, w = os.pipe(); import select; select.select([r], [], [])", "longer"),
    "end that never comes": ("import atexit; atexit.register(time.sleep, 1000)", "longer"),
    "output": ("while True: print('x' * 1000)", "wrote more"),
    "output on stderr": ("while True: os.write(2, b'x' * 4096)", "wrote more"),
}

# These may end as they like; what counts is that the harness gets through, and the next program too.
HARNESS = {
    "bytes that are no text": "os.write(1, bytes(range(256)) * 10); os.write(2, b'\\xff\\xfe\\x00\\xed\\xa0\\x80')",
    "half characters": "sys.stdout.buffer.write('\\N{SNOWMAN}'.encode()[:2])",
    "surrogates": "print('\\ud800\\udfff')",
    "terminal codes": "print('\\x1b[2J\\x1b]0;mine\\x07\\x00\\r\\x08')",
    "exit 0": "os._exit(0)",
    "exit 255": "os._exit(-1)",
    "exit with text": "sys.exit('\\ud800' * 100)",
    "exit with a monster": "class M:\n    def __str__(self): raise SystemExit(self)\n    __repr__ = __str__\nsys.exit(M())",
    "abort": "os.abort()",
    "null pointer": "ctypes.string_at(0)",
    "stack": "sys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
    "deep repr": "x = []\nfor _ in range(200000): x = [x]\nsys.setrecursionlimit(10**9)\nrepr(x)",
    "recursive repr": "class R:\n    def __repr__(self): return repr(self)\nprint(R())",
    "huge exception": "raise ValueError('x' * (1 << 26))",
    "exception of exceptions": """
def f(n):
    try:
        if n: f(n - 1)
        else: 1 / 0
    except Exception as e:
        raise ValueError(n) from e
sys.setrecursionlimit(20000)
f(900)
""",
    "group of exceptions": "raise ExceptionGroup('g', [ExceptionGroup('h', [ValueError(i) for i in range(100)]) for _ in range(100)])",
    "hostile exception": """
class E(Exception):
    def __str__(self): raise E()
    def __repr__(self): raise E()
    @property
    def __traceback__(self): raise E()
    @property
    def __cause__(self): os._exit(3)
raise E()
""",
    "digits": "sys.set_int_max_str_digits(0); print(len(str(10 ** 20000)))",
    "source that is not Python": "def (",
    "broken output": "class F:\n    def write(self, x): raise ValueError\n    flush = write\nsys.stdout = sys.stderr = F()\n1 / 0",
    "no output": "sys.stdout = sys.stderr = None; print(1)",
    "closed output": "os.close(1); os.close(2); sys.stdout.write('x'); 1 / 0",
    "forged reports": """
import itertools
answers = [json.dumps(m).encode() for m in ({"status": 0, "why": "", "seconds": 0, "stdout": "BREACH", "stderr": "",
           "report": "", "confined": "ok"}, [True, ""], ["loaded"], ["value", 1, True])]
for fd, body in itertools.product(range(3, 300), answers):
    try:
        os.write(fd, struct.pack("<I", len(body)) + body)
    except OSError:
        pass
""",
    "patched builtins": """
import builtins, json, os as o
builtins.exec = builtins.compile = builtins.print = builtins.isinstance = builtins.len = None
o._exit = o.write = json.dumps = None
sys.modules.clear()
""",
    "patched exit": "import atexit; atexit._run_exitfuncs = lambda: 1 / 0; threading._shutdown = lambda: os.kill(os.getpid(), 11)",
    "finalizer": "class D:\n    def __del__(self): print('late'); raise ValueError\nsys.modules['keep'] = D()",
    "hooks": "sys.excepthook = lambda *a: 1 / 0; sys.unraisablehook = sys.excepthook; sys.settrace(lambda *a: 1 / 0)\nimport abc; 1 / 0",
    "alarm": "signal.setitimer(signal.ITIMER_REAL, 0.01); time.sleep(0.2)",
    "no main": "del sys.modules['__main__']; raise SystemExit(0)",
    "gone folder": "os.mkdir('d'); os.chdir('d'); os.rmdir('../d'); open('x', 'w')",
    "strange names": """
for name in (b"\\xff\\xfe", b"a\\nb", b" ", b"-rf", b"\\x1b[2J", b"x" * 255):
    open(name, "w").close(); os.mkdir(name + b"d" if len(name) < 200 else b"e")
""",
    "deep names": """
for i in range(120):
    os.mkdir("n" * 250); os.chdir("n" * 250)
""",
    "hard links": "open('a', 'w').close()\nfor i in range(100): os.link('a', f'l{i}')",
}
