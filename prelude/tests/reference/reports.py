"""Writes ../fixtures/reports.json: what scikit-learn says of answers with one class or several labels an example.

Run it with scikit-learn 1.x and numpy installed:  python prelude/tests/reference/reports.py
shares and truth of 60 examples and 4 classes, of which one is never true and never said; equal shares are among them.
report: classification_report; auc: roc_auc_score of each class against the others; ap: average_precision_score;
bins: calibration_curve(n_bins=10) of the highest share, and ece: the mean gap of its bins, weighted by examples (Guo et al. 2017).
"""
import json
import pathlib

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, classification_report, roc_auc_score

rng = np.random.default_rng(20261127)
examples, classes = 60, 4
truth = rng.choice(3, size=examples, p=[0.6, 0.3, 0.1])
logits = np.round(rng.normal(size=(examples, classes)) + 1.2 * np.eye(classes)[truth], 1)
logits[:, 3] -= 9
shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
shares = np.round(shares, 4).astype(np.float32)
said = shares.argmax(axis=1)

auc = [float(roc_auc_score(truth == c, shares[:, c])) for c in range(3)]
ap = [float(average_precision_score(truth == c, shares[:, c])) for c in range(3)]
sure, right = shares.max(axis=1), said == truth
accuracy, confidence = calibration_curve(right, sure, n_bins=10)
edges = np.linspace(0, 1, 11)
which = np.searchsorted(edges[1:-1], sure)
counts = np.bincount(which, minlength=10)
counts = counts[counts > 0]
ece = float((np.abs(accuracy - confidence) * counts).sum() / examples)

labels = (rng.random((examples, 3)) < [0.5, 0.2, 0.05]).astype(int)
tagged = (rng.random((examples, 3)) < 0.2 + 0.5 * labels).astype(int)

folder = pathlib.Path(__file__).parent.parent / "fixtures"
with open(folder / "reports.json", "w") as file:
    json.dump(
        {
            "shares": [[round(float(x), 4) for x in row] for row in shares],
            "truth": truth.tolist(),
            "report": classification_report(truth, said, output_dict=True, zero_division=0),
            "auc": auc,
            "ap": ap,
            "bins": [[float(c), float(a), int(n)] for c, a, n in zip(confidence, accuracy, counts)],
            "ece": ece,
            "labels": labels.tolist(),
            "tagged": tagged.tolist(),
            "labels_report": classification_report(labels, tagged, output_dict=True, zero_division=0),
        },
        file,
    )
