"""Pictures a second that torchvision decodes, resizes and augments in a DataLoader of two workers, beside prelude/examples/bench_pictures.rs.

python benches/pictures_torch.py FOLDER [EPOCHS]: FOLDER holds class folders of JPEGs of about 640 × 480, which the example writes.
The transforms are those of `Augment::standard()`: mirrored, turned by 10°, moved by 6 %, enlarged by up to 1.15, light by 20 %.
"""
import os
import sys
import time

import torch
from torchvision import datasets, transforms

folder, epochs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
torch.set_num_threads(int(os.environ.get("THREADS", "2")))
steps = transforms.Compose(
    [
        transforms.Resize(224),
        transforms.CenterCrop(224),
        transforms.RandomHorizontalFlip(),
        transforms.RandomAffine(
            10, translate=(0.06, 0.06), scale=(1.0, 1.15), interpolation=transforms.InterpolationMode.BILINEAR
        ),
        transforms.ColorJitter(0.2, 0.2, 0.2),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)
data = datasets.ImageFolder(folder, steps)
loader = torch.utils.data.DataLoader(data, 32, shuffle=True, num_workers=2, persistent_workers=True)
list(loader)  # the workers have started, and the files are in the system's memory
rates = []
for epoch in range(epochs):
    start = time.perf_counter()
    count = sum(len(labels) for _, labels in loader)
    rates.append(count / (time.perf_counter() - start))
print(f"torchvision: {sorted(rates)[len(rates) // 2]:.0f} pictures a second (of {epochs} epochs: {', '.join(f'{r:.0f}' for r in rates)})")
