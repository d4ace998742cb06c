"""
AdamW for every parameter, as nanoGPT trains and as public weights were trained: the choice for finetuning those. State
is sharded and saved as in muon.py, which uses Slice for what is no matrix.
"""

import torch
import torch.distributed as dist
from torch import Tensor, nn

WEIGHT_DECAY = 0.1


def usual_lr(width: int) -> float:
    """Peak learning rate for a model of this width: 6e-4 at 768 as for GPT-2 and GPT-3, at most 1e-3."""
    return min(1e-3, 6e-4 * 768 / width)


class AdamW:
    """
    named: name -> parameter. groups: group name -> parameters. lr: peak learning rate. weight_decay: of everything with
    two dimensions, multiplied by the learning rate. rank, world: this rank and how many share the state.
    """

    def __init__(self, named: dict[str, nn.Parameter], groups: dict[str, list[nn.Parameter]], lr: float,
                 weight_decay: float = 0.0, betas: tuple[float, float] = (0.9, 0.95), eps: float = 1e-8,
                 rank: int = 0, world: int = 1):  # fmt: skip
        self.world, self.steps = world, 0
        self.lr, self.weight_decay, self.betas, self.eps = lr, weight_decay, betas, eps
        names = {id(p): name for name, p in named.items()}
        self.slices = [Slice(names[id(p)], p, group, rank, world) for group, ps in groups.items() for p in ps]

    @torch.no_grad()
    def step(self, lr_scale: float = 1.0, momentum: float | None = None) -> None:
        """One update from the gradients, which must already be summed over ranks. momentum is Muon's, not used here."""
        self.steps += 1
        for s in self.slices:
            decay = self.weight_decay if s.param.ndim >= 2 else 0.0
            s.update(self.lr * lr_scale, self.steps, self.betas, self.eps, decay)
            if self.world > 1:
                s.share()

    def state_dict(self) -> dict[str, Tensor]:
        """Name -> whole tensor on CPU, the same on all ranks whatever their number."""
        state = {"steps": torch.tensor(self.steps)}
        for s in self.slices:
            state.update(s.gather())
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.steps = int(state["steps"])
        for s in self.slices:
            s.scatter(state)


class Slice:
    """One AdamW parameter. Rank r updates the flat elements [r * per, (r + 1) * per)."""

    def __init__(self, name: str, param: nn.Parameter, group: str, rank: int, world: int):
        self.name, self.param, self.group, self.world = name, param, group, world
        n = param.numel()
        self.per = -(-n // world)
        self.range = slice(min(rank * self.per, n), min((rank + 1) * self.per, n))
        size = self.range.stop - self.range.start
        self.first, self.second = (torch.zeros(size, device=param.device) for _ in range(2))

    def update(self, lr: float, step: int, betas: tuple[float, float], eps: float, decay: float = 0.0) -> None:
        """step: counted from 1."""
        grad, weights = self.part(self.param.grad), self.own(self.param.data)
        self.first.lerp_(grad, 1 - betas[0])
        self.second.mul_(betas[1]).addcmul_(grad, grad, value=1 - betas[1])
        if decay:
            weights.mul_(1 - lr * decay)
        scale = (1 - betas[1] ** step) ** 0.5
        weights.addcdiv_(self.first, self.second.sqrt().div_(scale).add_(eps), value=-lr / (1 - betas[0] ** step))

    def part(self, tensor: Tensor) -> Tensor:
        return tensor.reshape(-1)[self.range]

    def own(self, tensor: Tensor) -> Tensor:
        return tensor.view(-1)[self.range]  # view, not reshape: the update must land in the parameter

    def share(self) -> None:
        flat = self.param.data.view(-1)
        flat.copy_(self._gather_flat(self.own(self.param.data)))

    def _gather_flat(self, part: Tensor) -> Tensor:
        if self.world == 1:
            return part
        padded = part.new_zeros(self.per)
        padded[: part.numel()] = part
        out = [torch.empty_like(padded) for _ in range(self.world)]
        dist.all_gather(out, padded)
        return torch.cat(out)[: self.param.numel()]

    def gather(self) -> dict[str, Tensor]:
        pairs = (("first", self.first), ("second", self.second))
        return {f"{self.name}.{key}": self._gather_flat(t).view(self.param.shape).cpu().clone() for key, t in pairs}

    def scatter(self, state: dict[str, Tensor]) -> None:
        self.first.copy_(self.part(state[f"{self.name}.first"]))
        self.second.copy_(self.part(state[f"{self.name}.second"]))
