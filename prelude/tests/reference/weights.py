"""Writes ../fixtures/weights_*.pth: what `torch.save` makes of weights, in the forms that checkpoints have.

Run it with PyTorch 2.x:  python prelude/tests/reference/weights.py
The values are counts, so that the test can say what it expects without another file.
"""
import collections
import pathlib

import torch

folder = pathlib.Path(__file__).parent.parent / "fixtures"
count = torch.arange(12.0)

state = collections.OrderedDict()
state["plain"] = count.reshape(3, 4).clone()
state["turned"] = count.reshape(3, 4).clone().t()  # stride (1, 4)
state["inner"] = count.reshape(3, 4).clone()[1:, 1:3]  # begins within its storage, with gaps
state["half"] = torch.tensor([0.5, -2.0], dtype=torch.float16)
state["brain"] = torch.tensor([0.5, -2.0], dtype=torch.bfloat16)
state["double"] = torch.tensor([0.1, 1e-3], dtype=torch.float64)
state["scalar"] = torch.tensor(7.0)
state["empty"] = torch.zeros(0, 3)
state["mask"] = torch.tensor([True, False])
state["bn.num_batches_tracked"] = torch.tensor(5)
torch.save(state, folder / "weights_state.pth")

wrapped = {f"module.{name}": torch.nn.Parameter(count[:n].clone()) for name, n in [("a", 2), ("b", 3)]}
optimizer = {"state": {0: {"momentum_buffer": count.clone()}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
checkpoint = {"epoch": 3, "optimizer": optimizer, "state_dict": wrapped}
torch.save(checkpoint, folder / "weights_checkpoint.pth")

torch.save(checkpoint, folder / "weights_checkpoint_old.pth", _use_new_zipfile_serialization=False)
torch.save(state, folder / "weights_old.pth", _use_new_zipfile_serialization=False)
torch.save(torch.nn.Linear(2, 2), folder / "weights_module.pth")
torch.save([1, 2], folder / "weights_list.pth")


def whole_models():
    """A whole model as it is pickled, and as Ultralytics keeps one in a checkpoint; beside it what its state_dict gives."""
    torch.manual_seed(5)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 1), torch.nn.Sequential(torch.nn.BatchNorm2d(2), torch.nn.ReLU()), torch.nn.Linear(2, 2, bias=True))
    net.register_buffer("scratch", torch.ones(3), persistent=False)
    torch.save(net.state_dict(), folder / "weights_net_state.pth")
    torch.save(net, folder / "weights_net.pth")
    torch.save({"epoch": 1, "model": None, "ema": net.half(), "optimizer": None}, folder / "weights_net_ema.pt")


whole_models()
