"""Writes ../fixtures/augment.safetensors: what torchvision and PIL make of a small picture.

Run it with torchvision, Pillow, numpy and safetensors installed:  python prelude/tests/reference/augment.py
picture (3, side, side); hue, blur: the picture changed, from 0 to 255; corners and coefficients of a perspective;
a field a tone of RandAugment, of PIL's bytes; shares, logits and the losses of two pictures mixed; focal losses.
"""
import pathlib

import numpy as np
import torch
import torchvision.transforms.v2.functional as F
from PIL import Image, ImageEnhance, ImageOps
from safetensors.numpy import save_file
from torchvision.ops import sigmoid_focal_loss
from torchvision.transforms.functional import _get_perspective_coeffs

SIDE = 24
y, x, c = np.meshgrid(np.arange(SIDE), np.arange(SIDE), np.arange(3), indexing="ij")
pixels = ((x * 7 + y * 5 + c * 61 + (x * y * (c + 1)) // 3) % 190 + 20).astype(np.uint8)
image = Image.fromarray(pixels)
planes = torch.from_numpy(pixels).permute(2, 0, 1)
out = {"picture": planes.float()}
out["hue"] = torch.stack([F.adjust_hue(planes.float() / 255, by) * 255 for by in (0.1, -0.35, 0.5)])
out["blur"] = torch.stack(
    [F.gaussian_blur(planes.float(), [2 * int(np.ceil(3 * s)) + 1] * 2, [s, s]) for s in (0.7, 2.0)]
)
ends = [[3, 1], [21, 4], [23, 20], [2, 23]]
starts = [[0, 0], [24, 0], [24, 24], [0, 24]]
out["ends"] = torch.tensor(ends).float()
out["coefficients"] = torch.tensor(_get_perspective_coeffs(starts, ends)).float()
tones = {
    "brightness": ImageEnhance.Brightness(image).enhance(1.4),
    "colour": ImageEnhance.Color(image).enhance(0.3),
    "contrast": ImageEnhance.Contrast(image).enhance(1.7),
    "sharpness": ImageEnhance.Sharpness(image).enhance(1.9),
    "posterize": ImageOps.posterize(image, 3),
    "solarize": ImageOps.solarize(image, 128),
    "autocontrast": ImageOps.autocontrast(image),
    "equalize": ImageOps.equalize(image),
}
for name, changed in tones.items():
    out[name] = torch.from_numpy(np.array(changed)).permute(2, 0, 1).float()

logits = torch.tensor([[1.2, -0.3, 0.4], [0.1, 0.9, -1.5], [-0.7, 0.2, 2.2], [0.0, 0.5, -0.1]], requires_grad=True)
classes = torch.tensor([0, 2, 2, 1])
soft = torch.nn.functional.one_hot(classes, 3).float()
share = torch.tensor([0.8, 1.0, 0.55, 0.7])[:, None]
soft = share * soft + (1 - share) * soft[[1, 1, 3, 0]]
weights = torch.tensor([0.5, 2.0, 1.25])
out["logits"], out["classes"], out["soft"], out["weights"] = logits.detach(), classes.int(), soft, weights


def of(name, loss):
    logits.grad = None
    loss.backward()
    out[name] = torch.cat([loss.detach().reshape(1), logits.grad.flatten()])


cross = torch.nn.functional.cross_entropy
of("mixed", cross(logits, soft))
of("mixed_smooth", cross(logits, soft, label_smoothing=0.1))
of("weighted", cross(logits, classes, weight=weights))
of("weighted_smooth", cross(logits, classes, weight=weights, label_smoothing=0.1))
logs = logits.log_softmax(1)
own = logs.gather(1, classes[:, None])[:, 0]
w = weights[classes]
of("focal", (w * (1 - own.exp()) ** 2 * -own).sum() / w.sum())
logs = logits.log_softmax(1)
own = logs.gather(1, classes[:, None])[:, 0]
of("focal_half", ((1 - own.exp()) ** 0.5 * -own).mean())
labels = torch.tensor([[1.0, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]])
out["labels"] = labels
of("sigmoid_focal", sigmoid_focal_loss(logits, labels, alpha=-1, gamma=2, reduction="mean"))
of("sigmoid_focal_alpha", sigmoid_focal_loss(logits, labels, alpha=0.25, gamma=1.5, reduction="mean"))
of("pos_weight", torch.nn.functional.binary_cross_entropy_with_logits(logits, labels, pos_weight=weights))

folder = pathlib.Path(__file__).parent.parent / "fixtures"
arrays = {name: np.ascontiguousarray(value.numpy()) for name, value in out.items()}
save_file(arrays, folder / "augment.safetensors")
print({name: value.shape for name, value in arrays.items()})
