# ruff: noqa: E501 (programs as text)
"""Programs as people write them. They must work in every tier: name -> (source, stdin, what it prints)."""

HONEST = {
    "print": ("print('hello'); print('w\\u00f6rld \\N{SNOWMAN}')", "", "hello\nw\u00f6rld \N{SNOWMAN}\n"),
    "input": ("n = int(input()); print(sum(int(input()) for _ in range(n)))", "3\n1\n2\n3\n", "6\n"),
    "all of stdin": ("import sys; print(len(sys.stdin.read().split()))", "a b c\n" * 10000, "30000\n"),
    "main": ("def main():\n    print(__name__)\nif __name__ == '__main__':\n    main()", "", "__main__\n"),
    "classes": (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int = 1\nprint(P(), P.__module__)",
        "", "P(x=1) __main__\n",
    ),
    "json and regular expressions": (
        "import json, re\nprint(json.dumps({k: int(v) for k, v in re.findall(r'(\\w)=(\\d)', 'a=1 b=2')}))",
        "", '{"a": 1, "b": 2}\n',
    ),
    "dates": ("from datetime import date, timedelta\nprint(date(2026, 2, 28) + timedelta(1))", "", "2026-03-01\n"),
    "time zone": ("from zoneinfo import ZoneInfo\nprint(ZoneInfo('UTC'))", "", "UTC\n"),
    "decimals": ("from decimal import Decimal\nfrom fractions import Fraction\nprint(Decimal('0.1') * 3, Fraction(1, 3) + 1)", "", "0.3 4/3\n"),
    "big numbers": ("import math\nprint(math.factorial(50) % 1000003, pow(3, 10**6, 97))", "", "850717 61\n"),
    "deep recursion": ("import sys\nsys.setrecursionlimit(20000)\nf = lambda n: 0 if n == 0 else 1 + f(n - 1)\nprint(f(15000))", "", "15000\n"),
    "sets in one order": ("print(hash('acorn') == hash('acorn'), len({str(i) for i in range(1000)}))", "", "True 1000\n"),
    "threads": (
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(8) as p:\n    print(sum(p.map(lambda x: x * x, range(100))))",
        "", "328350\n",
    ),
    "thread at the end": ("import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.05), print('late'))).start()", "", "late\n"),
    "asyncio": (
        "import asyncio\nasync def f(x):\n    await asyncio.sleep(0.01)\n    return x\n"
        "async def main():\n    print(await asyncio.gather(*map(f, range(5))))\nasyncio.run(main())",
        "", "[0, 1, 2, 3, 4]\n",
    ),
    "queue": ("import queue, threading\nq = queue.Queue()\nthreading.Thread(target=q.put, args=(7,)).start()\nprint(q.get(timeout=5))", "", "7\n"),
    "temporary files": (
        "import tempfile, os\nwith tempfile.TemporaryDirectory() as d:\n    p = os.path.join(d, 'a')\n"
        "    with open(p, 'w') as f:\n        f.write('x' * 1000)\n    print(os.path.getsize(p), os.listdir(d))",
        "", "1000 ['a']\n",
    ),
    "files": (
        "import os, pathlib, shutil\npathlib.Path('a/b').mkdir(parents=True)\npathlib.Path('a/b/c').write_text('text')\nshutil.copy('a/b/c', 'd')\n"
        "os.rename('d', 'e')\nprint(open('e').read(), sorted(os.listdir('.')), os.path.realpath('e') == os.path.abspath('e'))\nshutil.rmtree('a')",
        "", "text ['a', 'e'] True\n",
    ),
    "csv and io": ("import csv, io\nprint(list(csv.reader(io.StringIO('a,b\\n1,2'))))", "", "[['a', 'b'], ['1', '2']]\n"),
    "sqlite": ("import sqlite3\nc = sqlite3.connect('f.db')\nc.execute('create table t(x)')\nc.execute('insert into t values (5)')\nc.commit()\nprint(*c.execute('select x from t'))", "", "(5,)\n"),
    "hashes": ("import hashlib, zlib, base64\nprint(hashlib.sha256(b'a').hexdigest()[:8], zlib.crc32(b'a'), base64.b64encode(b'a').decode())", "", "ca978112 3904355907 YQ==\n"),
    "chance": ("import random, secrets\nrandom.seed(1)\nprint(random.randint(1, 100), len(secrets.token_hex(4)))", "", "18 8\n"),
    "ctypes": ("import ctypes\nprint(ctypes.CDLL(None).abs(-3))", "", "3\n"),
    "alarm": ("import signal\ndef late(*a):\n    print('rang')\n    raise SystemExit\nsignal.signal(signal.SIGALRM, late)\nsignal.setitimer(signal.ITIMER_REAL, 0.02)\nwhile True: pass", "", "rang\n"),
    "exit": ("import atexit\natexit.register(print, 'bye')\nexit()", "", "bye\n"),
    "unittest": ("import unittest, sys\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(1, 1)\nunittest.main(argv=['x'], exit=False)\nprint('done')", "", "done\n"),
    "memory": ("x = bytearray(100 << 20)\nprint(len(x) >> 20)", "", "100\n"),
    "sleep": ("import time\nt = time.perf_counter()\ntime.sleep(0.02)\nprint(time.perf_counter() - t >= 0.02, time.process_time() < 1, time.thread_time() < 1)", "", "True True True\n"),
    "system": ("import os, platform, getpass, locale\nprint(os.cpu_count() > 0, os.getpid() > 0, platform.system())", "", "True True Linux\n"),
    "interactive names": ("import inspect, textwrap\nprint(textwrap.dedent('  a'), inspect.signature(lambda x: x))", "", "a (x)\n"),
}  # fmt: skip
