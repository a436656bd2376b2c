#!/usr/bin/env python3
"""Which crates, added with `:dep`, would have candle and the prelude compiled anew: asked of cargo, nothing is compiled.

    python3 benches/dependencies.py [--only WORD] [--offline] [--markdown benches/DEPENDENCIES.md]

For each line below, cargo resolves it beside the prelude, starting from the repository's Cargo.lock as sessions do, and
tells the graph of what it would compile. A unit of that graph (crate, target, features, profile, and the same of all
that it depends on) that the prelude alone has too is compiled already. Needs the network once.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent

# What people add in cells, as its documentation says to add it.
LINES = """
tokio = { version = "1", features = ["full"] }
reqwest = { version = "0.12", features = ["blocking", "json"] }
reqwest = { version = "0.12", default-features = false, features = ["rustls-tls", "json", "blocking"] }
reqwest = { version = "0.13", features = ["json"] }
polars = { version = "0.50", features = ["lazy"] }
ndarray = "0.16"
ndarray = { version = "0.17", features = ["rayon", "serde"] }
ndarray-rand = "0.15"
ndarray-stats = "0.6"
ndarray-linalg = "0.17"
ndarray-npy = "0.9"
nalgebra = "0.34"
nalgebra = { version = "0.33", features = ["rand", "serde-serialize"] }
faer = "0.22"
serde = { version = "1", features = ["derive"] }
serde = { version = "1", features = ["derive", "rc"] }
serde_json = "1"
serde_json = { version = "1", features = ["preserve_order"] }
serde_json = { version = "1", features = ["raw_value", "arbitrary_precision"] }
serde_yaml = "0.9"
serde_with = "3"
toml = "0.9"
csv = "1"
clap = { version = "4", features = ["derive"] }
uuid = { version = "1", features = ["v4", "serde"] }
chrono = { version = "0.4", features = ["serde"] }
time = { version = "0.3", features = ["formatting", "parsing", "macros", "local-offset"] }
jiff = "0.2"
humantime = "2"
rand = "0.9"
rand = "0.8"
rand = { version = "0.9", features = ["small_rng", "serde"] }
rand = "0.10"
rand_distr = "0.5"
rand_chacha = "0.9"
rand_pcg = "0.9"
fastrand = "2"
regex = "1"
fancy-regex = "0.16"
aho-corasick = "1"
memchr = "2"
itertools = "0.14"
either = { version = "1", features = ["serde"] }
anyhow = "1"
thiserror = "2"
thiserror = "1"
eyre = "0.6"
color-eyre = "0.6"
tracing = "0.1"
tracing-subscriber = { version = "0.3", features = ["env-filter"] }
log = "0.4"
log = { version = "0.4", features = ["std", "kv"] }
env_logger = "0.11"
rayon = "1"
crossbeam = "0.8"
crossbeam-channel = "0.5"
parking_lot = "0.12"
dashmap = "6"
flume = "0.11"
plotters = "0.3"
plotters = { version = "0.3", features = ["evcxr"] }
plotly = "0.13"
charming = "0.5"
textplots = "0.8"
image = "0.25"
imageproc = "0.25"
fast_image_resize = "5"
resvg = "0.45"
hound = "3"
symphonia = "0.5"
rustfft = "6"
realfft = "3"
hashbrown = "0.15"
hashbrown = { version = "0.16", features = ["rayon", "serde"] }
indexmap = { version = "2", features = ["serde"] }
once_cell = "1"
lazy_static = "1"
ahash = "0.8"
rustc-hash = "2"
fxhash = "0.2"
smallvec = { version = "1", features = ["union", "const_generics"] }
arrayvec = "0.7"
bitflags = { version = "2", features = ["serde"] }
bitvec = "1"
bytes = { version = "1", features = ["serde"] }
bytemuck = { version = "1", features = ["derive"] }
zerocopy = { version = "0.8", features = ["derive"] }
memmap2 = "0.9"
libc = "0.2"
nix = { version = "0.30", features = ["process", "signal"] }
num = "0.4"
num-traits = "0.2"
num-bigint = { version = "0.4", features = ["rand", "serde"] }
num-complex = { version = "0.4", features = ["serde", "rand"] }
num-rational = "0.4"
num-integer = "0.1"
ordered-float = { version = "5", features = ["serde", "rand"] }
rust_decimal = "1"
bigdecimal = "0.4"
approx = "0.5"
float-cmp = "0.10"
libm = "0.2"
half = { version = "2", features = ["serde", "num-traits", "zerocopy"] }
statrs = "0.18"
linfa = "0.8"
linfa-clustering = "0.8"
linfa-logistic = "0.8"
linfa-trees = "0.8"
smartcore = "0.4"
rusty-machine = "0.5"
petgraph = "0.8"
kdtree = "0.7"
kiddo = "5"
geo = "0.30"
argmin = "0.10"
peroxide = "0.40"
burn = { version = "0.18", features = ["ndarray"] }
tokenizers = "0.21"
tokenizers = "0.22"
hf-hub = "0.4"
hf-hub = { version = "0.4", features = ["tokio"] }
safetensors = "0.6"
candle-core = "0.9"
candle-transformers = "=0.11.1"
candle-nn = "=0.11.1"
candle-datasets = "=0.11.1"
candle-onnx = "=0.11.1"
tch = "0.20"
ort = "2.0.0-rc.10"
ureq = "3"
ureq = { version = "3", features = ["json"] }
ureq = "2"
url = "2"
http = "1"
hyper = { version = "1", features = ["full"] }
axum = "0.8"
tower = "0.5"
async-trait = "0.1"
futures = "0.3"
async-std = "1"
smol = "2"
async-stream = "0.3"
tokio-stream = "0.1"
tokio-util = { version = "0.7", features = ["full"] }
base64 = "0.22"
hex = { version = "0.4", features = ["serde"] }
sha2 = "0.10"
md-5 = "0.10"
blake3 = "1"
digest = "0.10"
ring = "0.17"
rustls = "0.23"
native-tls = "0.2"
openssl = "0.10"
flate2 = "1"
zstd = "0.13"
lz4_flex = "0.11"
brotli = "8"
zip = "6"
tar = "0.4"
walkdir = "2"
glob = "0.3"
ignore = "0.4"
tempfile = "3"
dirs = "6"
shellexpand = "3"
quick-xml = { version = "0.38", features = ["serialize"] }
roxmltree = "0.20"
scraper = "0.24"
select = "0.6"
html5ever = "0.35"
pulldown-cmark = "0.13"
comrak = "0.43"
askama = "0.14"
tera = "1"
minijinja = "2"
handlebars = "6"
nom = "8"
pest = "2"
pest_derive = "2"
winnow = "0.7"
logos = "0.15"
peg = "0.8"
syn = { version = "2", features = ["full", "extra-traits", "visit-mut", "fold"] }
quote = "1"
proc-macro2 = "1"
rusqlite = { version = "0.37", features = ["bundled"] }
sqlx = { version = "0.8", features = ["runtime-tokio", "sqlite", "macros"] }
diesel = { version = "2", features = ["sqlite"] }
duckdb = { version = "1", features = ["bundled"] }
redis = "0.32"
mongodb = "3"
postgres = "0.19"
sled = "0.34"
redb = "3"
bincode = "2"
bincode = "1"
postcard = { version = "1", features = ["use-std"] }
rmp-serde = "1"
ciborium = "0.2"
ron = "0.11"
prost = "0.14"
flatbuffers = "25"
arrow = "56"
parquet = "56"
datafusion = "50"
calamine = "0.30"
rust_xlsxwriter = "0.89"
indicatif = "0.18"
colored = "3"
owo-colors = "4"
comfy-table = "7"
prettytable-rs = "0.10"
tabled = "0.20"
ratatui = "0.29"
crossterm = "0.29"
strum = { version = "0.27", features = ["derive"] }
derive_more = { version = "2", features = ["full"] }
derive_builder = "0.20"
derivative = "2"
getset = "0.1"
typed-builder = "0.21"
bon = "3"
enum_dispatch = "0.3"
paste = "1"
static_assertions = "1"
unicode-segmentation = "1"
unicode-normalization = "0.1"
unicode-width = "0.2"
heck = "0.5"
textwrap = "0.16"
strsim = "0.11"
levenshtein = "1"
whatlang = "0.16"
rust-stemmers = "1"
tiktoken-rs = "0.7"
encoding_rs = "0.8"
semver = { version = "1", features = ["serde"] }
phf = { version = "0.12", features = ["macros"] }
slotmap = "1"
slab = "0.4"
generational-arena = "0.2"
rstest = "0.26"
proptest = "1"
quickcheck = "1"
criterion = "0.7"
insta = "1"
mockall = "0.13"
sysinfo = "0.37"
num_cpus = "1"
notify = "8"
config = "0.15"
dotenvy = "0.15"
rhai = "1"
pyo3 = { version = "0.26", features = ["auto-initialize"] }
wgpu = "26"
glam = { version = "0.30", features = ["serde", "rand"] }
cgmath = "0.18"
rapier2d = "0.28"
noise = "0.9"
palette = "0.7"
colorgrad = "0.7"
evcxr_image = "1"
evcxr_runtime = "1"
showata = "0.3"
excel = "0.1"
good_lp = { version = "1", default-features = false, features = ["microlp"] }
levenberg-marquardt = "0.14"
ode_solvers = "0.6"
sprs = "0.11"
varpro = "0.13"
augurs = "0.10"
lingua = "1"
opencv = "0.95"
"""

MANIFEST = """[package]
name = "ctx"
version = "1.0.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]
path = "lib.rs"

[dependencies]
candlewick-prelude = {{ path = "{prelude}" }}
{line}
"""

# Through these the prelude hands candle on, and what makes a rebuild long.
WAY = ["candlewick-prelude", "candle-nn", "candle-core", "gemm", "rayon", "image", "tokenizers", "hf-hub", "plotters"]


OFFLINE = False


def graph(folder, line):
    """The units that cargo would build, or what it says."""
    (folder / "Cargo.toml").write_text(MANIFEST.format(prelude=REPOSITORY / "prelude", line=line))
    shutil.copy(REPOSITORY / "Cargo.lock", folder / "Cargo.lock")
    (folder / "lib.rs").touch()
    host = subprocess.run(["rustc", "-vV"], capture_output=True, text=True).stdout.split("host: ")[1].split()[0]
    call = ["cargo", "build", "--unit-graph", "-Z", "unstable-options", "--target", host] + ["--offline"] * OFFLINE
    ran = subprocess.run(call, cwd=folder, capture_output=True, text=True, env=dict(os.environ, RUSTC_BOOTSTRAP="1"))
    return (json.loads(ran.stdout), "") if ran.returncode == 0 else (None, ran.stderr.strip())


def name(unit):
    """A package's name and version, out of its id."""
    package = unit["pkg_id"]
    tail = package.rsplit("#", 1)[1]
    return tuple(tail.split("@")) if "@" in tail else (package.rsplit("#", 1)[0].rsplit("/", 1)[1], tail)


def own(unit):
    """What makes a unit what it is, its dependencies left out."""
    return [unit["pkg_id"], unit["target"]["kind"], unit["target"]["name"], unit["profile"], unit["platform"],
            unit["mode"], unit["features"]]


def digests(found):
    """For each unit a digest of itself and of all that it depends on."""
    units, known = found["units"], {}

    def digest(at):
        if at not in known:
            below = sorted((edge["extern_crate_name"], digest(edge["index"])) for edge in units[at]["dependencies"])
            known[at] = hashlib.sha1(json.dumps([own(units[at]), below], sort_keys=True).encode()).hexdigest()
        return known[at]

    return [digest(at) for at in range(len(units))]


def compare(base, found):
    """The units to compile, those of them on the prelude's way, and why these are to be compiled."""
    there, here, units = set(digests(base)), digests(found), found["units"]
    todo = [at for at in range(len(units)) if here[at] not in there and name(units[at])[0] != "ctx"]
    prelude = next(at for at, unit in enumerate(units) if name(unit)[0] == "candlewick-prelude")
    below, look = set(), [prelude]
    while look:
        at = look.pop()
        if at not in below:
            below.add(at)
            look += [edge["index"] for edge in units[at]["dependencies"]]
    again = [at for at in todo if at in below]
    kin = {}
    for unit in base["units"]:
        kin.setdefault((name(unit)[0], tuple(unit["target"]["kind"]), unit["platform"], unit["mode"]), []).append(unit)
    reasons = {}
    same = {json.dumps(own(unit), sort_keys=True) for unit in base["units"]}
    for at in again:
        unit = units[at]
        if json.dumps(own(unit), sort_keys=True) in same:
            continue
        crate, version = name(unit)
        old = kin.get((crate, tuple(unit["target"]["kind"]), unit["platform"], unit["mode"]), [])
        alike = [one for one in old if name(one)[1] == version]
        label = f"{crate} {version}" + ("" if unit["platform"] else " (host)")
        why = reasons.setdefault(label, set())
        if alike:
            why.update(f"+{feature}" for feature in set(unit["features"]) - set(alike[0]["features"]))
        else:
            why.add("for " + ", ".join(name(one)[1] for one in old) if old else "new")
    return todo, again, reasons


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--only", default="")
    arguments.add_argument("--markdown")
    arguments.add_argument("--offline", action="store_true", help="with what an earlier run downloaded")
    options = arguments.parse_args()
    global OFFLINE
    OFFLINE = options.offline
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dependencies-"))
    base, said = graph(folder, "")
    if base is None:
        sys.exit(said)
    rows, turned = [], {}
    lines = [line for line in LINES.strip().splitlines() if options.only in line]
    pool = concurrent.futures.ThreadPoolExecutor(4)

    def ask(number):
        own = folder / str(number)
        own.mkdir()
        return graph(own, lines[number])

    for line, (found, said) in zip(lines, pool.map(ask, range(len(lines)))):
        if found is None:
            rows.append((line, "", "", "does not resolve: " + " ".join(said.splitlines()[:6])[:220]))
        else:
            todo, again, reasons = compare(base, found)
            crates = {name(found["units"][at]) for at in todo} - {name(found["units"][at]) for at in again}
            way = [crate for crate in WAY if any(name(found["units"][at])[0] == crate for at in again)]
            why = ", ".join(f"{crate} {' '.join(sorted(reasons[crate]))}" for crate in sorted(reasons))
            for crate in reasons:
                for change in reasons[crate]:
                    turned.setdefault((crate, change), []).append(line)
            rows.append((line, len(crates), len(again), f"{'; '.join(way)}: {why}" if again else ""))
        print(f"{rows[-1][0]}: {rows[-1][1]} own, {rows[-1][2]} again. {rows[-1][3]}", flush=True)
    print("\nfeatures and versions that are turned on, by how many:")
    for (crate, change), lines in sorted(turned.items(), key=lambda item: -len(item[1])):
        print(f"{len(lines):4} {crate} {change}   {', '.join(line.split(' ')[0] for line in lines[:8])}")
    resolved = [row for row in rows if row[1] != ""]
    free = sum(1 for row in resolved if row[2] == 0)
    print(f"\n{free} of {len(resolved)} leave the prelude and candle as they are")
    if options.markdown:
        with open(options.markdown, "w") as out:
            out.write("# What `:dep` would compile anew\n\n`python3 benches/dependencies.py --markdown benches/DEPENDENCIES.md`: "
                      "each line resolved beside the prelude, nothing\ncompiled. Crates of its own are compiled for it in any case; the next "
                      f"column counts what the prelude is built on.\n**{free} of {len(resolved)}** leave candle and the prelude as they are.\n\n"
                      "| `:dep` | crates of its own | compiled anew | of these, and why |\n|---|---|---|---|\n")
            for row in rows:
                out.write("| `" + "` | ".join([row[0].replace("|", "\\|"), " | ".join(str(cell) for cell in row[1:])]) + " |\n")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
