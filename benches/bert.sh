#!/bin/sh
# Sets training steps of an encoder of MiniLM-L6's size (batch 16, 64 tokens, AdamW) beside transformers, alternately, and prints
# the medians over all turns. Needs a Python with torch and transformers:
#   PYTHON=/path/to/python benches/bert.sh [turns] [rounds] [lengths]
set -eu
cd "$(dirname "$0")/.."
turns=${1:-2} rounds=${2:-5} networks=${3:-full real} python=${PYTHON:-python3}
example=bench_bert peer=bert_torch.py head=texts ours=${BENCH_BERT:-}
. benches/turns.sh
