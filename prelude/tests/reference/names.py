"""Writes ../fixtures/timm_names.txt: names and shapes in timm's checkpoints of networks that have torchvision's names here.

Run it with timm installed:  python prelude/tests/reference/names.py
"""
import pathlib

import timm

lines = []
for ours, theirs in {"mobilenet_v2": "mobilenetv2_100", "vgg11_bn": "vgg11_bn", "resnet18": "resnet18"}.items():
    for name, value in timm.create_model(theirs, num_classes=10).state_dict().items():
        lines.append(" ".join([ours, name, *map(str, value.shape)]))
(pathlib.Path(__file__).parent.parent / "fixtures" / "timm_names.txt").write_text("\n".join(lines) + "\n")
