"""Numbers made from names and the few of them that a fixture keeps: what the detectors' references share.

`values` and `four` are those of models.py; ../models.rs makes the same numbers in Rust.
"""
import numpy as np
import torch


def values(name, shape):
    """Numbers of the size that a network's layers want: the same from the same name everywhere."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    count = int(np.prod(shape))
    h = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9) + np.uint32(seed)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    u = (h >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    if len(shape) > 1:
        u *= np.float32(np.sqrt(6 / np.prod(shape[1:])))
    elif name.endswith("weight") or name.endswith("running_var"):
        u = np.float32(1) + np.float32(0.25) * u
    else:
        u *= np.float32(0.1)
    return torch.from_numpy(u.reshape(shape))


def spread(name, shape, half=1.0):
    """Numbers between ±half, evenly spread, in f64."""
    return (values(name, (int(np.prod(shape)), 1)).double() / np.sqrt(6) * half).reshape(shape)


def picture(name, shape):
    """Pictures: numbers between ±1.5, as in models.py."""
    return (values(name, (int(np.prod(shape)), 1)) * np.float32(1.5 / np.sqrt(6))).reshape(shape).double()


def places(tensor, count):
    """The numbers at `count` even places from the first to the last."""
    flat = tensor.detach().flatten()
    return flat[[k * (len(flat) - 1) // (count - 1) for k in range(count)]]


def four(tensor):
    return places(tensor, 4)


def one(number):
    return torch.as_tensor(number, dtype=torch.float64).detach().reshape(1)


def step_of(model, rate):
    """After backward: a step of SGD; for each parameter [norm of the gradient, four of it, sum after, four after],
    for each buffer [sum, four] as the pass in training left it."""
    torch.optim.SGD(model.parameters(), lr=rate).step()
    kept = {}
    for key, param in model.named_parameters():
        if param.grad is not None:
            numbers = [one(param.grad.norm()), four(param.grad), one(param.sum()), four(param)]
            kept[key] = torch.cat(numbers).float()
    for key, buffer in model.named_buffers():
        if "running" in key:
            kept[key] = torch.cat([one(buffer.sum()), four(buffer)]).float()
    return kept
