"""Writes ../fixtures/schedules.json: factors on the rate as PyTorch's schedulers give them, step by step.

Run it with PyTorch 2.x installed:  python prelude/tests/reference/schedules.py
A fit of 70 steps; those that go by epochs have 7 epochs. `plateau` and `plateau_up` hold what was measured and the factor
after each epoch.
"""
import json
import pathlib

import torch
from torch.optim import lr_scheduler as schedulers

STEPS, EPOCHS = 70, 7
saved = {}


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


def factors(name, make, count):
    optim = optimizer()
    scheduler = make(optim)
    found = []
    for _ in range(count):
        found.append(optim.param_groups[0]["lr"])
        optim.step()
        scheduler.step()
    saved[name] = found


factors("linear", lambda o: schedulers.LinearLR(o, 1.0, 0.1, total_iters=STEPS), STEPS)
factors("cosine", lambda o: schedulers.CosineAnnealingLR(o, STEPS, eta_min=0.01), STEPS)
factors("restarts", lambda o: schedulers.CosineAnnealingWarmRestarts(o, 10, T_mult=2, eta_min=0.01), STEPS)
factors("equal_restarts", lambda o: schedulers.CosineAnnealingWarmRestarts(o, 14), STEPS)
factors("step", lambda o: schedulers.StepLR(o, 2, 0.1), EPOCHS)
factors("exponential", lambda o: schedulers.ExponentialLR(o, 0.9), EPOCHS)


def warmed(main):
    return lambda o: schedulers.SequentialLR(o, [schedulers.LinearLR(o, 0.01, 1.0, total_iters=14), main(o)], [14])


factors("warm_constant", warmed(lambda o: schedulers.ConstantLR(o, 1.0)), STEPS)
factors("warm_cosine", warmed(lambda o: schedulers.CosineAnnealingLR(o, STEPS - 14)), STEPS)


def plateau(name, mode, measured, **more):
    optim = optimizer()
    scheduler = schedulers.ReduceLROnPlateau(optim, mode, **more)
    found = []
    for value in measured:
        scheduler.step(value)
        found.append(optim.param_groups[0]["lr"])
    saved[name] = [measured, found]


losses = [1.0, 0.8, 0.81, 0.79999, 0.8, 0.7, 0.71, 0.72, 0.73, 0.74, 0.75, 0.76, 0.3, 0.4, 0.5]
plateau("plateau", "min", losses, patience=2, factor=0.5)
plateau("impatient", "min", losses, patience=0, factor=0.5)
plateau("plateau_up", "max", [0.5, 0.6, 0.6, 0.60001, 0.7, 0.6, 0.5, 0.7, 0.8], patience=1, factor=0.5)

path = pathlib.Path(__file__).parent.parent / "fixtures" / "schedules.json"
path.write_text(json.dumps(saved, indent=None) + "\n")
print(f"{len(saved)} schedules, {path.stat().st_size} bytes")
