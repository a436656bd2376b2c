#!/bin/sh
# Sets the operations beside PyTorch, alternately, and prints the medians over all turns with their ratio.
# Needs a Python with PyTorch:  PYTHON=/path/to/python benches/ops.sh [turns] [rounds] [only rows that contain this]
set -eu
cd "$(dirname "$0")/.."
turns=${1:-3} rounds=${2:-9} only=${3:-} python=${PYTHON:-python3}
export THREADS="${THREADS:-2}" RAYON_NUM_THREADS="${THREADS:-2}"
ours=${BENCH_OPS:-target/release/examples/bench_ops}
# As the template builds the prelude; the workspace builds the program otherwise.
export CARGO_PROFILE_RELEASE_LTO=false
[ -n "${BENCH_OPS:-}" ] || cargo build --release -q -p candlewick-prelude --example bench_ops
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
turn=0
while [ "$turn" -lt "$turns" ]; do
    "$ours" "$rounds" "$only" | sed 's/^/ours\t/' >>"$rows"
    "$python" benches/ops_torch.py "$rounds" "$only" | sed 's/^/torch\t/' >>"$rows"
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
    { forward[$1, $2] = forward[$1, $2] " " $3; both[$1, $2] = both[$1, $2] " " $4 }
    END {
        print "| row | ours forward | PyTorch forward | ratio | ours forward+backward | PyTorch | ratio |"
        print "|---|---|---|---|---|---|---|"
        for (i = 1; i <= count; i++) {
            r = order[i]
            a = median(forward["ours", r]); b = median(forward["torch", r])
            c = median(both["ours", r]); d = median(both["torch", r])
            printf "| %s | %.1f | %.1f | %.2f | %.1f | %.1f | **%.2f** |\n", r, a, b, a / b, c, d, c / d
        }
    }' "$rows"
