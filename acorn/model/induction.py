"""
A start from which a nano model copies: attention that finds where a token stood before and says what followed it.

Induction heads (arXiv 2209.11895) appear late in training, and at once; up to then no name of a request arrives in its
answer whole. They are two layers of linear maps, so they can be written down (as arXiv 2305.09828 does with other
patterns) and trained from there. Nothing else about the model changes, so it exports as before.

With x the normalised embedding, P (D, C) and Q1, Q2, S (C, D) random with orthonormal columns, the Qs and S apart:
    block 0, head h < 2     attends h + 1 places back, writes GAIN · Qh P x of there
    block 1, head 0         looks for P x of here among what Q1 holds: the places behind the same token
             head 1         also for what Q1 holds here among what Q2 holds there: behind the same two tokens
             both           write S P x of the place they found
    the model's head        ALPHA · P x of a token, read from S
"""

import torch
from torch import Tensor

from acorn.errors import UserError
from acorn.model.layers import rope_frequencies
from acorn.model.nano import Nano, NanoConfig

CONSTANT = 3.0  # the first number of all embeddings: what heads see that attend by place alone
TURNING = 4  # pairs of a head's dimensions, those that turn fastest, tell places apart
GAIN = 2.0  # over a token's own embedding, which is in the way
ALPHA = 0.1


def why_not(config: NanoConfig) -> str:
    """What is missing for such heads, or ''."""
    if config.n_layer < 2 or config.n_head < 3 or config.n_kv_head != config.n_head:
        return "needs 2 layers and 3 heads at least, each with keys of its own"
    return "" if config.head_dim >= 4 * TURNING else f"needs heads of {4 * TURNING} dimensions, not {config.head_dim}"


@torch.no_grad()
def begin_with_induction(model: Nano, generator: torch.Generator | None = None) -> None:
    """Overwrites two heads of the first two blocks; after `init_weights`."""
    config = model.config
    if problem := why_not(config):
        raise UserError(
            f"--induction {problem}; this one has {config.n_layer} layers, {config.n_head} heads of {config.head_dim}",
            "--depth 4, or without --induction",
        )
    C, D = config.n_embd, config.head_dim

    def orthonormal(columns: int) -> Tensor:
        found = torch.linalg.qr(torch.randn(C, columns, generator=generator))[0]
        found[0] = 0  # the constant is nobody's content
        return found

    P, (Q1, Q2, S) = orthonormal(D).mT, orthonormal(3 * D).split(D, dim=1)
    model.embed.weight[:, 0] = CONSTANT
    first, second = model.blocks[0].attention, model.blocks[1].attention
    turns = rope_frequencies(D, config.rope_base)[:TURNING]
    # content is compared in the slower half of the dimensions, which distance hardly turns
    slow = torch.arange(D).view(2, D // 2)[:, D // 4 :].flatten()
    here, before = P[: D // 2], (Q1[:, D // 2 :].mT, Q2[:, D // 2 :].mT)
    for h in range(2):
        rows = slice(h * D, (h + 1) * D)
        for linear in (first.q, first.k, second.q, second.k):
            linear.weight[rows] = 0
        # q at i and k at j point the same way once turned by i and j, where j = i - (h + 1)
        first.k.weight[rows][:TURNING, 0] = 1
        first.q.weight[rows][:TURNING, 0] = ((h + 1) * turns).cos()
        first.q.weight[rows][D // 2 : D // 2 + TURNING, 0] = -((h + 1) * turns).sin()
        first.v.weight[rows] = second.v.weight[rows] = P
        first.out.weight[:, rows] = GAIN * (Q1, Q2)[h]
        second.q.weight[rows][slow] = here + (before[0] if h else 0)
        second.k.weight[rows][slow] = Q1[:, : D // 2].mT + (before[1] if h else 0)
        second.out.weight[:, rows] = S
    model.head.weight += ALPHA * (model.embed.weight @ P.mT) @ S.mT
