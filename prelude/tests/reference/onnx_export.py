"""Runs onnxruntime over the networks that `tests/onnx.rs` leaves in a folder, and compares with our own answers.

    CANDLEWICK_ONNX=/tmp/onnx cargo test --release -p candlewick-prelude --test onnx
    python prelude/tests/reference/onnx_export.py /tmp/onnx

onnxruntime 1.23, onnx (where it is there, its checker looks at each file too). Largest difference 1e-4, of the larger of 1 and the largest answer.
"""

import pathlib
import sys

import numpy as np
import onnxruntime
from safetensors.numpy import load_file

try:
    import onnx
except ImportError:
    onnx = None

bad = []
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
    beside = path.with_suffix(".safetensors")
    if onnx:
        onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    if not beside.exists():
        print(f"{path.stem:32} opens; metadata {sorted(session.get_modelmeta().custom_metadata_map)}")
        continue
    tensors = load_file(beside)
    inputs = {name[3:]: value for name, value in tensors.items() if name.startswith("in.")}
    # numbers of tokens are whole
    whole = {value.name for value in session.get_inputs() if "int64" in value.type}
    inputs = {name: value.astype(np.int64) if name in whole else value for name, value in inputs.items()}
    for name, own in tensors.items():
        if not name.startswith("out."):
            continue
        found = session.run([name[4:]], inputs)[0]
        # a batch of one and one of two are the same network
        one = session.run([name[4:]], {key: value[:1] for key, value in inputs.items()})[0]
        assert np.allclose(found[:1], one, atol=1e-4 * max(1, np.abs(own).max())), path
        assert found.shape == own.shape, (path, found.shape, own.shape)
        size = max(1.0, float(np.abs(own).max()))
        apart = float(np.abs(found - own).max())
        print(f"{path.stem:32} {name[4:]:8} {str(found.shape):18} largest {size:10.4f} apart {apart:.2e}")
        if not apart <= 1e-4 * size or own.std() < 1e-6:
            bad.append(path.stem)
print("all agree" if not bad else f"apart: {bad}")
sys.exit(bool(bad))
