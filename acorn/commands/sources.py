"""What `SOURCE...` means on a command line: files, folders, recipe:NAME[:COUNT] and task:NAME[:COUNT]."""

import sys
import time
from collections.abc import Iterable, Iterator

from acorn.data.documents import MAX_BROKEN, Counts, Document, read_documents
from acorn.errors import UserError

MADE_DOCUMENTS = 1000


def documents(
    sources: Iterable[str], counts: Counts, text_key: str = "text", max_broken: float = MAX_BROKEN, seed: int = 0
) -> Iterator[Document]:
    """The documents of every source, files first. `counts` fills on the way."""
    sources = list(sources)
    if not sources:
        raise UserError("name at least one source: a file, a folder, recipe:NAME or task:NAME")
    made = [source for source in sources if source.startswith(("recipe:", "task:"))]
    files = [source for source in sources if source not in made]
    if files:
        yield from read_documents(files, counts, text_key, max_broken)
    for source in made:
        for document in made_documents(source, seed):
            yield counts.keep(document.text, document.source)


def made_documents(source: str, seed: int) -> Iterator[Document]:
    """recipe:NAME: its texts. task:NAME: a line with a question of its training split, a line with the answer."""
    sort, _, rest = source.partition(":")
    name, _, number = rest.partition(":")
    if number and not number.isdigit():
        raise UserError(f"{source!r}: {number!r} is not a number of documents", f"{sort}:{name}:{MADE_DOCUMENTS}")
    count = int(number or MADE_DOCUMENTS)
    if sort == "recipe":
        from acorn.recipes import get_recipe

        yield from get_recipe(name).documents(seed, count)
        return
    from acorn.commands.tasks import find_task

    for one in find_task(name).examples("train", seed, count):
        parts = one.answer if isinstance(one.answer, list) else [{"text": one.answer or ""}]
        yield Document("\n".join([one.request, *(part["text"] for part in parts)]), source)


def watched(documents: Iterable, counts: Counts, what: str, bytes_of=lambda document: len(document.text)) -> Iterator:
    """The same documents, with a progress bar on a terminal and a line every ten seconds elsewhere (both on stderr)."""
    size = 0
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = [TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rate]}")]
        with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
            task, start, shown = bar.add_task(what, total=None, rate=""), time.monotonic(), 0.0
            for document in documents:
                size += bytes_of(document)
                now = time.monotonic()
                if now - shown > 0.2:
                    shown = now
                    rate = f"{counts.kept:,} documents, {size / 1e6 / (now - start + 1e-9):.1f} MB/s"
                    bar.update(task, total=counts.bytes_total or None, completed=counts.bytes_read, rate=rate)
                yield document
        return
    start = shown = time.monotonic()
    for document in documents:
        size += bytes_of(document)
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            done = f", {counts.bytes_read / counts.bytes_total:.0%}" if counts.bytes_total else ""
            rate = f"{size / 1e6:,.0f} MB in {shown - start:.0f} s"
            print(f"{what}: {counts.kept:,} documents, {rate}{done}", file=sys.stderr)
        yield document


def table(head: list[str], rows: list[list[str]]) -> str:
    """Columns of equal width, the first to the left, the numbers to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [[row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))] for row in [head, *rows]]
    return "\n".join("  ".join(line).rstrip() for line in lines)
