"""Replies that are programs: found in the text, run and graded in the sandbox."""

import re
import weakref

from acorn.evals.task import Grade

FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)


def fenced(reply: str) -> str:
    """The first fenced block, which may lack its end; a reply without one as it is."""
    found = FENCE.search(reply)
    return found[1].strip("\n") if found else reply.strip()


class Grader:
    """Opens one sandbox when it is first needed and keeps it, since starting it costs more than a verdict."""

    def __init__(self, unsafe: bool):
        self.unsafe, self.sandbox = unsafe, None

    def prepare(self) -> str:
        """For `Task.prepare`. Refused (exit 77) if nothing here can hold foreign code."""
        return f"programs are run in the sandbox: {self.opened().tier}"

    def opened(self):
        if self.sandbox is None:
            from acorn.infer.sandbox import Sandbox  # evals that run nothing need no Linux

            sandbox = Sandbox(unsafe_exec=self.unsafe)
            sandbox.open()
            weakref.finalize(self, sandbox.close)  # with us, or at the end of the program
            self.sandbox = sandbox
        return self.sandbox

    def grade(self, program: str, test: str, entry_point: str = "", setup: str = "") -> Grade:
        """valid: it is Python. setup: code for the side of the test."""
        from acorn.infer.sandbox import check_solution

        try:
            compile(program, "reply", "exec")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
            return Grade(False, False, f"not Python: {e}"[:200])
        verdict = check_solution(self.opened(), program, test, entry_point, setup)
        return Grade(True, verdict.passed, verdict.why)
