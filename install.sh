#!/usr/bin/env bash
# Builds candlewick and puts it in place: the program, the prelude's warm template, the Jupyter kernelspec.
# Needs Rust (stable) alone; never needs root; may be run again at any time.
set -euo pipefail

usage() {
    cat <<'END'
usage: ./install.sh [options]
  --prefix DIR      program into DIR/bin, kernelspec into DIR/share/jupyter
                    (default: ~/.local, and the folder where Jupyter looks for the user's kernels)
  --sys-prefix      kernelspec into the Python environment that is active
  --no-jupyter      no kernelspec
  --features LIST   for the prelude, comma separated: cuda, metal, mkl, accelerate
  --uninstall       remove what an earlier run put in place
  -h, --help        this text
The prelude, its template and the sessions live in $CANDLEWICK_HOME
(default: $XDG_DATA_HOME/candlewick, or ~/.local/share/candlewick).
END
}

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$1" >&2; shift; for line in "$@"; do printf '  → %s\n' "$line" >&2; done; exit 1; }

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
prefix=
jupyter=()
features=
uninstall=
while [ $# -gt 0 ]; do
    case $1 in
        --prefix) [ $# -ge 2 ] || fail "--prefix needs a folder"; prefix=$2; shift ;;
        --prefix=*) prefix=${1#*=} ;;
        --sys-prefix) jupyter+=(--sys-prefix) ;;
        --no-jupyter) jupyter+=(--no-jupyter) ;;
        --features) [ $# -ge 2 ] || fail "--features needs a list"; features=$2; shift ;;
        --features=*) features=${1#*=} ;;
        --uninstall) uninstall=1 ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; fail "unknown option $1" ;;
    esac
    shift
done
bin=${prefix:-$HOME/.local}/bin
# A prefix is for the kernelspec too, unless another place is named.
if [ -n "$prefix" ] && [ ${#jupyter[@]} -eq 0 ]; then jupyter=(--prefix "$prefix"); fi

if [ -n "$uninstall" ]; then
    if [ -x "$bin/candlewick" ]; then
        case " ${jupyter[*]-} " in
            *" --no-jupyter "*) "$bin/candlewick" uninstall ;;
            *) "$bin/candlewick" uninstall ${jupyter[@]+"${jupyter[@]}"} ;;
        esac
        rm -f "$bin/candlewick"
        say "removed    $bin/candlewick"
    else
        say "nothing to remove: no $bin/candlewick"
    fi
    exit 0
fi

# What is missing is told before the long build, with the remedy.
export PATH="$PATH:$HOME/.cargo/bin"
command -v cargo >/dev/null || fail "no cargo on the path" "install Rust (stable) with rustup, see rust-lang.org, and open a new shell"
command -v rustc >/dev/null || fail "no rustc on the path" "install Rust (stable) with rustup, see rust-lang.org, and open a new shell"
command -v cc >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null ||
    fail "no C compiler to link with" "Debian, Ubuntu: install gcc; Fedora: install gcc; macOS: xcode-select --install"
needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$here/Cargo.toml" | head -n 1)
found=$(rustc --version | awk '{print $2}')
if [ "$(printf '%s\n%s\n' "$needed" "${found%%-*}" | sort -V | head -n 1)" != "$needed" ]; then
    fail "rustc $found is too old: $needed or newer is needed" "rustup update stable"
fi
if [ ! -f "$(rustc --print sysroot)/lib/rustlib/src/rust/library/std/src/lib.rs" ]; then
    say "rust-src   missing; asking rustup for it"
    if ! command -v rustup >/dev/null || ! rustup component add rust-src; then
        fail "the standard library's sources (rust-src) are missing; type inference reads them" \
            "rustup component add rust-src" "or, without rustup, your distribution's package rust-src of version $found"
    fi
fi
mkdir -p "$bin" 2>/dev/null || fail "the folder $bin cannot be made" "choose another with --prefix DIR"
[ -w "$bin" ] || fail "the folder $bin cannot be written" "choose another with --prefix DIR"

# How long a crate takes, in parts of what most take.
weigh() {
    case $1 in
        ra_ap_hir_ty) weight=40 ;;
        ra_ap_hir_def) weight=20 ;;
        ra_ap_ide_assists | ra_ap_hir | zeromq | candlewick) weight=10 ;;
        ra_ap_* | evcxr | image | libsqlite3-sys | syntect | jupyter-zmq-client | tokio | regex-automata) weight=5 ;;
        *) weight=1 ;;
    esac
}

# Shows what cargo says on its standard error as a bar with the time left; elsewhere than on a terminal, a line now and then.
show() {
    local crate line weight total=0 count=0 begun=0 seen=0 left='' since=$SECONDS filled
    for crate in "$@"; do weigh "$crate"; total=$((total + weight)); count=$((count + 1)); done
    while IFS= read -r line; do
        case $line in
            *Compiling\ *)
                crate=${line##*Compiling }
                crate=${crate%% *}
                left=''
                if [ $((begun * 20)) -ge "$total" ] && [ $((SECONDS - since)) -ge 10 ] && [ "$begun" -lt "$total" ]; then
                    left=$(((SECONDS - since) * (total - begun) / begun))
                    if [ "$left" -ge 90 ]; then left=", about $(((left + 59) / 60)) minutes left"; else left=", about $(((left + 9) / 10 * 10)) s left"; fi
                fi
                seen=$((seen + 1))
                if [ -t 2 ]; then
                    filled=$((total > 0 ? begun * 24 / total : 0))
                    if [ "$filled" -gt 24 ]; then filled=24; fi
                    printf '\r\033[K           [%s%s] %d of %d%s  %s' "${bar:0:filled}" "${dots:0:24-filled}" "$seen" "$count" "$left" "$crate" >&2
                elif [ $((seen % 40)) -eq 1 ]; then
                    printf '           %d of %d%s  %s\n' "$seen" "$count" "$left" "$crate" >&2
                fi
                weigh "$crate"
                begun=$((begun + weight))
                ;;
            *Downloaded\ * | *Finished\ * | *Updating\ * | *Locking\ * | *Downloading\ *) ;;
            *) if [ -t 2 ]; then printf '\r\033[K' >&2; fi; printf '%s\n' "$line" >&2 ;;
        esac
    done
    if [ -t 2 ]; then printf '\r\033[K' >&2; fi
}
bar='========================'
dots='                        '

say "program    building candlewick (some minutes the first time) …"
cd "$here"
crates=$(cargo tree --locked -p candlewick -e normal,build --prefix none --format '{p}' 2>/dev/null | awk '{ if (!($1 " " $2 in seen)) { seen[$1 " " $2] = 1; print $1 } }') || crates=
# shellcheck disable=SC2086 # a word is a crate
cargo build --release --locked --bin candlewick 2>&1 >/dev/null | show $crates ||
    fail "candlewick does not build; what cargo said stands above"
cd - >/dev/null
target=${CARGO_TARGET_DIR:-$here/target}
# Written beside and moved, so that a kernel that runs keeps its program.
cp "$target/release/candlewick" "$bin/.candlewick.new"
mv -f "$bin/.candlewick.new" "$bin/candlewick"
say "program    $bin/candlewick"

"$bin/candlewick" install --source "$here" ${jupyter[@]+"${jupyter[@]}"} ${features:+--features "$features"}
case ":$PATH:" in
    *":$bin:"*) ;;
    *) say "note       $bin is not on your path: add it, or call $bin/candlewick" ;;
esac
say
case " ${jupyter[*]-} " in
    *" --no-jupyter "*) "$bin/candlewick" doctor --no-jupyter ;;
    *) "$bin/candlewick" doctor ${prefix:+--prefix "$prefix"} ;;
esac
