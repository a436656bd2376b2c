#!/usr/bin/env python3
"""Reads the two accuracies that the first notebook prints, and fails where they are worse than asked.

    tests/accuracy.py EXECUTED.ipynb --at-least 90 --ahead-by 5      (percent, percent points over scratch)
"""

import argparse
import json
import re

options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
options.add_argument("notebook")
options.add_argument("--at-least", type=float, required=True)
options.add_argument("--ahead-by", type=float)
options = options.parse_args()

with open(options.notebook, encoding="utf-8") as file:
    cells = json.load(file)["cells"]
outputs = [output for cell in cells for output in cell.get("outputs", [])]
texts = ["".join(output.get("text", "")) for output in outputs if output["output_type"] == "stream"]
figures = [output for output in outputs if {"image/png", "image/jpeg"} & output.get("data", {}).keys()]
found = re.search(r"fine-tuned ([\d.]+) %, from scratch ([\d.]+) %", "".join(texts))
assert found, "the notebook does not print its accuracies"
tuned, scratch = map(float, found.groups())
print(f"{options.notebook}: fine-tuned {tuned} %, from scratch {scratch} %, {len(figures)} figures")
assert len(figures) >= 7, "figures are missing"
assert tuned >= options.at_least, f"expected {options.at_least} % or more"
if options.ahead_by is not None:
    assert tuned >= scratch + options.ahead_by, f"expected {options.ahead_by} points over scratch"
