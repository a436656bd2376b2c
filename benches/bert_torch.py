"""PyTorch's side of benches/bert.sh: the same steps as prelude/examples/bench_bert.rs, two threads, f32.

Run:  python benches/bert_torch.py [rounds] [full|real]
NOISE=0 turns dropout off.
"""
import os
import resource
import sys
import time

import torch
import transformers

torch.set_num_threads(int(os.environ.get("THREADS", "2")))
torch.manual_seed(0)
rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
lengths = sys.argv[2] if len(sys.argv) > 2 else "full"
noise = 0.0 if os.environ.get("NOISE") == "0" else 0.1
batch, long = 16, 64


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


before = peak()
config = transformers.BertConfig(
    vocab_size=30522, hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536,
    hidden_dropout_prob=noise, attention_probs_dropout_prob=noise)
model = transformers.BertForSequenceClassification(config).train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
own = torch.tensor([8 + text * 37 % (long - 7) if lengths == "real" else long for text in range(batch)])
mask = (torch.arange(long) < own[:, None]).long()
ids = (1000 + torch.arange(batch * long).view(batch, long) * 7919 % 29000) * mask
labels = torch.zeros(batch, dtype=torch.long)
times = [[], [], [], []]
for turn in range(rounds + 2):
    start = time.perf_counter()
    loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    forward = time.perf_counter()
    loss.backward()
    backward = time.perf_counter()
    optimizer.step()
    optimizer.zero_grad()
    end = time.perf_counter()
    if turn >= 2:
        for kept, span in zip(times, [forward - start, backward - forward, end - start]):
            kept.append(span * 1e3)
most = peak()
model.eval()
with torch.no_grad():
    for turn in range(rounds):
        start = time.perf_counter()
        model(input_ids=ids, attention_mask=mask)
        times[3].append((time.perf_counter() - start) * 1e3)
forward, backward, step, predict = (sorted(kept)[len(kept) // 2] for kept in times)
print(f"{lengths}\t{step:.1f}\t{forward:.1f}\t{backward:.1f}\t{predict:.1f}\t{most - before:.0f}\t{most:.0f}", flush=True)
