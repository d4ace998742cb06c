"""acorn iac translate"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from acorn.commands import iac
from acorn.errors import UserError, did_you_mean


@dataclass
class Translate:
    """
    Write code of one kind in another: Terraform, OpenTofu, CloudFormation, Kubernetes, Compose, Ansible, Crossplane.
    What is printed has been validated. Where something has no counterpart, it is named and nothing is printed, and the
    exit code is 1; --partial prints what could be carried over.
    """

    file: tyro.conf.Positional[str]  # what to translate; - is stdin
    to: str  # kind wanted
    source: Annotated[str, tyro.conf.arg(name="from")] = ""  # kind of the file (default: found from name and content)
    run_name: Annotated[str, tyro.conf.arg(name="run", metavar="RUN")] = ""  # is asked where no rule helps
    rules: bool = False  # ask no model
    partial: bool = False  # print what could be carried over, though not all could
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None  # write to this file instead
    force: bool = False  # write over the file
    samples: int = 8  # candidates of the model at most
    seed: int = 0  # the same seed gives the same answer
    json: bool = False  # one JSON object
    device: str = "auto"  # auto, cpu or cuda

    def run(self) -> int:
        from acorn.commands.iac_generate import refuse, save
        from acorn.commands.sample import say
        from acorn.recipes.iac import kinds, translate

        every = [*kinds.KINDS, *translate.TOFU]
        for option, kind in (("to", self.to), ("from", self.source)):
            if kind and kind not in every:
                raise UserError(f"--{option}: there is no kind {kind!r}.{did_you_mean(kind, every)}", ", ".join(every))
        if not 1 <= self.samples <= 64:
            raise UserError(f"--samples {self.samples}: expected 1 to 64")
        if self.out:
            refuse(self.out, self.force)
        source = iac.source(self.file) if self.file == "-" or Path(self.file).exists() else None
        if source is None or source.text is None:
            raise UserError(f"{self.file}: {source.problem if source else 'there is no such file'}")
        kind = self.source or kinds.detect("" if self.file == "-" else self.file, source.text)
        if not kind:
            raise UserError(f"{self.file}: what kind of code is this?", f"--from {min(kinds.KINDS)}")
        found = translate.translate(source.text, kind, self.to, None if self.rules else self.ask(say))
        printed = found.text if found.whole or self.partial else ""
        if printed and self.out:
            save(self.out, printed, self.force)
        if self.json:
            about = {"from": kind, "to": self.to, "code": printed or None, "whole": found.whole, "ways": found.ways}
            print(json.dumps({**about, "lost": found.lost, "notes": found.notes}))
        elif printed and not self.out:
            sys.stdout.write(printed)
        for note in found.notes:
            say(f"note: {note}")
        if found.whole:
            say(f"[{kind} to {self.to}, by {' and '.join(dict.fromkeys(found.ways))}: valid, nothing left out]")
            return 0
        say(f"not carried over to {self.to}:")
        for one in found.lost:
            say(f"  {one}")
        if found.text and not printed:
            say("the rest is valid; to have it: --partial")
        return 1

    def ask(self, say):
        """The model is loaded when the first piece needs it."""
        from acorn.commands.iac_generate import grammars, load
        from acorn.recipes.iac import translate

        held = []

        def asked(code: str, kind: str, to: str):
            if not held:
                engine, where = load(self.run_name, self.device, say)
                say(f"no rule knows this; asking {where}")
                held.append(translate.model(engine, grammars(engine), self.samples, self.seed))
            return held[0](code, kind, to)

        return asked
