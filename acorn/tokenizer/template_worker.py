"""
Renders a chat template (Jinja) of somebody else in a process of its own: a sandboxed environment without files, and
hard limits on memory and processor time, so that a template that loops or swells ends this process and nothing else.
Run as a script, without acorn. Lines of JSON on stdin: {"template", "names"}, then requests
{"messages", "cuts": [[how many of them, add_generation_prompt], ...]} -> {"texts"} or {"error"}, one line each.
"""

import json
import resource
import sys
from datetime import datetime

MEMORY = 512 << 20  # bytes of address space
SECONDS = 5  # of processor time a request
LONGEST = 16 << 20  # characters of a rendering


def main() -> None:
    import jinja2.ext
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(jinja2.ext.Extension):
        """{% generation %} marks what an assistant says, for tools that ask the template; here it is just its body."""

        tags = {"generation"}

        def parse(self, parser):
            next(parser.stream)
            return parser.parse_statements(["name:endgeneration"], drop_needle=True)

    def refuse(message: str):
        raise jinja2.TemplateError(message)

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    first = json.loads(sys.stdin.readline())
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals |= {"raise_exception": refuse, "strftime_now": lambda form: datetime.now().strftime(form)}
    limit()
    try:
        template = environment.from_string(first["template"])
    except Exception as e:
        return answer({"error": f"it is not valid: {e}"})
    answer({})
    for line in sys.stdin:
        limit()
        request = json.loads(line)
        try:
            texts = [
                template.render(
                    messages=request["messages"][:n], add_generation_prompt=go, tools=None, **first["names"]
                )
                for n, go in request["cuts"]
            ]
            if sum(map(len, texts)) > LONGEST:
                raise ValueError(f"it makes more than {LONGEST:,} characters")
            answer({"texts": texts})
        except Exception as e:
            answer({"error": str(e) or type(e).__name__})


def limit() -> None:
    """SECONDS more from now; then the kernel ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + SECONDS, resource.RLIM_INFINITY))


def answer(value: dict) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
