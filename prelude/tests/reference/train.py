"""Writes ../fixtures/train.safetensors: PyTorch's optimisers step by step, and one training step of a residual block.

Run it with PyTorch 2.x and safetensors installed:  python prelude/tests/reference/train.py
Optimisers: NAME/start, NAME/grad.N (the gradient given at step N), NAME/value.N (after step N), and at the end
NAME/first and NAME/second (momentum_buffer, or exp_avg and exp_avg_sq); the rate of step N is 0.1 / (N + 1).
Block: block/NAME before, block.after/NAME after one step of SGD at rate 0.1; block/x, block/seed, block/out.
"""
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

torch.manual_seed(20261122)
torch.set_num_threads(1)
saved = {}


def optimiser(name, make, steps=6):
    value = nn.Parameter(torch.randn(7, 5))
    saved[f"{name}/start"] = value.detach().clone()
    optim = make([value])
    for step in range(steps):
        grad = torch.randn(7, 5)
        saved[f"{name}/grad.{step}"] = grad.clone()
        value.grad = grad
        optim.param_groups[0]["lr"] = 0.1 / (step + 1)
        optim.step()
        saved[f"{name}/value.{step}"] = value.detach().clone()
    state = optim.state[value]
    for key, names in {"first": ["momentum_buffer", "exp_avg"], "second": ["exp_avg_sq"]}.items():
        for found in names:
            if state.get(found) is not None:
                saved[f"{name}/{key}"] = state[found].clone()


optimiser("sgd", lambda p: torch.optim.SGD(p, lr=0.1))
optimiser("sgd_decay", lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.05))
optimiser("sgd_momentum", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9))
optimiser("sgd_nesterov", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01))
optimiser("adamw", lambda p: torch.optim.AdamW(p, lr=0.1))
optimiser("adamw_decay", lambda p: torch.optim.AdamW(p, lr=0.1, betas=(0.8, 0.99), eps=1e-5, weight_decay=0.1))


class Block(nn.Module):
    """torchvision.models.resnet.BasicBlock."""

    def __init__(self, start, end, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(start, end, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(end)
        self.conv2 = nn.Conv2d(end, end, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(end)
        self.downsample = nn.Sequential(nn.Conv2d(start, end, 1, stride, bias=False), nn.BatchNorm2d(end))

    def forward(self, x):
        inner = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(inner)) + self.downsample(x))


def state(block):
    return {k: v.clone() for k, v in block.state_dict().items() if not k.endswith("num_batches_tracked")}


block = Block(3, 4, 2)
for param in block.parameters():
    nn.init.normal_(param, std=0.5)
saved |= {f"block/{k}": v for k, v in state(block).items()}
x = torch.randn(3, 3, 8, 8)
optim = torch.optim.SGD(block.parameters(), lr=0.1)
out = block(x)
seed = torch.randn_like(out)
(out * seed).sum().backward()
optim.step()
saved |= {f"block.after/{k}": v for k, v in state(block).items()}
saved |= {"block/x": x, "block/seed": seed, "block/out": out.detach()}

path = pathlib.Path(__file__).parent.parent / "fixtures" / "train.safetensors"
save_file({k: v.contiguous() for k, v in saved.items()}, path)
print(f"{len(saved)} tensors, {path.stat().st_size} bytes")
