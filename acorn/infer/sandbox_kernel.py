"""
What the sandbox asks of the Linux kernel, through ctypes: Landlock, seccomp, namespaces, capabilities. Standard library
only; nothing here decides anything, see sandbox_tiers.py for the order in which it is used.

System calls are an allow-list. What is not on it fails with EPERM, what glibc can do without fails with ENOSYS. Numbers
are given for x86_64 and aarch64; on other machines there is no sandbox.
"""

import ctypes
import errno
import os
import platform
import stat
import struct
from collections.abc import Iterable
from functools import cache


@cache
def libc():
    return ctypes.CDLL(None, use_errno=True)


# x86_64 and aarch64 numbers, "-" where that machine has none
NUMBERS = """
    read 0 63  write 1 64  open 2 -  openat 257 56  close 3 57  stat 4 -  fstat 5 80  lstat 6 -  newfstatat 262 79
    statx 332 291  statfs 137 43  fstatfs 138 44  poll 7 -  ppoll 271 73  lseek 8 62  mmap 9 222  mprotect 10 226
    munmap 11 215  mremap 25 216  madvise 28 233  brk 12 214  rt_sigaction 13 134  rt_sigprocmask 14 135
    rt_sigreturn 15 139  rt_sigsuspend 130 133  rt_sigpending 127 136  rt_sigtimedwait 128 137  sigaltstack 131 132
    pread64 17 67  pwrite64 18 68  readv 19 65  writev 20 66  preadv 295 69  pwritev 296 70  access 21 -
    faccessat 269 48  faccessat2 439 439  pipe 22 -  pipe2 293 59  select 23 -  pselect6 270 72  sched_yield 24 124
    msync 26 227  dup 32 23  dup2 33 -  dup3 292 24  pause 34 -  nanosleep 35 101  getitimer 36 102  setitimer 38 103
    alarm 37 -  getpid 39 172  gettid 186 178  getppid 110 173  getuid 102 174  geteuid 107 175  getgid 104 176
    getegid 108 177  getgroups 115 158  getresuid 118 148  getresgid 120 150  getpgrp 111 -
    shutdown 48 210  getsockname 51 204  getpeername 52 205  exit 60 93  exit_group 231 94  wait4 61 260
    waitid 247 95  uname 63 160  flock 73 32  fsync 74 82  fdatasync 75 83  ftruncate 77 46  getdents64 217 61
    getcwd 79 17  chdir 80 49  fchdir 81 50  rename 82 -  renameat 264 38  renameat2 316 276  mkdir 83 -
    mkdirat 258 34  rmdir 84 -  creat 85 -  link 86 -  linkat 265 37  unlink 87 -  unlinkat 263 35  umask 95 166
    gettimeofday 96 169  time 201 -  getrlimit 97 163  setrlimit 160 164  getrusage 98 165  times 100 153
    sysinfo 99 179  futex 202 98  epoll_create 213 -  epoll_create1 291 20  epoll_wait 232 -  epoll_pwait 281 22
    epoll_ctl 233 21  eventfd2 290 19  set_robust_list 273 99  restart_syscall 219 128  fadvise64 221 223
    getrandom 318 278  membarrier 324 283  rseq 334 293  copy_file_range 326 285  sendfile 40 71
    getcpu 309 168
"""
# By path, on what may be outside: Landlock does not watch these, so only namespaces allow them.
BY_PATH = """
    symlink 88 -  symlinkat 266 36  readlink 89 -  readlinkat 267 78  truncate 76 45
    chmod 90 -  fchmod 91 52  fchmodat 268 53  utime 132 -  utimes 235 -  utimensat 280 88  futimesat 261 -
"""
# Where they are not allowed: setting permissions and times does nothing (shutil.copy wants to), and nothing is a link.
IGNORED = "chmod fchmod fchmodat utime utimes utimensat futimesat".split()
NEVER_A_LINK = "readlink readlinkat".split()
ABSENT = "clone3 435 435  openat2 437 437  fchmodat2 452 452"  # glibc falls back to the older call, which we can judge
# What a caller must be able to do without: attributes, and blocks beyond the end of a file, which no limit counts.
UNSUPPORTED = """
    getxattr 191 8  lgetxattr 192 9  fgetxattr 193 10  listxattr 194 11  llistxattr 195 12  flistxattr 196 13
    setxattr 188 5  lsetxattr 189 6  fsetxattr 190 7  removexattr 197 14  lremovexattr 198 15  fremovexattr 199 16
    fallocate 285 47
"""
CHECKED = """
    kill 62 129  tkill 200 130  tgkill 234 131  ioctl 16 29  prctl 157 167  clone 56 220  fcntl 72 25
    prlimit64 302 261  socketpair 53 199  sendto 44 206  getsockopt 55 209  sched_getaffinity 204 123
    clock_gettime 228 113  clock_getres 229 114  clock_nanosleep 230 115  close_range 436 436
    recvfrom 45 207
"""
OURS = """
    capset 126 91  mount_setattr 442 442  pivot_root 155 41  seccomp 317 277
    landlock_create_ruleset 444 444  landlock_add_rule 445 445  landlock_restrict_self 446 446
"""
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32 = 0x40000000  # x86_64 numbers from here on are another calling convention


def machine() -> str:
    """'x86_64', 'aarch64', or '' where this sandbox does not know the system calls."""
    known = platform.system() == "Linux" and platform.machine() in AUDIT_ARCH and struct.calcsize("P") == 8
    return platform.machine() if known else ""


def numbers(table: str) -> dict[str, int]:
    """{'read': 0, ...} of one of the tables above, for this machine."""
    words = table.split()
    column = 1 if machine() == "x86_64" else 2
    return {words[i]: int(words[i + column]) for i in range(0, len(words), 3) if words[i + column] != "-"}


def check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def syscall(name: str, *args) -> int:
    """One of OURS. Numbers go as 64 bits, so that a pointer is not cut."""
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    return check(libc().syscall(ctypes.c_long(numbers(OURS)[name]), *wide), name)


def prctl(option: int, *args: int) -> int:
    padded = [*args, 0, 0, 0, 0][:4]
    return check(libc().prctl(option, *[ctypes.c_ulong(a) for a in padded]), f"prctl {option}")


# ---- seccomp ----------------------------------------------------------------------------------------------------

ALLOW, DENY, KILL = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, AND, EQUAL, AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06

# VM, FS, FILES, SIGHAND, THREAD: a thread that shares all with its process. One with a descriptor table of its own
# would have its own limit of open files, and could hide deleted ones from whoever counts the disk.
CLONE_THREAD_BITS = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000
CLONE_FOREIGN_BITS = 0x2000 | 0x4000 | 0x20000 | 0x2000000 | 0x7C000000 | 0x80  # ptrace, vfork, NEW*
FCNTL = [0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030]  # dup, flags, locks; no owner, signal, lease, notify, pipe size
IOCTL = [0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451]  # TCGETS TIOCGWINSZ FIONREAD FIONBIO FIONCLEX FIOCLEX
PRCTL = [15, 16]  # PR_SET_NAME, PR_GET_NAME


def instruction(code: int, k: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("HBBI", code, yes, no, k)


def answer(number: int, action: int) -> bytes:
    """if nr == number: return action"""
    return instruction(EQUAL, number, 0, 1) + instruction(RETURN, action)


def only_if(number: int, tests: Iterable[tuple[int, int, list[int]]]) -> bytes:
    """if nr == number: allow if (word & mask) is in values for every (word, mask, values), else EPERM."""
    body = b""
    for word, mask, values in tests:
        body += instruction(LOAD, word) + instruction(AND, mask)
        for i, value in enumerate(values):
            body += instruction(EQUAL, value, len(values) - i, 0)
        body += instruction(RETURN, DENY | errno.EPERM)
    body += instruction(RETURN, ALLOW)
    return instruction(EQUAL, number, 0, len(body) // 8) + body


def low(i: int) -> int:
    """Where the low half of argument i lies in struct seccomp_data. The kernel reads only this half of an int."""
    return 16 + 8 * i


def build_filter(pid: int, by_path: bool) -> bytes:
    """The program for a process with this pid. by_path: calls that name files nobody guards but a mount namespace."""
    every = 0xFFFFFFFF
    program = instruction(LOAD, 4) + instruction(EQUAL, AUDIT_ARCH[machine()], 1, 0) + instruction(RETURN, KILL)
    program += instruction(LOAD, 0)
    if machine() == "x86_64":
        program += instruction(AT_LEAST, X32, 0, 1) + instruction(RETURN, KILL)
    allowed, paths = numbers(NUMBERS), numbers(BY_PATH)
    for number in [*allowed.values(), *(paths.values() if by_path else ())]:
        program += answer(number, ALLOW)
    checked = numbers(CHECKED)
    own_clocks = [(low(0), every & ~15, [0])]  # negative ones are the processor time of any process
    tests = {
        "kill": [(low(0), every, [pid])],
        "tkill": [(low(0), every, [pid])],
        "tgkill": [(low(0), every, [pid])],
        "ioctl": [(low(1), every, IOCTL)],
        "prctl": [(low(0), every, PRCTL)],
        "clone": [(low(0), CLONE_THREAD_BITS | CLONE_FOREIGN_BITS, [CLONE_THREAD_BITS])],
        "fcntl": [(low(1), every, FCNTL)],
        "prlimit64": [(low(0), every, [0])],
        # AF_UNIX, SOCK_STREAM with or without CLOEXEC and NONBLOCK: asyncio wakes itself through one; a stream takes
        # no address, so it cannot be pointed anywhere else
        "socketpair": [(low(0), every, [1]), (low(1), every & ~0o2004000, [1]), (low(2), every, [0])],
        # no address, and no out-of-band bytes, whose handling has broken out of other sandboxes
        "sendto": [(low(3), every & ~0x4040, [0]), (low(4), every, [0]), (low(4) + 4, every, [0])],
        "recvfrom": [(low(3), every & ~0x4142, [0])],
        "getsockopt": [
            (low(1), every, [1]),
            (low(2), every, [3, 4, 38, 39]),
        ],  # SOL_SOCKET; what kind, and errors
        "sched_getaffinity": [(low(0), every, [0])],
        "close_range": [(low(2), every, [0, 4])],  # not CLOSE_RANGE_UNSHARE
        "clock_gettime": own_clocks,
        "clock_getres": own_clocks,
        "clock_nanosleep": own_clocks,
    }
    for name, number in checked.items():
        program += only_if(number, tests[name])
    for number in numbers(ABSENT).values():
        program += answer(number, DENY | errno.ENOSYS)
    for number in numbers(UNSUPPORTED).values():
        program += answer(number, DENY | errno.ENOTSUP)
    if not by_path:
        for name, number in paths.items():
            code = 0 if name in IGNORED else errno.EINVAL if name in NEVER_A_LINK else errno.EPERM
            program += answer(number, DENY | code)
    return program + instruction(RETURN, DENY | errno.EPERM)


def seccomp(program: bytes) -> None:
    """From here on this process can only do what the program allows. no_new_privs must be set before."""
    code = ctypes.create_string_buffer(program, len(program))
    whole = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code)), 16)
    prctl(22, 2, ctypes.addressof(whole))  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


# ---- Landlock ---------------------------------------------------------------------------------------------------

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
MAKE_SOCK, MAKE_CHAR, MAKE_BLOCK, IOCTL_DEV = 1 << 9, 1 << 6, 1 << 11, 1 << 15
RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}  # by version


def landlock_version() -> int:
    """0 where the kernel has none."""
    try:
        return syscall("landlock_create_ruleset", 0, 0, 1)
    except OSError:
        return 0


def landlock(readable: Iterable[int], devices: Iterable[int], writable: int) -> None:
    """
    From here on: what is open in `readable` can be read (folders with all below), `devices` read and written; under
    `writable` all can be made but devices, sockets and programs. No TCP; no signal, no abstract socket to the outside.
    """
    version = landlock_version()
    rights = RIGHTS[min(version, 5)]
    attributes = struct.pack("QQQ", rights, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    buffer = ctypes.create_string_buffer(attributes, 24)
    rules = syscall("landlock_create_ruleset", ctypes.byref(buffer), size, 0)
    try:
        for fd in readable:
            allow_beneath(rules, fd, READ_FILE | READ_DIR if stat.S_ISDIR(os.fstat(fd).st_mode) else READ_FILE)
        for fd in devices:
            allow_beneath(rules, fd, READ_FILE | WRITE_FILE)
        allow_beneath(rules, writable, rights & ~(EXECUTE | MAKE_SOCK | MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV))
        syscall("landlock_restrict_self", rules, 1 if version >= 7 else 0)  # 1: do not fill the audit log with refusals
    finally:
        os.close(rules)


def allow_beneath(rules: int, fd: int, rights: int) -> None:
    rule = ctypes.create_string_buffer(struct.pack("<Qi", rights, fd), 12)
    syscall("landlock_add_rule", rules, 1, ctypes.byref(rule), 0)


# ---- namespaces, mounts, privileges -----------------------------------------------------------------------------

NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (
    0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
RDONLY, NOSUID, NODEV, NOEXEC, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
DETACH = 2
AT_RECURSIVE = 0x8000


def unshare(flags: int) -> None:
    check(libc().unshare(ctypes.c_int(flags)), f"unshare {flags:#x}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    words = [word.encode() if word else None for word in (source, target, kind)]
    result = libc().mount(*words, ctypes.c_ulong(flags), options.encode() if options else None)
    check(result, f"mount {kind or source} on {target}")


def make_read_only(target: str, flags: int = RDONLY | NOSUID | NODEV) -> None:
    """With all that is mounted below."""
    attributes = ctypes.create_string_buffer(struct.pack("QQQQ", flags, 0, 0, 0), 32)
    path = ctypes.create_string_buffer(target.encode())
    syscall("mount_setattr", -100, ctypes.byref(path), AT_RECURSIVE, ctypes.byref(attributes), 32)


def pivot_root(new: str) -> None:
    """`new` becomes /, and what was / is gone."""
    os.chdir(new)
    dot = ctypes.create_string_buffer(b".")
    syscall("pivot_root", ctypes.byref(dot), ctypes.byref(dot))
    check(libc().umount2(b".", ctypes.c_int(DETACH)), "umount2")
    os.chdir("/")


def drop_bounding_set() -> None:
    """No capability can come back, whatever is executed. Needs a privilege; without it no_new_privs does the same."""
    for capability in range(64):
        try:
            prctl(24, capability)  # PR_CAPBSET_DROP
        except OSError as e:
            if e.errno == errno.EINVAL:  # past the last one this kernel knows
                break
            if e.errno != errno.EPERM:
                raise


def drop_capabilities() -> None:
    """Those that this process has: ambient, permitted, effective, inheritable."""
    prctl(47, 4)  # PR_CAP_AMBIENT, CLEAR_ALL
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0), 8)
    nothing = ctypes.create_string_buffer(24)
    syscall("capset", ctypes.byref(header), ctypes.byref(nothing))


def no_new_privileges() -> None:
    prctl(38, 1)


def die_with_parent() -> None:
    prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
