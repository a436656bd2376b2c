"""Writes ../fixtures/lora.safetensors and the adapter folders ../fixtures/peft_small and ../fixtures/peft_bert: what PEFT gives.

Run it with torch, torchvision, timm, transformers, peft and safetensors installed:  python prelude/tests/reference/lora.py
Weights, adapters and inputs are not saved but in the folders: `values` makes them from a name, here and in ../lora.rs alike (an adapter's
A and B by the names that PEFT gives them, B times 0.1). For each network, worked out in f64 without dropout and with stored statistics:
NET/out (with the adapters), NET/bare (without), NET/loss, and for each parameter that trains NET/of/NAME = [norm of the gradient, 4 numbers
of the gradient, sum after a step of AdamW, 4 numbers after it]; for the small ones NET/after/NAME, the whole tensor after the step.
"""
import json
import pathlib

import timm
import torch
import torch.nn.functional as F
import torchvision
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification

from from_names import four, one, picture, values

torch.set_num_threads(2)
torch.use_deterministic_algorithms(True)
RATE, DECAY = 1e-2, 0.01
FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures"
saved = {}


class Small(torch.nn.Module):
    """A convolution of 3×3, one of 1×1, a matrix, and a head."""

    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.point = torch.nn.Conv2d(8, 10, 1, bias=False)
        self.fc = torch.nn.Linear(10, 12)
        self.head = torch.nn.Linear(12, 3)

    def forward(self, x):
        x = F.relu(self.point(F.relu(self.stem(x)))).mean((2, 3))
        return self.head(F.relu(self.fc(x)))


def by_name(model):
    """Fills a network with the numbers of its names."""
    for key, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(values(key, tuple(tensor.shape)))


def run(name, model, config, forward, labels, folder=None, whole=False):
    with torch.no_grad():
        by_name(model)
    model = model.double().eval()
    with torch.no_grad():
        saved[f"{name}/bare"] = forward(model).float()
    model = get_peft_model(model, config).double().eval()
    for key, param in model.named_parameters():
        if "lora_" in key:
            own = key.removeprefix("base_model.model.")
            with torch.no_grad():
                param.copy_(values(own, tuple(param.shape)) * (0.1 if "lora_B" in key else 1.0))
    if folder:
        model.float().save_pretrained(FIXTURES / folder)
        (FIXTURES / folder / "README.md").unlink(missing_ok=True)
        model.double()
    out = forward(model)
    loss = F.cross_entropy(out, labels)
    loss.backward()
    saved[f"{name}/out"], saved[f"{name}/loss"] = out.detach().float(), loss.detach().float().reshape(1)
    trained = [(key, param) for key, param in model.named_parameters() if param.requires_grad]
    torch.optim.AdamW([param for _, param in trained], lr=RATE, weight_decay=DECAY).step()
    for key, param in trained:
        own = key.removeprefix("base_model.model.").replace(".modules_to_save.default", "")
        numbers = [one(param.grad.norm()), four(param.grad), one(param.sum()), four(param)]
        saved[f"{name}/of/{own}"] = torch.cat(numbers).float()
        if whole:
            saved[f"{name}/after/{own}"] = param.detach().float().clone()
    model.merge_adapter()
    saved[f"{name}/after_out"] = forward(model).detach().float()
    print(name, sum(p.numel() for _, p in trained), sum(p.numel() for p in model.parameters()))


def lora(rank, alpha, targets, heads, **more):
    return LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, modules_to_save=heads, lora_dropout=0.0, **more)


def main():
    labels = torch.arange(4) % 3
    x = picture("small/x", (4, 3, 12, 12))
    run("small", Small(), lora(3, 6, ["stem", "point", "fc"], ["head"], use_rslora=True), lambda m: m(x), labels, "peft_small", True)

    x = picture("vit/x", (2, 3, 64, 64))
    vit = timm.create_model("vit_tiny_patch16_224", num_classes=10, dynamic_img_size=True)
    run("vit", vit, lora(4, 8, ["qkv"], ["head"]), lambda m: m(x), torch.arange(2))

    resnet = torchvision.models.resnet18(num_classes=10)
    config = lora(4, 4, r"layer\d\.\d\.(conv1|conv2|downsample\.0)", ["fc"])
    y = picture("resnet/x", (2, 3, 64, 64))
    run("resnet", resnet, config, lambda m: m(y), torch.arange(2))

    sizes = dict(vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)
    kind = BertConfig(**sizes, max_position_embeddings=16, num_labels=3, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    ids = torch.tensor([[2, 7, 11, 30, 5, 3], [2, 9, 39, 3, 0, 0]])
    mask = (ids != 0).long()
    bert = BertForSequenceClassification(kind)
    config = lora(4, 8, ["query", "value"], None, task_type="SEQ_CLS")
    run("bert", bert, config, lambda m: m(input_ids=ids, attention_mask=mask).logits, torch.tensor([0, 2]), "peft_bert", True)

    for folder in ["peft_small", "peft_bert"]:
        path = FIXTURES / folder / "adapter_config.json"
        config = json.loads(path.read_text())
        config["target_modules"].sort()
        path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    save_file({key: value.contiguous() for key, value in saved.items()}, FIXTURES / "lora.safetensors")


main()
