#!/bin/sh
# Sets training steps of whole networks (batch 8, 224×224, SGD with momentum) beside PyTorch, alternately, and prints
# the medians over all turns. Needs a Python with torch, torchvision and timm:
#   PYTHON=/path/to/python benches/step.sh [turns] [rounds] [networks]
set -eu
cd "$(dirname "$0")/.."
turns=${1:-2} rounds=${2:-5} networks=${3:-resnet18 mobilenet_v2 efficientnet_lite0} python=${PYTHON:-python3}
example=bench_step peer=step_torch.py head=network ours=${BENCH_STEP:-}
. benches/turns.sh
