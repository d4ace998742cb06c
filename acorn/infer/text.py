"""From the tokens of a reply to what people read, as they come: kinds of parts, stop strings, whole characters."""

from collections.abc import Sequence
from typing import Literal

from acorn.tokenizer.tokenizer import StreamDecoder

Kind = Literal["text", "python", "output"]


class Transcript:
    """
    A reply that is read along while it is generated. It tells parts apart as acorn.tokenizer.chat.parse_reply does when
    the reply is complete. Stop strings are looked for in the text for people, not in calls and outputs.
    """

    def __init__(self, tokenizer, stops: Sequence[str] = ()):
        self.names = {i: name for name, i in tokenizer.specials.items()}
        self.decoder = StreamDecoder(tokenizer)
        self.stops = StopStrings(stops) if stops else None
        self.kind: Kind = "text"  # of the part under way
        self.text = ""  # what is sure of it
        self.fresh = True  # it has no token yet
        self.before: Kind | None = None  # kind of the part before it

    @property
    def found(self) -> bool:
        """Whether the text has come to a stop string."""
        return self.stops is not None and self.stops.found

    def push(self, token: int) -> tuple[Kind, str]:
        """-> what is sure now of the part that was under way when the token came."""
        name = self.names.get(token)
        if name is None:
            self.fresh = False
            return self._add(self.decoder.push(token))
        if self.kind == "text" and name == "<|python_start|>":
            return self._turn_to("python")
        if self.kind == "text" and name == "<|output_start|>" and self.fresh and self.before == "python":
            return self._turn_to("output")
        if self.kind != "text" and name == f"<|{self.kind}_end|>":
            return self._turn_to("text")
        return self.kind, ""

    def flush(self) -> tuple[Kind, str]:
        """The part is complete -> what was held back of it: half a character, half a stop string."""
        kind, text = self._add(self.decoder.finish())
        rest = self.stops.rest() if self.stops else ""
        self.text += rest
        return kind, text + rest

    def _turn_to(self, kind: Kind) -> tuple[Kind, str]:
        last = self.flush()
        if self.kind != "text" or not self.fresh:
            self.before = self.kind
        self.kind, self.text, self.fresh = kind, "", True
        return last

    def _add(self, text: str) -> tuple[Kind, str]:
        if text and self.stops and self.kind == "text":
            text = self.stops.push(text)
        self.text += text
        return self.kind, text


class StopStrings:
    """Finds the first of some strings in a text that arrives in pieces; lets through what cannot be part of one."""

    def __init__(self, stops: Sequence[str]):
        self.stops, self.held, self.found = list(stops), "", False

    def push(self, text: str) -> str:
        """-> the text that is sure now. After a stop string was found: what stood before it, and then nothing."""
        if self.found:
            return ""
        text = self.held + text
        places = [place for stop in self.stops if (place := text.find(stop)) >= 0]
        if places:
            self.found, self.held = True, ""
            return text[: min(places)]
        held = max(self._overlap(text, stop) for stop in self.stops)
        self.held = text[len(text) - held :]
        return text[: len(text) - held]

    def rest(self) -> str:
        """At the end of the text: what was held back."""
        rest, self.held = self.held, ""
        return rest

    @staticmethod
    def _overlap(text: str, stop: str) -> int:
        """Characters at the end of text with which stop begins."""
        return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
