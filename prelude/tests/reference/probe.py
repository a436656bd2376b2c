"""Writes ../fixtures/probe.safetensors: what scikit-learn makes of a few rows of features.

Run it with scikit-learn 1.x, numpy and safetensors installed:  python prelude/tests/reference/probe.py
three and two: x (rows, features), y (rows), new (rows, features); shares: LogisticRegression().predict_proba(new), weight its matrix;
nearest: NearestCentroid().predict(new).
"""
import pathlib

import numpy as np
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid

rng = np.random.default_rng(20261127)
saved = {}
for name, classes, rows in [("three", 3, 24), ("two", 2, 11)]:
    middles = rng.normal(size=(classes, 6))
    y = np.arange(rows) % classes
    x = (middles[y] + rng.normal(size=(rows, 6))).astype(np.float32)
    new = rng.normal(size=(20, 6)).astype(np.float32) * 1.5
    model = LogisticRegression(tol=1e-12, max_iter=100000).fit(x.astype(np.float64), y)
    saved |= {f"{name}/x": x, f"{name}/y": y.astype(np.float32), f"{name}/new": new}
    saved[f"{name}/shares"] = model.predict_proba(new.astype(np.float64)).astype(np.float32)
    saved[f"{name}/weight"] = np.ascontiguousarray(model.coef_, dtype=np.float32)
    saved[f"{name}/nearest"] = NearestCentroid().fit(x, y).predict(new).astype(np.float32)
    print(name, model.score(x, y), np.abs(model.coef_).max())
save_file(saved, pathlib.Path(__file__).parent.parent / "fixtures" / "probe.safetensors")
