"""
The stages that read rows: pretraining (documents), midtraining (a mixture of documents and conversations) and
finetuning (conversations). They differ in the stream that they are given and in what they evaluate.
"""

import math
from collections.abc import Callable

import numpy as np
import torch

from acorn.data.chat_rows import groups, lay_out
from acorn.data.rows import Rows, Stream
from acorn.data.shards import Shards
from acorn.errors import UserError
from acorn.evals.bpb import bits_per_byte
from acorn.runtime import Runtime
from acorn.tokenizer.chat import render
from acorn.train.loop import Batch

Figures = Callable[..., dict[str, float]]  # model -> what an evaluation found


class RowStage:
    """
    Weight w/N on every target, where w is what the stream gives it and N the sum over the whole step.
    rows: rows of one optimizer step, over all ranks. micro_rows: rows of one forward on one rank.
    """

    def __init__(self, stream: Stream, evaluations: list[Figures], runtime: Runtime, rows: int, micro_rows: int):
        self.stream, self.evaluations, self.runtime = stream, evaluations, runtime
        self.rows, self.micro_rows = rows, micro_rows
        self.notes: dict[str, float] = {}

    def batches(self) -> list[Batch]:
        rows = self.stream.next(self.rows, self.runtime.rank, self.runtime.world)
        return to_batches(rows, self.micro_rows, rows.counted)

    def evaluate(self, model) -> dict[str, float]:
        return {name: value for evaluation in self.evaluations for name, value in evaluation(model).items()}

    def state_dict(self) -> dict:
        return self.stream.state_dict()

    def load_state_dict(self, state: dict) -> None:
        self.stream.load_state_dict(state)


def to_batches(rows: Rows, micro_rows: int, counted: float) -> list[Batch]:
    """Micro-batches of these rows, their weights divided by `counted`."""
    ids, weights = torch.as_tensor(rows.ids), torch.as_tensor(rows.weights) / counted
    parts = [ids.split(micro_rows), weights.split(micro_rows)]
    starts = [None] * len(parts[0]) if rows.starts is None else torch.as_tensor(rows.starts).split(micro_rows)
    return [Batch(i[:, :-1].contiguous(), i[:, 1:].contiguous(), w.contiguous(), s) for i, w, s in zip(*parts, starts)]


def document_figures(shards: Shards, tokenizer, runtime: Runtime, length: int, eval_tokens: int) -> Figures:
    """Bits per byte of the validation documents, from their start, so always of the same ones."""
    if not shards.splits["val"]:
        raise UserError(
            f"{shards.folder} has no validation documents, so nothing would tell how training goes",
            "import more than one document, or use --split tail",
        )

    def figures(model) -> dict[str, float]:
        found = bits_per_byte(model, shards.documents("val"), tokenizer, length, runtime, eval_tokens)
        return {"val_bpb": found.value}

    return figures


def chat_figures(held_out: list, runtime: Runtime, length: int, micro_rows: int) -> Figures:
    """Mean nats per assistant token of held-out conversations (ids, mask)."""
    longest = min(length, max(len(ids) for ids, _ in held_out) - 1)
    sizes = np.array([len(ids) for ids, _ in held_out])
    rows = [[held_out[c] for c in row] for row in groups(sizes, longest + 1)][runtime.rank :: runtime.world]
    micro_rows = max(1, micro_rows * length // longest)

    def figures(model) -> dict[str, float]:
        total = torch.zeros(2, dtype=torch.float64, device=runtime.device)
        if rows:
            ids, weights, starts = lay_out(rows, longest)
            for batch in to_batches(Rows(ids, weights, 1.0, starts), micro_rows, 1.0):
                inputs, targets, weights, starts = batch.to(runtime.device)
                total += torch.stack([model.loss(inputs, targets, weights, starts), weights.sum()]).double()
        nats, count = runtime.sum(total).tolist()
        return {"val_loss": nats / max(1.0, count)}

    return figures


def render_all(conversations: list, tokenizer, length: int) -> tuple[list, int]:
    """
    Conversations -> ((ids int32, mask bool) of those that fit `length` + 1 tokens and have something to learn, how many
    were dropped). Arrays, since lists of Python ints would take ten times the memory.
    """
    kept = []
    for messages in conversations:
        ids, mask = render(tokenizer, messages)
        if len(ids) <= length + 1 and any(mask[1:]):
            kept.append((np.asarray(ids, dtype=np.int32), np.asarray(mask, dtype=bool)))
    return kept, len(conversations) - len(kept)


def weigh(rendered: list, prompt_weight: float) -> list:
    """(ids, mask) -> (ids, weights float32): 1 on what the assistant says, prompt_weight on the rest."""
    return [(ids, np.where(mask, np.float32(1), np.float32(prompt_weight))) for ids, mask in rendered]


def rows_of(batch_tokens: int, length: int, world: int) -> int:
    """Rows of a step of about batch_tokens, a multiple of the ranks."""
    return world * max(1, math.ceil(batch_tokens / length / world))
