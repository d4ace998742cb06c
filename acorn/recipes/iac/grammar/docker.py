"""Dockerfiles: stages that begin with FROM, and their instructions."""

from acorn.recipes.iac.grammar.rules import EVERYTHING, Known, Rules

PATH = r"[a-z0-9]+([._-][a-z0-9]+)*"
WORD = r"[^ \"'\\\x00-\x1f\x7f]+"
RULES = {
    "stage": '"FROM " FROM "\\n" instruction+',
    "instruction": " | ".join(
        (
            '("RUN " | "LABEL " | "HEALTHCHECK CMD " | "HEALTHCHECK " | "ARG " | "STOPSIGNAL ") LINE "\\n"',
            '("WORKDIR " | "USER " | "VOLUME ") ONE "\\n"',
            '("CMD " | "ENTRYPOINT ") (LIST | LINE) "\\n"',
            '"ENV " PAIR (" " PAIR)* "\\n"',
            '"EXPOSE " PORT (" " PORT)* "\\n"',
            '("COPY " | "ADD ") COPIED "\\n"',
        )
    ),
}
TERMINALS = {
    "FROM": rf"/{PATH}(:[0-9]{{1,5}}\/{PATH})?(\/{PATH})*(:[A-Za-z0-9_][A-Za-z0-9_.-]{{0,60}})?"
    r"( AS [a-z][a-z0-9_-]{0,30})?/",
    "LINE": r"/[^ \[\\\x00-\x1f\x7f][^\\\x00-\x1f\x7f]*( \\\n    [^ \\\x00-\x1f\x7f][^\\\x00-\x1f\x7f]*)*/",
    "ONE": rf"/{WORD}/",
    "LIST": r"/\[\"([^\"\\\x00-\x1f\x7f]|\\[\"\\])+\"(, \"([^\"\\\x00-\x1f\x7f]|\\[\"\\])*\")*\]/",
    "PAIR": rf"/[A-Za-z_][A-Za-z0-9_]{{0,60}}=({WORD}|\"[^\"\\\x00-\x1f\x7f]*\")/",
    "PORT": r"/[1-9][0-9]{0,3}(\/(tcp|udp))?/",
    "COPIED": rf"/(--from=[a-z0-9][a-z0-9._\/:-]* )?(--chown=[a-z0-9:]+ )?{WORD} {WORD}/",
}


def text(known: Known = EVERYTHING) -> str:
    """A grammar. known: what names and commands may be."""
    rules = Rules()
    rules.lines = [f"{name}: {made}" for name, made in RULES.items()]
    for name, pattern in TERMINALS.items():
        rules.terminal(name, f"{pattern} & KNOWN" if known.strings and name != "PORT" else pattern)
    if known.strings:
        rules.terminal("KNOWN", known.strings)
    return rules.text('stage ("\\n" stage)*')
