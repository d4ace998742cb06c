"""A stage that makes a model no better gives its weights back."""

import pytest
import torch

from acorn.checkpoint import load_checkpoint
from acorn.model.nano import Nano, NanoConfig
from acorn.optim.plan import plan
from acorn.runtime import Runtime
from acorn.tokenizer.train import train_chars
from acorn.train.loop import Batch, LoopConfig, train
from acorn.train.setup import make_optimizer


class Stage:
    """Its figure rises or falls, as given."""

    notes: dict = {}

    def __init__(self, figures):
        self.figures = figures
        self.ids = torch.randint(0, 20, (2, 8), generator=torch.Generator().manual_seed(0))

    def batches(self):
        return [Batch(self.ids, self.ids, torch.full((2, 8), 1 / 16))]

    def evaluate(self, model):
        return {"reward": self.figures.pop(0), "stderr": 0.1}

    def state_dict(self):
        return {}


@pytest.mark.parametrize("figures, kept", [([0.5, 0.4], False), ([0.5, 0.59], False), ([0.5, 0.7], True)])
def test_the_weights_are_the_first_ones_unless_the_figure_rose(tmp_path, figures, kept, capsys):
    (tmp_path / "rl").mkdir()
    model = Nano(NanoConfig(20, 1, 1, 1, 8, 8))
    model.init_weights(torch.Generator().manual_seed(0))
    runtime = Runtime(torch.device("cpu"), torch.float32)
    optimizer = make_optimizer(model, plan(1, n_embd=8, vocab_size=20, block_size=8), runtime, 1.0)
    before = {name: p.clone() for name, p in model.state_dict().items()}
    found = list(figures)
    config = LoopConfig(2, eval_first=True, fall_back="reward")
    now = train("rl", model, optimizer, Stage(figures), config, tmp_path / "rl", runtime, train_chars(["abc"]))
    saved = load_checkpoint(tmp_path / "rl" / "checkpoint-000002")[0].state_dict()
    assert all(torch.equal(saved[name], p) for name, p in before.items()) != kept
    assert now.figures["reward"] == (found[1] if kept else found[0])
    assert ("the first weights stay" in capsys.readouterr().err) != kept
