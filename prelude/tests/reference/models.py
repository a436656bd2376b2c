"""Writes ../fixtures/models.safetensors: logits and one training step of torchvision's and timm's own networks.

Run it with torch, torchvision, timm and safetensors installed:  python prelude/tests/reference/models.py
Weights and pictures are not saved: `values` makes them from a name, here and in ../models.rs alike. For each network,
of 10 classes, worked out in f64 without dropout:
MODEL/logits (evaluation), MODEL/loss (training), MODEL/logits_oblong (ViT at 64×96), and for each parameter
MODEL/of/NAME = [norm of the gradient, 4 numbers of the gradient, sum after a step of SGD, 4 numbers after it],
for each buffer the last five. The four stand at the places 0, ⅓, ⅔ and the last.
"""
import pathlib

import numpy as np
import timm
import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import save_file

torch.set_num_threads(2)
RATE = 0.05


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


def picture(name, shape):
    """Pictures: as values, but between ±1.5."""
    return (values(name, (int(np.prod(shape)), 1)) * np.float32(1.5 / np.sqrt(6))).reshape(shape).double()


def four(tensor):
    flat = tensor.detach().flatten()
    return flat[[k * (len(flat) - 1) // 3 for k in range(4)]]


saved = {}


def run(name, model, side, batch):
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    state = {k: values(k, tuple(v.shape)) for k, v in model.state_dict().items() if "num_batches" not in k}
    model.load_state_dict(state, strict=False)
    model = model.double().eval()
    x, labels = picture(f"{name}/x", (batch, 3, side, side)), torch.arange(batch) % 10
    with torch.no_grad():
        saved[f"{name}/logits"] = model(x).float()
        if hasattr(model, "pos_embed"):
            saved[f"{name}/logits_oblong"] = model(picture(f"{name}/oblong", (batch, 3, 64, 96))).float()
    model.train()
    loss = F.cross_entropy(model(x), labels)
    loss.backward()
    saved[f"{name}/loss"] = loss.detach().float().reshape(1)
    torch.optim.SGD(model.parameters(), lr=RATE).step()
    for key, param in model.named_parameters():
        numbers = [param.grad.norm().reshape(1), four(param.grad), param.detach().sum().reshape(1), four(param)]
        saved[f"{name}/of/{key}"] = torch.cat(numbers).float()
    for key, buffer in model.named_buffers():
        if "num_batches" not in key:
            saved[f"{name}/of/{key}"] = torch.cat([buffer.sum().reshape(1), four(buffer)]).float()
    print(name, saved[f"{name}/logits"][0].numpy(), loss.item(), flush=True)


for name in ["resnet18", "resnet34", "resnet50", "mobilenet_v2", "vgg11", "vgg11_bn", "vgg16", "vgg16_bn"]:
    run(name, torchvision.models.get_model(name, num_classes=10), 64, 4)
run("efficientnet_lite0", timm.create_model("tf_efficientnet_lite0", num_classes=10), 64, 4)
run("efficientnet_b0", timm.create_model("efficientnet_b0", num_classes=10), 64, 4)
for name in ["vit_tiny", "vit_small"]:
    run(name, timm.create_model(f"{name}_patch16_224", num_classes=10, dynamic_img_size=True), 224, 2)

path = pathlib.Path(__file__).parent.parent / "fixtures" / "models.safetensors"
save_file({k: v.contiguous() for k, v in saved.items()}, path)
print(f"{path}: {len(saved)} tensors, {path.stat().st_size} bytes, PyTorch {torch.__version__}, timm {timm.__version__}")
