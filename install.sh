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

say "program    building candlewick (about ten minutes the first time, on two cores) …"
(cd "$here" && cargo build --release --locked --bin candlewick)
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
