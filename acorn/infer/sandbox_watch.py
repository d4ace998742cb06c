"""What a keeper does with its program: wait for it under a clock, take its output, count its files, remove them."""

import os
import select
import stat
import time
import uuid

TICK = 0.01  # seconds between two looks at the disk
SETUP = 5.0  # seconds until a program must be confined; its own time counts from then on
CHUNK = 1 << 16
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Watch:
    """
    pid: the program. wish: the socket of whoever wants the answer. ends: our ends of its stdin, then of the pipes that
    it writes to (stdout, stderr, report, confined), whose bytes are gathered in `parts`.
    """

    def __init__(self, pid: int, wish: int, ends: list[int], stdin: bytes, limits: dict, begin: float):
        self.pid, self.wish, self.limits = pid, wish, limits
        self.deadline, self.running = begin + SETUP, False
        self.input, self.outputs = ends[0], ends[1:]
        self.stdin = memoryview(stdin)
        self.parts = [bytearray() for _ in self.outputs]
        self.most = [limits["output"]] * 2 + [CHUNK] * 2  # stdout, stderr; our own
        for fd in ends:
            os.set_blocking(fd, False)

    def until_the_end(self, folder: str) -> str:
        """
        '' when the program has ended by itself, else why it must not go on: time, output, disk, files, stopped.
        folder: where its files must be counted, '' if the file system does that.
        """
        poll = select.poll()
        ended = os.pidfd_open(self.pid)
        for fd in (ended, self.wish, *self.outputs):
            poll.register(fd, select.POLLIN)
        poll.register(self.input, select.POLLOUT)
        look = time.monotonic() + TICK
        try:
            while (now := time.monotonic()) < self.deadline:
                wait = min(self.deadline, look) - now if folder else self.deadline - now
                for fd, _ in poll.poll(max(0, 1000 * wait) + 1):
                    if fd == ended:
                        return ""
                    if fd == self.wish:
                        return "stopped"  # nothing is sent on it after the request, so it was closed
                    done = self.feed() if fd == self.input else self.take(self.outputs.index(fd))
                    if done:
                        poll.unregister(fd)
                if self.parts[3] and not self.running:
                    self.deadline, self.running = time.monotonic() + self.limits["wall"], True
                if any(len(part) > most for part, most in zip(self.parts, self.most)):
                    return "output"
                if folder and time.monotonic() > look:
                    if problem := too_much(folder, self.pid, self.limits):
                        return problem
                    look = time.monotonic() + TICK
            return "time"
        finally:
            os.close(ended)

    def feed(self) -> bool:
        """Give some stdin; whether that was all."""
        try:
            self.stdin = self.stdin[os.write(self.input, self.stdin[:CHUNK]) :] if self.stdin else self.stdin
        except BlockingIOError:
            return False
        except OSError:  # it closed its stdin
            self.stdin = memoryview(b"")
        if not self.stdin:
            os.close(self.input)
            return True
        return False

    def take(self, which: int) -> bool:
        """Take some output; whether that was the end of it."""
        try:
            part = os.read(self.outputs[which], CHUNK)
        except BlockingIOError:
            return False
        self.parts[which] += part
        return not part

    def drain(self) -> bool:
        """Take what is still in the pipes of a dead program, and cut it to the limit; whether there was more."""
        over = False
        for which, (part, most) in enumerate(zip(self.parts, self.most)):
            while len(part) <= most:
                size = len(part)
                if self.take(which) or len(part) == size:
                    break
            over |= len(part) > most
            del part[most:]
        return over


def too_much(folder: str, pid: int, limits: dict) -> str:
    """'disk' or 'files' if the program has more of it than its limits say. Counts deleted files that it holds on to."""
    files = used = 0
    stack = [os.open(folder, FOLDER)]
    try:
        while stack:
            at = stack.pop()
            try:
                with os.scandir(at) as entries:
                    for entry in entries:
                        files += 1
                        used += size_on_disk(entry.name, at)
                        if files > limits["files"]:
                            return "files"
                        if entry.is_dir(follow_symlinks=False):
                            stack += open_folder(entry.name, at)
            finally:
                os.close(at)
    finally:
        for at in stack:
            os.close(at)
    return "disk" if used + out_of_sight(pid, limits["disk"]) > limits["disk"] else ""


def size_on_disk(name: str, at: int) -> int:
    try:
        return os.stat(name, dir_fd=at, follow_symlinks=False).st_blocks * 512
    except FileNotFoundError:
        return 0


def open_folder(name: str, at: int) -> list[int]:
    """[fd], also if its mode forbids us to look; [] if it has gone meanwhile."""
    try:
        try:
            return [os.open(name, FOLDER, dir_fd=at)]
        except PermissionError:
            os.chmod(name, 0o700, dir_fd=at)
            return [os.open(name, FOLDER, dir_fd=at)]
    except OSError:
        return []


def out_of_sight(pid: int, most: int) -> int:
    """
    Bytes in deleted files that the program still has open. One that it has only mapped keeps its blocks too, and nobody
    but the kernel knows how many: that counts as `most`.
    """
    held = {}
    for number in names_in(f"/proc/{pid}/fd"):
        try:
            found = os.stat(f"/proc/{pid}/fd/{number}")
        except OSError:
            continue
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
            held[found.st_ino] = found.st_blocks * 512
    mapped = {int(parts[4]) for parts in deleted_maps(pid)}
    return sum(held.values()) + most * len(mapped - held.keys() - {0})


def deleted_maps(pid: int) -> list[list[str]]:
    """[address, rights, offset, device, inode, path] of every mapped file that has no name any more."""
    try:
        with open(f"/proc/{pid}/maps", errors="replace") as f:
            lines = [line.split(maxsplit=5) for line in f if line.endswith(" (deleted)\n")]
    except OSError:
        return []
    return [parts for parts in lines if parts[5] != "/dev/zero (deleted)\n"]  # that is how shared memory is named


def names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def remove(folder: str) -> None:
    """
    The folder with all in it, whatever its depth and modes: what lies in a subfolder is moved up first, so that no path
    grows and nothing recurses. Nobody else may be working in it.
    """
    try:
        top = os.open(folder, FOLDER)
    except FileNotFoundError:
        return
    try:
        while names := os.listdir(top):
            for name in names:
                if stat.S_ISDIR(os.stat(name, dir_fd=top, follow_symlinks=False).st_mode):
                    empty(name, top)
                    os.rmdir(name, dir_fd=top)
                else:
                    os.unlink(name, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(folder)


def empty(name: str, top: int) -> None:
    """Move all that is in the folder `name` up into `top`."""
    os.chmod(name, 0o700, dir_fd=top)
    inner = os.open(name, FOLDER, dir_fd=top)
    try:
        for child in os.listdir(inner):
            if stat.S_ISDIR(os.stat(child, dir_fd=inner, follow_symlinks=False).st_mode):
                os.chmod(child, 0o700, dir_fd=inner)  # a folder that cannot be written cannot be moved
            os.rename(child, uuid.uuid4().hex, src_dir_fd=inner, dst_dir_fd=top)
    finally:
        os.close(inner)
