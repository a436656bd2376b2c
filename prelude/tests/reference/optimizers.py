"""Writes ../fixtures/optimizers.safetensors: the optimisers of PyTorch and timm, step by step.

Run it with PyTorch 2.x, timm 1.x and safetensors installed:  python prelude/tests/reference/optimizers.py
A layer of a weight (7, 5) and a bias (5): NAME/weight, NAME/bias, NAME/weight.grad.N, NAME/bias.grad.N (given at step N),
NAME/weight.N, NAME/bias.N (after step N), and at the end NAME/first, NAME/second and NAME/third of the weight. The rate of
step N is 0.1 / (N + 1). The bias decays in the cases whose names end in `_all` alone.
"""
import pathlib

import torch
from safetensors.torch import save_file
from timm.optim import Lamb, Lion
from timm.optim import param_groups_weight_decay
from torch import nn

torch.manual_seed(20261127)
torch.set_num_threads(1)
saved = {}

STATE = {
    "SGD": {"first": "momentum_buffer"},
    "RMSprop": {"first": "momentum_buffer", "second": "square_avg", "third": "grad_avg"},
    "Lion": {"first": "exp_avg"},
}
ADAMS = {"first": "exp_avg", "second": "exp_avg_sq"}


def case(name, make, decay, steps=6):
    layer = nn.Linear(7, 5)
    params = {"weight": layer.weight, "bias": layer.bias}
    with torch.no_grad():
        layer.weight.copy_(torch.randn(5, 7))
        layer.bias.copy_(torch.randn(5))
    for key, param in params.items():
        saved[f"{name}/{key}"] = param.detach().clone()
    everything = name.endswith("_all")
    groups = [{"params": list(layer.parameters()), "weight_decay": decay}] if everything else param_groups_weight_decay(layer, decay)
    optim = make(groups)
    for step in range(steps):
        for key, param in params.items():
            param.grad = torch.randn_like(param)
            saved[f"{name}/{key}.grad.{step}"] = param.grad.clone()
        for group in optim.param_groups:
            group["lr"] = 0.1 / (step + 1)
        optim.step()
        for key, param in params.items():
            saved[f"{name}/{key}.{step}"] = param.detach().clone()
    state = optim.state[layer.weight]
    for key, found in STATE.get(type(optim).__name__, ADAMS).items():
        if state.get(found) is not None:
            saved[f"{name}/{key}"] = state[found].clone()


case("sgd_decay", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True), 0.05)
case("adamw_decay", lambda p: torch.optim.AdamW(p, lr=0.1), 0.1)
case("adamw_all", lambda p: torch.optim.AdamW(p, lr=0.1), 0.1)
case("adam", lambda p: torch.optim.Adam(p, lr=0.1), 0.0)
case("adam_decay", lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.8, 0.99)), 0.1)
case("adam_all", lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.8, 0.99)), 0.1)
case("rmsprop", lambda p: torch.optim.RMSprop(p, lr=0.1), 0.0)
case("rmsprop_momentum", lambda p: torch.optim.RMSprop(p, lr=0.1, alpha=0.9, momentum=0.8), 0.1)
case("rmsprop_centered", lambda p: torch.optim.RMSprop(p, lr=0.1, centered=True), 0.05)
case("rmsprop_all", lambda p: torch.optim.RMSprop(p, lr=0.1, momentum=0.9, centered=True), 0.05)
case("lamb", lambda p: Lamb(p, lr=0.1, max_grad_norm=None, foreach=False), 0.01)
case("lamb_all", lambda p: Lamb(p, lr=0.1, betas=(0.8, 0.99), max_grad_norm=None, foreach=False), 0.1)
case("lion", lambda p: Lion(p, lr=0.1, foreach=False), 0.0)
case("lion_decay", lambda p: Lion(p, lr=0.1, betas=(0.95, 0.98), foreach=False), 0.3)
case("lion_all", lambda p: Lion(p, lr=0.1, foreach=False), 0.3)

path = pathlib.Path(__file__).parent.parent / "fixtures" / "optimizers.safetensors"
save_file({k: v.contiguous() for k, v in saved.items()}, path)
print(f"{len(saved)} tensors, {path.stat().st_size} bytes")
