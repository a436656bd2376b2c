"""Writes ../fixtures/labels.safetensors: what scikit-learn measures of several labels an example.

Run it with scikit-learn 1.x, numpy and safetensors installed:  python prelude/tests/reference/labels.py
logits and truth (examples, labels), with shares that are equal and a label that never applies; thresholds (labels);
map: the mean of average_precision_score over the labels that apply somewhere; f1: f1_score(average="macro") at the thresholds;
best: the highest F1 of each label over all thresholds, from precision_recall_curve.
"""
import pathlib

import numpy as np
from safetensors.numpy import save_file
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve

rng = np.random.default_rng(20261126)
examples, labels = 60, 4
truth = (rng.random((examples, labels)) < [0.5, 0.2, 0.05, 0.0]).astype(np.float32)
logits = np.round(rng.normal(size=(examples, labels)) + 1.5 * truth, 1).astype(np.float32)
shares = 1 / (1 + np.exp(-logits))
thresholds = np.array([0.5, 0.62, 0.71, 0.5], dtype=np.float32)

applies = [label for label in range(labels) if truth[:, label].any()]
mean = np.mean([average_precision_score(truth[:, label], shares[:, label]) for label in applies])
f1 = f1_score(truth, shares >= thresholds, average="macro", zero_division=0)
best = np.zeros(labels)
for label in applies:
    precision, recall, _ = precision_recall_curve(truth[:, label], shares[:, label])
    best[label] = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12))

folder = pathlib.Path(__file__).parent.parent / "fixtures"
save_file(
    {
        "logits": logits,
        "truth": truth,
        "thresholds": thresholds,
        "map": np.array([mean], dtype=np.float64),
        "f1": np.array([f1], dtype=np.float64),
        "best": best.astype(np.float64),
    },
    folder / "labels.safetensors",
)
print(mean, f1, best)
