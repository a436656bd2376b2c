# Sourced by step.sh and bert.sh: training steps of $networks by $example and by $peer, alternately, $turns times; the medians as a table
# whose first column is called $head. $ours may name the example's program, which is built otherwise.
export THREADS="${THREADS:-2}" RAYON_NUM_THREADS="${THREADS:-2}"
# As the template builds the prelude; the workspace builds the program otherwise.
export CARGO_PROFILE_RELEASE_LTO=false
[ -n "${ours:-}" ] || cargo build --release -q -p candlewick-prelude --example "$example"
ours=${ours:-target/release/examples/$example}
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
turn=0
while [ "$turn" -lt "$turns" ]; do
    for network in $networks; do
        "$ours" "$rounds" "$network" | sed 's/^/ours\t/' >>"$rows"
        "$python" "benches/$peer" "$rounds" "$network" | sed 's/^/torch\t/' >>"$rows"
    done
    turn=$((turn + 1))
done
awk -F '\t' -v head="$head" '
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
        print "| " head " | step | PyTorch | ratio | forward | PyTorch | backward | PyTorch | prediction | PyTorch | memory MiB | PyTorch | ratio | whole process |"
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
