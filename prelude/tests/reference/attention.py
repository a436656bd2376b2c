"""Writes ../fixtures/attention.safetensors: Grad-CAM of torchvision's ResNet-18 and timm's ViT-Tiny, by hooks and autograd.

Run it with torch, torchvision, timm and safetensors installed:  python prelude/tests/reference/attention.py
Weights come from names as in models.py, of 10 classes; the picture's bytes are (7x + 13y + 50c + xy mod 97) mod 256, divided by 255.
MODEL/CLASS: the map (h, w) of a class before it is scaled, worked out in f64: of ResNet-18 of `layer4` at 128×128, of ViT-Tiny of
the tokens that go into the last block (pytorch-grad-cam's `reshape_transform` on `blocks[-2]`); MODEL/best: the class that is answered.
"""
import pathlib

import timm
import torch
import torchvision
from from_names import values
from safetensors.torch import save_file

saved = {}


def picture(side):
    x, y, c = torch.arange(side).view(1, 1, -1), torch.arange(side).view(1, -1, 1), torch.arange(3).view(-1, 1, 1)
    return ((7 * x + 13 * y + 50 * c + (x * y) % 97) % 256).double().unsqueeze(0) / 255


def run(name, model, layer, side):
    state = {k: values(k, tuple(v.shape)) for k, v in model.state_dict().items() if "num_batches" not in k}
    model.load_state_dict(state, strict=False)
    model = model.double().eval()
    kept = {}
    layer.register_forward_hook(lambda module, inputs, output: kept.update(maps=output))
    logits = model(picture(side))
    best = int(logits.argmax())
    saved[f"{name}/best"] = torch.tensor([best], dtype=torch.float32)
    for number in {best, 3}:
        (slope,) = torch.autograd.grad(logits[0, number], kept["maps"], retain_graph=True)
        maps = kept["maps"].detach()
        if maps.dim() == 3:  # tokens: the class token first
            grid = int((maps.shape[1] - 1) ** 0.5)
            maps, slope = [t[:, 1:].transpose(1, 2).reshape(1, -1, grid, grid) for t in (maps, slope)]
        cam = (maps * slope.mean((2, 3), keepdim=True)).sum(1).relu()[0]
        saved[f"{name}/{number}"] = cam.float().contiguous()
        print(name, number, best, tuple(cam.shape), float(cam.max()), float((cam > 0).double().mean()))


resnet = torchvision.models.resnet18(num_classes=10)
run("resnet18", resnet, resnet.layer4, 128)
vit = timm.create_model("vit_tiny_patch16_224", num_classes=10)
run("vit_tiny", vit, vit.blocks[-2], 224)
save_file(saved, pathlib.Path(__file__).parent.parent / "fixtures" / "attention.safetensors")
