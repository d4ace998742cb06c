"""
Muon for the matrices, AdamW for the rest: one class for 1 or N ranks, with sharded state.

Muon (K. Jordan 2024): the momentum of a matrix is replaced by the nearest semi-orthogonal matrix, found by the Polar
Express iteration (arXiv 2505.16932); NorMuon (arXiv 2510.05491) then evens out the rows; cautious weight decay (arXiv
2510.12402) shrinks only where the update agrees in sign with the weight. Matrices of one shape are one batch.

Every rank holds all weights. Of the state, rank r holds its share: of a stack of matrices the ones it updates, of an
AdamW tensor a flat slice. `state_dict` gathers whole tensors by parameter name, so a run saved on 2 ranks resumes on 1.
"""

import torch
import torch.distributed as dist
from torch import Tensor, nn

from acorn.optim.adamw import Slice

ADAM_BETAS, ADAM_EPS = (0.8, 0.95), 1e-10  # of what is no matrix

# Optimal quintic coefficients for singular values in [1e-3, 1], five steps (arXiv 2505.16932, table for cushion 2e-2).
POLAR_EXPRESS = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)


def orthogonalize(x: Tensor) -> Tensor:
    """
    (n, R, C) -> U Vᵀ of each matrix, nearly: singular values land near 1. Computes in the dtype of x.
    """
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x  # the product below is over the short side
    x = x / (x.norm(dim=(-2, -1), keepdim=True) * 1.02 + 1e-6)
    for a, b, c in POLAR_EXPRESS:
        s = x @ x.mT
        p = torch.baddbmm(s, s, s, beta=b, alpha=c)
        x = torch.baddbmm(x, p, x, beta=a)
    return x.mT if tall else x


class MuonAdamW:
    """
    named: name -> parameter. groups: group name -> parameters ("matrix" goes to Muon). lr: group name -> peak learning
    rate.
    weight_decay: of the matrices, multiplied by their learning rate. rank, world: this rank and how many share the
    state.
    """

    def __init__(self, named: dict[str, nn.Parameter], groups: dict[str, list[nn.Parameter]], lr: dict[str, float],
                 weight_decay: float = 0.0, dtype: torch.dtype = torch.float32, rank: int = 0, world: int = 1):  # fmt: skip  # noqa: E501
        self.rank, self.world, self.dtype = rank, world, dtype
        self.lr, self.weight_decay, self.steps = lr, weight_decay, 0
        names = {id(p): name for name, p in named.items()}
        self.stacks = []  # Muon: matrices of one shape, padded to a multiple of world
        by_shape: dict[tuple, list[nn.Parameter]] = {}
        for p in groups["matrix"]:
            by_shape.setdefault(tuple(p.shape), []).append(p)
        for params in by_shape.values():
            self.stacks.append(_Stack([names[id(p)] for p in params], params, rank, world))
        self.slices = [
            Slice(names[id(p)], p, group, rank, world) for group, ps in groups.items() if group != "matrix" for p in ps
        ]

    @torch.no_grad()
    def step(self, lr_scale: float = 1.0, momentum: float = 0.95) -> None:
        """One update from the gradients, which must already be summed over ranks."""
        self.steps += 1
        for stack in self.stacks:
            if stack.mine:
                self._muon(stack, self.lr["matrix"] * lr_scale, momentum)
            if self.world > 1:
                stack.share()
        for s in self.slices:
            s.update(self.lr[s.group] * lr_scale, self.steps, ADAM_BETAS, ADAM_EPS)
            if self.world > 1:
                s.share()

    def _muon(self, stack: "_Stack", lr: float, momentum: float) -> None:
        grad = torch.stack([p.grad for p in stack.mine])  # (n, R, C)
        stack.momentum.lerp_(grad, 1 - momentum)
        update = orthogonalize(grad.lerp_(stack.momentum, momentum).to(self.dtype)).float()  # Nesterov
        # NorMuon: divide rows (columns of a wide matrix) by a running root mean square, then restore the norm
        dim = -1 if update.shape[-2] >= update.shape[-1] else -2
        mean = update.square().mean(dim=dim, keepdim=True)
        norm = mean.sum((-2, -1), keepdim=True).sqrt()
        stack.second.lerp_(mean, 0.05)
        inverse = stack.second.clamp_min(1e-10).rsqrt()
        scaled = (mean * inverse.square()).sum((-2, -1), keepdim=True).sqrt()
        update *= inverse * (norm / scaled.clamp_min(1e-10))
        lr *= max(1.0, update.shape[-2] / update.shape[-1]) ** 0.5
        weights = torch.stack([p.data for p in stack.mine])
        if self.weight_decay:
            update.addcmul_(weights, (update * weights > 0).float(), value=self.weight_decay)
        torch._foreach_copy_([p.data for p in stack.mine], list(weights.add_(update, alpha=-lr)))

    def state_dict(self) -> dict[str, Tensor]:
        """Name -> whole tensor on CPU, the same on all ranks whatever their number."""
        state = {"steps": torch.tensor(self.steps)}
        for part in (*self.stacks, *self.slices):
            state.update(part.gather())
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.steps = int(state["steps"])
        for part in (*self.stacks, *self.slices):
            part.scatter(state)


class _Stack:
    """Matrices of one shape. Rank r updates items [r * per, (r + 1) * per)."""

    def __init__(self, names: list[str], params: list[nn.Parameter], rank: int, world: int):
        self.names, self.params, self.world = names, params, world
        self.per = -(-len(params) // world)
        self.range = range(min(rank * self.per, len(params)), min((rank + 1) * self.per, len(params)))
        self.mine = [params[i] for i in self.range]
        rows, columns = params[0].shape
        device = params[0].device
        self.momentum = torch.zeros(len(self.mine), rows, columns, device=device)
        shape = (rows, 1) if rows >= columns else (1, columns)
        self.second = torch.zeros(len(self.mine), *shape, device=device)

    def share(self) -> None:
        """Give every rank the matrices that the others updated."""
        for i, whole in enumerate(_all_gather([p.data for p in self.mine], self.params[0].data, self.per, self.world)):
            if i < len(self.params) and i not in self.range:
                self.params[i].data.copy_(whole)

    def gather(self) -> dict[str, Tensor]:
        out = {}
        for key, held in (("momentum", self.momentum), ("second", self.second)):
            like = (
                held[0] if len(held) else torch.zeros_like(self.params[0]) if key == "momentum" else self._second_like()
            )
            whole = list(held) if self.world == 1 else _all_gather(list(held), like, self.per, self.world)
            out.update({f"{name}.{key}": t.detach().cpu().clone() for name, t in zip(self.names, whole)})
        return out

    def _second_like(self) -> Tensor:
        rows, columns = self.params[0].shape
        return self.params[0].new_zeros((rows, 1) if rows >= columns else (1, columns))

    def scatter(self, state: dict[str, Tensor]) -> None:
        for i, index in enumerate(self.range):
            self.momentum[i].copy_(state[f"{self.names[index]}.momentum"])
            self.second[i].copy_(state[f"{self.names[index]}.second"])


def _all_gather(mine: list[Tensor], like: Tensor, per: int, world: int) -> list[Tensor]:
    """
    Each rank gives up to `per` tensors shaped like `like` -> per * world tensors, in rank order, zeros where a rank
    had fewer.
    """
    padded = like.new_zeros((per, *like.shape))
    for i, t in enumerate(mine):
        padded[i] = t
    out = [torch.empty_like(padded) for _ in range(world)]
    dist.all_gather(out, padded)
    return list(torch.cat(out))
