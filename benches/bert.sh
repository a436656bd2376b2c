#!/bin/sh
# Sets training steps of an encoder of MiniLM-L6's size (batch 16, 64 tokens, AdamW) beside transformers, alternately, and prints
# the medians over all turns. Needs a Python with torch and transformers:
#   PYTHON=/path/to/python benches/bert.sh [turns] [rounds] [lengths]
set -eu
cd "$(dirname "$0")/.."
turns=${1:-2} rounds=${2:-5} networks=${3:-full real} python=${PYTHON:-python3}
export THREADS="${THREADS:-2}" RAYON_NUM_THREADS="${THREADS:-2}"
ours=${BENCH_BERT:-target/release/examples/bench_bert}
# As the template builds the prelude; the workspace builds the program otherwise.
export CARGO_PROFILE_RELEASE_LTO=false
[ -n "${BENCH_BERT:-}" ] || cargo build --release -q -p candlewick-prelude --example bench_bert
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
turn=0
while [ "$turn" -lt "$turns" ]; do
    for network in $networks; do
        "$ours" "$rounds" "$network" | sed 's/^/ours\t/' >>"$rows"
        "$python" benches/bert_torch.py "$rounds" "$network" | sed 's/^/torch\t/' >>"$rows"
    done
    turn=$((turn + 1))
done
awk -F '\t' '
    function median(list,   n, parts, i, j, t) {
        n = split(list, parts, " ")
        for (i = 2; i <= n; i++) for (j = i; j > 1 && parts[j - 1] + 0 > parts[j] + 0; j--) {
            t = parts[j]; parts[j] = parts[j - 1]; parts[j - 1] = t
        }
        return parts[int((n + 1) / 2)]
    }
    !($2 in seen) { seen[$2] = 1; order[++count] = $2 }
    { for (column = 3; column <= 8; column++) all[$1, $2, column] = all[$1, $2, column] " " $column }
    END {
        print "| texts | step | PyTorch | ratio | forward | PyTorch | backward | PyTorch | prediction | PyTorch | memory MiB | PyTorch | ratio | whole process |"
        print "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
        for (i = 1; i <= count; i++) {
            r = order[i]
            for (column = 3; column <= 8; column++) {
                a[column] = median(all["ours", r, column]); b[column] = median(all["torch", r, column])
            }
            printf "| %s | %.0f | %.0f | **%.2f** | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | **%.2f** | %.0f / %.0f |\n", r,
                a[3], b[3], a[3] / b[3], a[4], b[4], a[5], b[5], a[6], b[6], a[7], b[7], a[7] / b[7], a[8], b[8]
        }
    }' "$rows"
