"""Writes ../fixtures/resize.safetensors: a picture as PIL resizes it with BILINEAR.

Run it with Pillow, numpy and safetensors installed:  python prelude/tests/reference/resize.py
source (height, width, 3), small, tiny, large: the whole of it; part: 60 × 50 pixels from (10, 4).
"""
import pathlib

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

y, x, c = np.meshgrid(np.arange(66), np.arange(90), np.arange(3), indexing="ij")
pixels = (127 + 90 * np.sin(x / (3 + c)) * np.cos(y / 5) + (x * 13 + y * 7) % 31).clip(0, 255).astype(np.uint8)
image = Image.fromarray(pixels)
out = {
    "source": image,
    "small": image.resize((41, 30), Image.BILINEAR),
    "tiny": image.resize((9, 7), Image.BILINEAR),
    "large": image.resize((130, 101), Image.BILINEAR),
    "part": image.resize((32, 32), Image.BILINEAR, box=(10, 4, 70, 54)),
}
folder = pathlib.Path(__file__).parent.parent / "fixtures"
save_file({name: np.ascontiguousarray(np.array(value)) for name, value in out.items()}, folder / "resize.safetensors")
