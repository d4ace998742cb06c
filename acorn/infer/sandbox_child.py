"""
What runs inside the sandbox. The one file of acorn that executes source which came from outside: the process is locked
in before any function of this file is called (sandbox_tiers.py), and it ends with the process.

    program     the source runs as __main__, output to stdout and stderr
    candidate   the source is loaded, then its functions are called with plain values over a channel
    grader      the tests run; the functions they name are proxies that call the candidate over the channel

A candidate and its grader are two processes, confined apart. The grader believes nothing of the candidate but the
values it returns, so no exit code, no printed word, no patched builtin and no clever __eq__ says that a test passed.
"""

import ast
import atexit
import builtins
import os
import sys
import threading
import traceback
import types

from acorn.infer import sandbox_wire as wire

MAX_MESSAGE = 300  # characters of an exception that crosses over

# What a candidate may raise in the grader. StopIteration is not among them: inside all(map(candidate, ...)) it would
# end the loop with True. SystemExit and the like would end the test.
EXCEPTIONS = {
    name: kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type)
    and issubclass(kind, Exception)
    and not issubclass(kind, StopIteration | StopAsyncIteration | AssertionError)
    and not issubclass(kind, SyntaxError | UnicodeError | ExceptionGroup)  # made from more than a message
}


class CandidateError(Exception):
    """The candidate raised something that has no namesake here."""


def start(name: str, source: bytes) -> types.ModuleType:
    """Run source as the module __main__. Whatever it raises goes to the caller."""
    builtins.exit = builtins.quit = sys.exit  # Python's site module, which we go without, has these
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    execute(source, name, vars(module))
    return module


def execute(source: bytes | ast.AST, name: str, space: dict) -> None:
    exec(compile(source, name, "exec", dont_inherit=True), space)


# ---- program ----------------------------------------------------------------------------------------------------


def program(source: bytes) -> int:
    """-> exit status, as the interpreter itself would end."""
    code = 0
    try:
        start("<program>", source)
    except SystemExit as e:
        code = exit_status(e.code)
    except BaseException as e:
        code = 1
        tell(e)
    try:
        threading._shutdown()  # waits for threads that are no daemons
        atexit._run_exitfuncs()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                code = code or 120
    return code


def exit_status(code) -> int:
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    print(code, file=sys.stderr)
    return 1


def tell(error: BaseException) -> None:
    """The traceback without our own frames. Printing may fail in as many ways as there are hostile __str__ methods."""
    place = error.__traceback__
    while place and place.tb_frame.f_code.co_filename == __file__:
        place = place.tb_next
    try:
        traceback.print_exception(type(error), error, place, limit=50)
    except BaseException as e:
        os.write(2, f"{type(error).__name__}, and {type(e).__name__} while printing it\n".encode("utf-8", "replace"))


# ---- candidate --------------------------------------------------------------------------------------------------


def candidate(source: bytes, channel: int) -> int:
    """Load the source, say how that went, then answer calls until the grader hangs up."""
    try:
        module = start("<candidate>", source)
    except BaseException as e:
        wire.send(channel, raised(e))
        return 1
    wire.send(channel, ["loaded"])
    while True:
        try:
            number, name, args, kwargs = wire.receive(channel)
        except wire.WireError:
            return 0
        try:
            function = getattr(module, name)
            result = function(*wire.unpack(args), **wire.unpack(kwargs))
            reply = ["value", number, wire.pack(result)]
        except BaseException as e:
            reply = raised(e, number)
        try:
            wire.send(channel, reply)
        except ValueError as e:
            wire.send(channel, raised(e, number))


def raised(error: BaseException, number: int = -1) -> list:
    try:
        text = str(error)[:MAX_MESSAGE]
    except BaseException:
        text = "it cannot be printed"
    return ["raised", number, type(error).__name__, text]


# ---- grader -----------------------------------------------------------------------------------------------------


class Calls:
    """The grader's end of the channel."""

    def __init__(self, channel: int, report: int):
        self.channel, self.report, self.count = channel, report, 0

    def end(self, why: str):
        """The candidate is gone or broke the protocol: the verdict, and no `except:` in a test may swallow it."""
        wire.send(self.report, [False, why])
        os._exit(0)

    def receive(self) -> list:
        try:
            message = wire.receive(self.channel)
        except wire.WireError as e:
            self.end(f"the candidate ended ({e})")
        return message if isinstance(message, list) else []

    def loaded(self) -> str:
        """'' or why the candidate could not be loaded."""
        message = self.receive()
        if message[:1] == ["raised"] and len(message) == 4:
            return f"the candidate does not load: {message[2]}: {message[3]}"
        return "" if message == ["loaded"] else self.end("the candidate broke the protocol")

    def call(self, name: str, args: tuple, kwargs: dict):
        self.count += 1
        packed = [self.count, name, wire.pack(list(args)), wire.pack(kwargs)]
        try:
            wire.send(self.channel, packed)
        except OSError as e:
            self.end(f"the candidate ended ({e.strerror})")
        message = self.receive()
        if message[:2] == ["value", self.count] and len(message) == 3:
            try:
                return wire.unpack(message[2])
            except wire.WireError as e:
                self.end(f"the candidate sent {e}")
        if message[:2] == ["raised", self.count] and len(message) == 4:
            kind, text = str(message[2]), str(message[3])[:MAX_MESSAGE]
            raise EXCEPTIONS[kind](text) if kind in EXCEPTIONS else CandidateError(f"{kind}: {text}")
        return self.end("the candidate broke the protocol")

    def proxy(self, name: str):
        def candidate(*args, **kwargs):
            return self.call(name, args, kwargs)

        candidate.__name__ = candidate.__qualname__ = name
        return candidate


def grader(setup: str, test: str, entry: str, channel: int, report: int) -> int:
    """Run the tests and write [passed, why] to `report`."""
    calls = Calls(channel, report)
    try:
        verdict = judge(calls, setup, test, entry)
    except BaseException as e:
        verdict = [False, failure(e, test)]
    wire.send(report, verdict)
    return 0


def judge(calls: Calls, setup: str, test: str, entry: str) -> list:
    why = calls.loaded()
    if why:
        return [False, why]
    space = vars(start("<setup>", setup.encode("utf-8", "surrogatepass")))
    tree = ast.parse(test)
    modules = {node.value.id for node in ast.walk(tree) if is_module(node)}
    foreign = foreign_names(tree, space)
    space |= {name: __import__(name) for name in modules.intersection(foreign)}  # MBPP leaves imports to the solution
    names = [entry] if entry else [name for name in foreign if name not in modules]
    if len(names) != 1:  # with two, the candidate could say what is right: assert f(4) == sqrt(16)
        return [False, f"the test must use one name that is the candidate's, and uses {', '.join(names) or 'none'}"]
    space[names[0]] = calls.proxy(names[0])  # over what the setup defines: the prompt has it, without its body
    execute(tree, "<test>", space)
    if isinstance(space.get("check"), types.FunctionType) and entry:
        space["check"](calls.proxy(entry))
    if not calls.count:
        return [False, "the test never calls the candidate"]
    return [True, ""]


def foreign_names(tree: ast.AST, space: dict) -> list[str]:
    """Names that the test uses and that neither it, its setup nor Python defines: these are the candidate's."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    own = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            own.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            own |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    used = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    return sorted(used - own - set(vars(builtins)) - set(space))


def is_module(node: ast.AST) -> bool:
    """math.pi, with the name of a module that comes with Python."""
    named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    return named and node.value.id in sys.stdlib_module_names


def failure(error: BaseException, test: str) -> str:
    """'AssertionError in line 7: assert f(2) == 3'"""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == "<test>"]
    where = ""
    if lines:
        source = test.splitlines()
        line = source[lines[-1] - 1].strip() if lines[-1] <= len(source) else ""
        where = f" in line {lines[-1]} of the test: {line[:MAX_MESSAGE]}"
    kind, text = type(error).__name__, raised(error)[3]
    return f"{kind}{f' ({text})' if text else ''}{where}"
