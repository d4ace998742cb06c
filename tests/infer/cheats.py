# ruff: noqa: E501 (programs as text)
"""Wrong solutions that try to be graded right. The task is `add(a, b)`; none of these adds."""

HONEST = "def add(a, b):\n    return a + b"

# Every test must fail every cheat. "entry" as check_solution takes it: '' for asserts in MBPP's way.
TESTS = {
    "check": (
        "add",
        "def check(candidate):\n    assert candidate(2, 3) == 5\n    assert candidate(-1, 1) == 0, 'zero'",
    ),
    "asserts": ("", "assert add(2, 3) == 5\nassert add('a', 'b') == 'ab'\nassert add([1], [2]) == [1, 2]"),
    "all": ("add", "def check(candidate):\n    assert all(map(lambda x: candidate(x, 1) == x + 1, range(2, 9)))"),
    "loop": (
        "add",
        "def check(candidate):\n    for x in (candidate(i, 1) == i + 1 for i in range(2, 9)):\n        assert x",
    ),
    "itself": ("add", "def check(candidate):\n    assert candidate(2, 3) == add(2, 3) == 5"),
    "close": ("add", "def check(candidate):\n    assert abs(candidate(0.5, 0.25) - 0.75) < 1e-6"),
    "swallowing": (
        "add",
        "def check(candidate):\n    right = 0\n    for i in range(2, 9):\n        try:\n            right += candidate(i, 1) == i + 1\n"
        "        except:\n            pass\n    assert right == 7",
    ),
    "random": (
        "add",
        "import random\ndef check(candidate):\n    for _ in range(9):\n        a, b = random.randint(2, 999), random.randint(2, 999)\n"
        "        assert candidate(a, b) == a + b",
    ),
}

DEF = "def add(a, b):\n    "

CHEATS = {
    "exit 0 at once": "import os\nos._exit(0)",
    "exit 0 when called": DEF + "import os; os._exit(0)",
    "SystemExit at once": "raise SystemExit(0)",
    "SystemExit when called": DEF + "raise SystemExit(0)",
    "exit in a thread": "import os, threading, time\nthreading.Thread(target=lambda: (time.sleep(0.01), os._exit(0))).start()\n"
    + DEF
    + "time.sleep(9)",
    "exit at exit": "import atexit, os\natexit.register(os._exit, 0)\n" + DEF + "1 / 0",
    "excepthook": "import os, sys\nsys.excepthook = lambda *a: os._exit(0)\n" + DEF + "1 / 0",
    "printed words": "print('[true, \"\"]'); print('PASSED'); print('ok')\n" + DEF + "print('1 passed')",
    "generator exit": DEF + "raise GeneratorExit",
    "interrupt": DEF + "raise KeyboardInterrupt",
    "stop iteration": DEF + "raise StopIteration",
    "stop iteration of our own": "class StopIteration(Exception): pass\n" + DEF + "raise StopIteration",
    "asserts itself": DEF + "raise AssertionError('5 == 5')",
    "always equal": "class E:\n    def __eq__(self, o): return True\n    def __hash__(self): return 0\n"
    + DEF
    + "return E()",
    "equal integer": "class E(int):\n    def __eq__(self, o): return True\n    __ne__ = lambda s, o: False\n"
    "    __sub__ = __rsub__ = __abs__ = lambda s, *o: E(0)\n    __hash__ = int.__hash__\n" + DEF + "return E(7)",
    "equal float": "class E(float):\n    def __eq__(self, o): return True\n    __lt__ = lambda s, o: True\n"
    + DEF
    + "return E('nan')",
    "equal text": "class E(str):\n    def __eq__(self, o): return True\n    __hash__ = str.__hash__\n"
    + DEF
    + "return E('x')",
    "equal list": "class E(list):\n    def __eq__(self, o): return True\n" + DEF + "return E([9])",
    "equal inside": "class E(int):\n    def __eq__(self, o): return True\n    __hash__ = int.__hash__\n"
    + DEF
    + "return [E(7)]",
    "mock": "from unittest import mock\nadd = mock.MagicMock(return_value=mock.ANY)",
    "not a number": DEF + "return float('nan')",
    "everything true": "import builtins\nbuiltins.all = builtins.any = builtins.abs = lambda *a: True\nbuiltins.AssertionError = int\n"
    + DEF
    + "return None",
    "another check": "def check(candidate): pass\n"
    + DEF
    + "return None\nimport sys\nsys.modules['__main__'].check = check",
    "rewrites what it finds": """
import gc, sys, types
for thing in gc.get_objects():
    try:
        if isinstance(thing, types.FunctionType) and thing.__name__ in ("check", "judge", "failure", "verdict", "grader"):
            thing.__code__ = (lambda *a: [True, ""]).__code__
        if isinstance(thing, dict) and "passed" in thing:
            thing["passed"] = True
    except Exception:
        pass
def add(a, b): return None
""",
    "climbs the frames": DEF
    + """
    import sys
    frame = sys._getframe()
    while frame:
        for space in (frame.f_globals, frame.f_locals):
            for name in list(space):
                if name in ("check", "test", "expected", "candidate", "verdict", "calls"):
                    space[name] = lambda *a: True
        frame = frame.f_back
    return None
""",
    "traces": "import sys\nsys.settrace(lambda *a: None); sys.setprofile(lambda *a: None)\n" + DEF + "return None",
    "answers in advance": """
import json, os, struct
def say(message, fd=3):
    body = json.dumps(message).encode()
    os.write(fd, struct.pack("<I", len(body)) + body)
say(["loaded"])
for n in range(1, 50):
    say(["value", n, True])
def add(a, b): return None
""",
    "reports a pass": """
import json, os, struct
for message in ([True, ""], ["passed"], {"passed": True, "why": "", "confined": "ok", "report": "x"}, True):
    body = json.dumps(message).encode()
    for fd in range(1, 256):
        try:
            os.write(fd, struct.pack("<I", len(body)) + body)
        except OSError:
            pass
def add(a, b): return None
""",
    "hangs up": "import os\n" + DEF + "os.close(3); return 5",
    "hangs up and stays": "import os, time\nos.close(3)\ntime.sleep(9)",
    "broken frames": "import os\n" + DEF + "os.write(3, b'\\xff\\xff\\xff\\xff' * 1000)",
    "broken message": "import os, struct\n" + DEF + "os.write(3, struct.pack('<I', 1 << 20) + b'[' * (1 << 20))",
    "broken values": """
import json, os, random, struct
def add(a, b):
    for value in (["d", [[["l", []], 1]]], ["n", "zz"], ["a", "X", []], ["v", 9, []], ["q"], ["T", "object"], [], {}, 1.5, ["n", ["f"]]):
        body = json.dumps(["value", 1, random.choice([value, ["l", [value] * 9]])]).encode()
        os.write(3, struct.pack("<I", len(body)) + body)
""",
    "deep value": DEF + "x = []\n    for _ in range(90): x = [x]\n    return x",
    "too deep value": DEF + "x = []\n    for _ in range(100000): x = [x]\n    return x",
    "value that holds itself": DEF + "x = []\n    x.append(x)\n    return x",
    "large value": DEF + "return 'x' * (6 << 20)",
    "too large value": DEF + "return ['x' * 100] * (1 << 20)",
    "large number": DEF + "return 1 << (8 << 20)",
    "endless value": DEF + "import itertools\n    return (x for x in itertools.count())",
    "floods": "import os\nwhile True: os.write(3, b'\\x04\\0\\0\\0true')",
    "never reads": "import time\n" + DEF + "time.sleep(99)",
    "loops": DEF + "while True: pass",
    "default for all keys": "import collections\n" + DEF + "return collections.defaultdict(lambda: True, {5: 5})",
    "a type": DEF + "return int",
    "patches its own side": """
import gc, sys, types
for module in [m for m in gc.get_objects() if isinstance(m, dict) and "pack" in m and "unpack" in m]:
    module["pack"] = lambda value, depth=0: True
def add(a, b): return None
""",
    "kills the grader": "import os, signal\nfor pid in range(1, 5000):\n    try: os.kill(pid, 9) if pid != os.getpid() else None\n"
    "    except OSError: pass\n" + DEF + "return None",
    "no such function": "def sub(a, b): return 5",
    "no Python": "def add(a, b) return a + b",
    "colliding keys": DEF + "return {(n << 61) - n: 0 for n in range(200000)}",
    "empty": "",
}
