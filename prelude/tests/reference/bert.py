"""Writes ../fixtures/bert.safetensors, bert.json (the configs) and bert_model.bin (the first one's weights): transformers' BERT, DistilBERT and RoBERTa, tiny ones, in f64, with attention computed plainly.

Run it with torch, transformers and safetensors installed:  python prelude/tests/reference/bert.py
Weights come from names as in models.py (published names), scaled by 0.5. A batch of three texts of 7, 4 and 2 tokens, with token types for BERT.
KIND/ids, KIND/types, KIND/mask; KIND/hidden: the last layer's rows of real tokens, one text after another; KIND/mean, KIND/cls, KIND/pooler:
a row a text; KIND/loss: cross-entropy of two classes behind the pooled row through `head.linear` (values of that name), classes 1, 0, 1;
KIND/grad/NAME: the gradients of each parameter under its published name; KIND/adamw/NAME: the same after one step of AdamW (rate 1e-3, weight
decay 0.01 for all, eps 1e-8) - both at four places, 0, a third, two thirds and the last, and for gradients the largest size as a fifth.
"""
import json
import pathlib

import torch
import transformers
from from_names import four, values
from safetensors.torch import save_file

saved, configs = {}, {}
ids = torch.tensor([[2, 11, 7, 19, 5, 23, 3], [2, 13, 29, 3, 0, 0, 0], [2, 3, 0, 0, 0, 0, 0]])
types = torch.tensor([[0, 0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0]])
mask = (torch.tensor([[7], [4], [2]]) > torch.arange(7)).long()
shared = dict(vocab_size=31, pad_token_id=0)


def filled(model):
    state = {k: values(k, tuple(v.shape)).double() * (0.5 if v.dim() > 1 else 1) for k, v in model.state_dict().items()
             if v.is_floating_point()}
    model.load_state_dict(state, strict=False)
    return model.double().eval()


def run(name, model, pooled_by, has_types, pad):
    here = torch.where(mask.bool(), torch.where(ids == 0, torch.full_like(ids, 9), ids), torch.full_like(ids, pad))
    filled(model)
    head = {k: values(f"head.linear.{k}", s).double().requires_grad_() for k, s in [("weight", (2, 16)), ("bias", (2,))]}
    extra = {"token_type_ids": types} if has_types else {}
    out = model.base_model(input_ids=here, attention_mask=mask, **extra).last_hidden_state
    saved[f"{name}/ids"], saved[f"{name}/types"], saved[f"{name}/mask"] = (t.to(torch.int64) for t in (here, types, mask))
    saved[f"{name}/hidden"] = out[mask.bool()].detach()
    mean = (out * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    pooled = pooled_by(model, out)
    for key, value in [("mean", mean), ("cls", out[:, 0]), ("pooler", pooled)]:
        saved[f"{name}/{key}"] = value.detach()
    loss = torch.nn.functional.cross_entropy(pooled @ head["weight"].T + head["bias"], torch.tensor([1, 0, 1]))
    loss.backward()
    saved[f"{name}/loss"] = loss.detach().reshape(1)
    named = {k: p for k, p in model.named_parameters() if p.grad is not None} | {f"head.linear.{k}": p for k, p in head.items()}
    for key, p in named.items():
        saved[f"{name}/grad/{key}"] = torch.cat([four(p.grad), p.grad.abs().max().reshape(1)])
    torch.optim.AdamW(named.values(), lr=1e-3, weight_decay=0.01, eps=1e-8).step()
    for key, p in named.items():
        saved[f"{name}/adamw/{key}"] = four(p)
    model.config.architectures = [type(model).__name__]
    configs[name] = {k: v for k, v in json.loads(model.config.to_json_string(use_diff=False)).items()}
    print(name, float(loss), len(named), tuple(out.shape))


t = transformers
sizes = dict(hidden_size=16, num_attention_heads=4, num_hidden_layers=2, intermediate_size=24, max_position_embeddings=12)
plain = dict(attn_implementation="eager")
bert = t.BertForSequenceClassification(t.BertConfig(**shared, **sizes, **plain))
filled(bert)
torch.save({k: v.float() for k, v in bert.state_dict().items()}, pathlib.Path(__file__).parent.parent / "fixtures" / "bert_model.bin")
run("bert", bert, lambda m, out: m.bert.pooler(out), True, 0)
tanh = t.BertForSequenceClassification(t.BertConfig(**shared, **sizes, **plain, hidden_act="gelu_new"))
run("gelu_new", tanh, lambda m, out: m.bert.pooler(out), True, 0)
distil = t.DistilBertForSequenceClassification(t.DistilBertConfig(
    **shared, **plain, dim=16, n_heads=4, n_layers=2, hidden_dim=24, max_position_embeddings=12))
run("distilbert", distil, lambda m, out: m.pre_classifier(out[:, 0]).relu(), False, 0)
roberta = t.RobertaForSequenceClassification(t.RobertaConfig(
    **(shared | {"pad_token_id": 1}), **plain, **(sizes | {"max_position_embeddings": 14}), type_vocab_size=1))
run("roberta", roberta, lambda m, out: m.classifier.dense(out[:, 0]).tanh(), False, 1)
folder = pathlib.Path(__file__).parent.parent / "fixtures"
save_file({k: v.clone().contiguous() for k, v in saved.items()}, folder / "bert.safetensors")
keep = ["model_type", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "dim", "n_layers", "n_heads",
        "hidden_dim", "max_position_embeddings", "type_vocab_size", "pad_token_id", "layer_norm_eps", "hidden_act", "activation"]
small = {name: {k: v for k, v in config.items() if k in keep} for name, config in configs.items()}
(folder / "bert.json").write_text(json.dumps(small, indent=1) + "\n")
