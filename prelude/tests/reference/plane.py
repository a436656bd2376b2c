"""Prints what ../../src/train/plane.rs expects of principal components, by numpy's SVD.

Run it with numpy installed:  python prelude/tests/reference/plane.py
"""
import numpy as np

rows, width = 40, 12
row, at = np.arange(rows)[:, None], np.arange(width)[None, :]
noise = np.sin((row * width + at).astype(np.float64) * 12.9898) * 43758.5453
x = (np.where(at % 3 == row % 3, 3.0, 0.0) + noise - np.floor(noise)).astype(np.float32).astype(np.float64)
x -= x.mean(0)
u, s, v = np.linalg.svd(x, full_matrices=False)
sign = np.sign(v[np.arange(len(v)), np.abs(v).argmax(1)])
print((u * s * sign)[:3, :2].tolist(), (s**2 / (s**2).sum())[:2].tolist())
