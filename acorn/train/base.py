"""Pretraining: packed documents, weight 1/N on every target that is not padding."""

import torch

from acorn.data.rows import RowStream
from acorn.data.shards import Shards
from acorn.errors import UserError
from acorn.evals.bpb import bits_per_byte
from acorn.runtime import Runtime
from acorn.train.loop import Batch


class BaseStage:
    """
    rows: rows of one optimizer step, over all ranks. micro_rows: rows of one forward on one rank.
    eval_tokens: how much of the validation split (from its start, so always the same documents) is scored.
    """

    def __init__(
        self,
        shards: Shards,
        tokenizer,
        runtime: Runtime,
        length: int,
        rows: int,
        micro_rows: int,
        seed: int,
        eval_tokens: int,
    ):
        if not shards.splits["val"]:
            raise UserError(
                f"{shards.folder} has no validation documents, so nothing would tell how training goes",
                "import more than one document, or use --split tail",
            )
        self.stream = RowStream(shards, "train", length, seed)
        self.shards, self.tokenizer, self.runtime = shards, tokenizer, runtime
        self.length, self.rows, self.micro_rows, self.eval_tokens = length, rows, micro_rows, eval_tokens

    def batches(self) -> list[Batch]:
        rows = self.stream.next(self.rows, self.runtime.rank, self.runtime.world)
        ids, weights = torch.as_tensor(rows.ids), torch.as_tensor(rows.weights) / rows.counted
        return [
            Batch(i[:, :-1].contiguous(), i[:, 1:].contiguous(), w)
            for i, w in zip(ids.split(self.micro_rows), weights.split(self.micro_rows))
        ]

    def evaluate(self, model) -> dict[str, float]:
        result = bits_per_byte(
            model, self.shards.documents("val"), self.tokenizer, self.length, self.runtime, self.eval_tokens
        )
        return {"val_bpb": result.value}

    def state_dict(self) -> dict:
        return self.stream.state_dict()

    def load_state_dict(self, state: dict) -> None:
        self.stream.load_state_dict(state)
