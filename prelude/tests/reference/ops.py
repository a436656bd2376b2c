"""Writes ../fixtures/ops.safetensors: inputs, values and gradients of PyTorch's own operations.

Run it with PyTorch 2.x, timm, safetensors and numpy installed:  python prelude/tests/reference/ops.py
The numbers come from a fixed seed; each case is saved as CASE/INPUT, CASE/out, CASE/seed (the gradient that
enters backward) and CASE/grad.INPUT.
"""
import pathlib

import timm
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(20261122)
torch.set_num_threads(1)
saved = {}


def case(name, inputs, function, frozen=()):
    """Runs one operation on named inputs and saves everything."""
    leaves = {}
    for key, value in inputs.items():
        value = value.clone()
        if value.is_floating_point() and key not in frozen:
            value.requires_grad_()
        leaves[key] = value
    out = function(**leaves)
    seed = torch.randn_like(out)
    out.backward(seed)
    for key, value in leaves.items():
        stored = value.detach()
        saved[f"{name}/{key}"] = stored.to(torch.uint32) if stored.dtype == torch.int64 else stored.contiguous()
        if value.grad is not None:
            saved[f"{name}/grad.{key}"] = value.grad.contiguous()
    saved[f"{name}/out"] = out.detach().contiguous()
    saved[f"{name}/seed"] = seed.contiguous()


r = torch.randn


def conv(name, x, w, bias=True, **options):
    inputs = {"x": r(*x), "w": r(*w)}
    if bias:
        inputs["b"] = r(w[0])
    case(name, inputs, lambda x, w, b=None: F.conv2d(x, w, b, **options))


conv("conv_plain", (2, 3, 9, 7), (4, 3, 3, 3))
conv("conv_padded", (2, 4, 10, 12), (5, 4, 3, 3), padding=1)
conv("conv_wide", (1, 8, 17, 23), (9, 8, 3, 3), bias=False, padding=1)
conv("conv_stride", (2, 3, 11, 8), (4, 3, 3, 3), stride=2, padding=1)
conv("conv_stem", (1, 3, 21, 18), (4, 3, 7, 7), bias=False, stride=2, padding=3)
conv("conv_oblong", (1, 2, 9, 14), (3, 2, 5, 2), stride=(3, 1), padding=(2, 0), dilation=(1, 3))
conv("conv_dilated", (1, 3, 13, 11), (2, 3, 3, 3), padding=2, dilation=2)
conv("conv_groups", (2, 6, 8, 9), (4, 3, 3, 3), padding=1, groups=2)
conv("conv_point", (2, 7, 5, 6), (6, 7, 1, 1))
conv("conv_point_stride", (1, 5, 7, 8), (3, 5, 1, 1), bias=False, stride=2)
conv("conv_depthwise", (2, 5, 9, 10), (5, 1, 3, 3), padding=1, groups=5)
conv("conv_depthwise_stride", (2, 4, 11, 8), (4, 1, 5, 5), bias=False, stride=2, padding=2, groups=4)
conv("conv_depthwise_many", (1, 3, 7, 9), (6, 1, 3, 3), stride=(1, 2), padding=1, dilation=(2, 1), groups=3)

case("max_pool", {"x": r(2, 3, 11, 13)}, lambda x: F.max_pool2d(x, 3, 2, 1))
case("max_pool_oblong", {"x": r(1, 2, 9, 10)}, lambda x: F.max_pool2d(x, (2, 4), (1, 3), (1, 2)))
case("max_pool_ties", {"x": r(1, 2, 8, 8).clamp(min=0)}, lambda x: F.max_pool2d(x, 3, 1, 1))
case("avg_pool", {"x": r(2, 3, 11, 13)}, lambda x: F.avg_pool2d(x, 3, 2, 1))
case("avg_pool_inside", {"x": r(2, 3, 8, 9)}, lambda x: F.avg_pool2d(x, (3, 2), (2, 1), (1, 1), count_include_pad=False))
case("adaptive_pool", {"x": r(2, 3, 11, 13)}, lambda x: F.adaptive_avg_pool2d(x, (4, 5)))
case("adaptive_pool_one", {"x": r(2, 3, 7, 5)}, lambda x: F.adaptive_avg_pool2d(x, (1, 1)))


def norm(name, x, function, c):
    case(name, {"x": r(*x) * 2 + 1, "gamma": r(c), "beta": r(c)}, function)


norm("batch_norm", (3, 4, 5, 7), lambda x, gamma, beta: F.batch_norm(x, None, None, gamma, beta, True, 0.1, 1e-5), 4)
mean, var = torch.zeros(4), torch.ones(4)
F.batch_norm(saved["batch_norm/x"], mean, var, training=True, momentum=1.0)
saved["batch_norm/mean"], saved["batch_norm/var"] = mean, var
case(
    "batch_norm_eval",
    {"x": r(3, 4, 5, 7), "mean": r(4), "var": r(4).abs() + 0.1, "gamma": r(4), "beta": r(4)},
    lambda x, mean, var, gamma, beta: F.batch_norm(x, mean, var, gamma, beta, False, 0.1, 1e-3),
    frozen=("mean", "var"),
)
norm("layer_norm", (3, 5, 37), lambda x, gamma, beta: F.layer_norm(x, (37,), gamma, beta, 1e-6), 37)
norm("group_norm", (2, 6, 5, 4), lambda x, gamma, beta: F.group_norm(x, 3, gamma, beta, 1e-5), 6)

wide = torch.cat([r(60) * 3, torch.tensor([0.0, 3.0, -3.0, 6.0, 20.0, -20.0, 90.0, -90.0])])
for name, function in {
    "relu": F.relu,
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "hard_swish": F.hardswish,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
}.items():
    case(name, {"x": wide}, lambda x: function(x))

case("softmax", {"x": r(3, 5, 4) * 4}, lambda x: F.softmax(x, 1))
case("softmax_last", {"x": r(3, 5, 11) * 4}, lambda x: F.softmax(x, -1))
case("log_softmax", {"x": r(3, 11) * 40}, lambda x: F.log_softmax(x, 1))

targets = torch.tensor([0, 3, 6, 2, 2])
case("cross_entropy", {"x": r(5, 7) * 3, "t": targets}, lambda x, t: F.cross_entropy(x, t))
case(
    "cross_entropy_full",
    {"x": r(5, 7) * 3, "t": targets, "weights": r(7).abs() + 0.1},
    lambda x, t, weights: F.cross_entropy(x, t, weights, label_smoothing=0.1),
    frozen=("weights",),
)
case("smooth_l1", {"x": r(4, 6), "y": r(4, 6)}, lambda x, y: F.smooth_l1_loss(x, y, beta=0.7))
case(
    "bce",
    {"x": torch.cat([r(20) * 3, torch.tensor([100.0, -100.0])]), "y": torch.rand(22)},
    lambda x, y: F.binary_cross_entropy_with_logits(x, y),
    frozen=("y",),
)
case("linear", {"x": r(3, 4, 9), "w": r(5, 9), "b": r(5)}, lambda x, w, b: F.linear(x, w, b))
case("embedding", {"x": r(6, 5), "i": torch.tensor([[1, 5, 1], [0, 1, 3]])}, lambda x, i: F.embedding(i, x))
for name, size in {"up": (11, 9), "down": (3, 4)}.items():
    case(f"nearest_{name}", {"x": r(2, 3, 5, 6)}, lambda x: F.interpolate(x, size, mode="nearest"))
    for corners in (False, True):
        case(
            f"bilinear_{name}_{str(corners).lower()}",
            {"x": r(2, 3, 5, 6)},
            lambda x: F.interpolate(x, size, mode="bilinear", align_corners=corners),
        )

# Larger, so that whole vectors of pixels and channels are met, and remainders.
conv("conv_tiles", (4, 16, 15, 13), (17, 16, 3, 3), bias=False, padding=1)

# TensorFlow's SAME: the odd zero at the bottom and the right.
case("conv_same", {"x": r(2, 3, 10, 9), "w": r(4, 3, 3, 3)}, lambda x, w: F.conv2d(F.pad(x, (1, 1, 0, 1)), w, None, 2))
case("conv_same_depthwise", {"x": r(2, 4, 8, 12), "w": r(4, 1, 5, 5)}, lambda x, w: F.conv2d(F.pad(x, (1, 2, 1, 2)), w, None, 2, 0, 1, 4))
case("attention", {"x": r(2, 7, 3 * 12)}, lambda x: F.scaled_dot_product_attention(
    *x.reshape(2, 7, 3, 3, 4).permute(2, 0, 3, 1, 4)).transpose(1, 2).reshape(2, 7, 12))
case("tokens", {"x": r(2, 5, 3, 4), "c": r(1, 1, 5), "p": r(1, 13, 5)}, lambda x, c, p: torch.cat(
    [c.expand(2, -1, -1), x.flatten(2).transpose(1, 2)], 1) + p)
case("gate", {"x": r(2, 5, 3, 4), "s": r(2, 5, 1, 1)}, lambda x, s: x * s)
case("add_relu", {"x": r(2, 5, 3), "y": r(2, 5, 3)}, lambda x, y: F.relu(x + y))
for name, size in {"up": (6, 5), "down": (3, 2)}.items():
    case(f"places_{name}", {"x": r(1, 17, 3)}, lambda x: timm.layers.resample_abs_pos_embed(x, list(size), [4, 4]))
for name, function in {"relu6": F.relu6, "silu": F.silu}.items():
    norm(f"batch_norm_{name}", (3, 4, 5, 7), lambda x, gamma, beta: function(F.batch_norm(x, None, None, gamma, beta, True, 0.1, 1e-5)), 4)

path = pathlib.Path(__file__).parent.parent / "fixtures" / "ops.safetensors"
save_file(saved, path)
print(f"{path}: {len(saved)} tensors, {path.stat().st_size} bytes, PyTorch {torch.__version__}")
