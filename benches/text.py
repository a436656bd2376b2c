"""Fine-tunes an encoder for sentiment, in the prelude and with Hugging Face's Trainer (or the plain loop, where the encoder is frozen), alternately.

    CANDLEWICK_MINILM=FOLDER CANDLEWICK_TEST_DATA=FOLDER python benches/text.py [--seeds 3] [--mode whole|lora|frozen] [--sentences 3000]

Run it with a Python that has torch, transformers, peft and accelerate. CANDLEWICK_TEST_DATA holds sst2/train.tsv (sentence, label) to train on and
sst2/dev.tsv to measure on. Both sides read the same table and start from the same weights; tokens are made before the clock starts, on both sides.
Seconds are those of fitting, validation after each epoch included; accuracy and loss are the last epoch's. The processor's seconds are those of
all threads: they tell whether other work was in the way. Memory is the most that a process held, in MB.
"""
import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from beside import run

ROOT = Path(__file__).parents[1]
PEER = Path(__file__).with_name("text_hf.py")
OURS = Path(os.environ.get("BENCH_TEXT", ROOT / "target/release/examples/text_finetune"))
# what is trained: epochs, the highest rate
MODES = {"whole": (2, 5e-5), "lora": (3, 5e-4), "frozen": (5, 1e-3)}


def table(data, out, sentences):
    with open(out, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["part", "text", "label"])
        for part, name, most in (("train", "train.tsv", sentences), ("valid", "dev.tsv", None)):
            for line in (data / "sst2" / name).read_text(encoding="utf-8").splitlines()[:most]:
                writer.writerow([part, *line.rsplit("\t", 1)])


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--mode", choices=list(MODES))
    options.add_argument("--sentences", type=int)
    options = options.parse_args()
    encoder = os.environ["CANDLEWICK_MINILM"]
    if "BENCH_TEXT" not in os.environ:
        subprocess.run(["cargo", "build", "--release", "-q", "-p", "candlewick-prelude", "--example", "text_finetune"],
                       cwd=ROOT, check=True, env={**os.environ, "CARGO_PROFILE_RELEASE_LTO": "false"})
    threads = os.environ.get("THREADS", "2")
    environment = {**os.environ, "THREADS": threads, "RAYON_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "false"}
    sides = {"ours": [OURS], "peer": [sys.executable, PEER]}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sst2.csv"
        table(Path(os.environ["CANDLEWICK_TEST_DATA"]), file, options.sentences)
        rows = []
        for mode, (epochs, rate) in MODES.items():
            if options.mode not in (None, mode):
                continue
            found = {side: [] for side in sides}
            for seed in range(1, options.seeds + 1):
                for side, command in sides.items():
                    one = run([*command, file, encoder, mode, epochs, rate, seed], environment)
                    found[side].append(one)
                    print(f"  {mode} seed {seed} {side}: accuracy {one[0]:.4f}, loss {one[1]:.4f}, {one[2]:.2f} s, "
                          f"{one[3]:.2f} s of the processor, {one[4]:.0f} MB", flush=True)
            rows.append((f"{mode}, {epochs} epochs", found))
    print("\n| what | accuracy, ours | Hugging Face | points apart | seconds, ours | Hugging Face | ratio | "
          "processor's seconds, ours / theirs | MB, ours / theirs | ratio |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, found in rows:
        accuracy = {side: statistics.mean(one[0] for one in runs) for side, runs in found.items()}
        seconds, work, held = ({side: statistics.median(one[at] for one in runs) for side, runs in found.items()}
                               for at in (2, 3, 4))
        each = {side: ", ".join(f"{100 * one[0]:.1f}" for one in runs) for side, runs in found.items()}
        print(f"| {name} | **{100 * accuracy['ours']:.1f}** ({each['ours']}) | **{100 * accuracy['peer']:.1f}** ({each['peer']}) | "
              f"{100 * (accuracy['ours'] - accuracy['peer']):+.1f} | {seconds['ours']:.2f} | {seconds['peer']:.2f} | "
              f"**{seconds['ours'] / seconds['peer']:.2f}** | {work['ours']:.1f} / {work['peer']:.1f} | "
              f"{held['ours']:.0f} / {held['peer']:.0f} | {held['ours'] / held['peer']:.2f} |")


if __name__ == "__main__":
    main()
