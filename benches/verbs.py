#!/usr/bin/env python3
"""The compile time of cells that call public verbs of the prelude, a row a verb, an empty cell first: seconds, medians over rounds.

    python benches/verbs.py [--rounds 5] [--over 0.6]

Run it with the tests' virtual environment (tests/.venv/bin/python), candlewick installed. The call stands behind a
condition that does not hold, so that it is compiled and not run; what is measured is the whole cell, from its sending
to idle. `--over` makes it fail where a row takes longer than so many seconds.
"""

import argparse
import statistics
import time

from jupyter_client.manager import KernelManager

SETUP = [
    "let data = datasets::vehicles().per_class(6).write()?.split(0.5, 1)?.size(32).batch(4);",
    "let mut learner = Learner::vision(Arch::default(), &data)?;",
    "let t = Tensor::zeros((4, 4), DType::F32, &Device::Cpu)?;",
    "let picture = image::RgbImage::new(8, 8);",
]
# Each is compiled as the last expression of a block, so that its value is made and dropped.
VERBS = """
()
datasets::vehicles().per_class(6).seed(1).size(32).write()?
ImageFolder::open("photos")?
ImageFolder::open("photos")?.split(0.2, 42)?.size(64).augment(Augment::standard()).batch(32)
data.summary()?
data.show_batch(9)?
data.classes()
data.counts(Part::Train)
data.corrupt()
data.leaks()
data.sample(0)
Learner::vision(Arch::default(), &data)?
Learner::vision_untrained(Arch::default(), &data)?
Learner::localization(Arch::default(), &data)?
Learner::open("checkpoint.safetensors")?
learner.summary()?
learner.freeze()
learner.freeze_to(2)?
learner.unfreeze()
learner.unfreeze_from("blocks.2")?
learner.fit(3, 1e-3)?
learner.fit_one_cycle(4, 1e-5..1e-3)?
learner.fine_tune(2)?
learner.lr_find()?
learner.evaluate(Part::Valid)?
learner.confusion()?
learner.top_losses(9)?
learner.plot_losses()?
learner.predict("new.jpg")?
learner.embed("new.jpg")?
learner.history()
learner.save("photos.safetensors")?
learner.load("photos.safetensors")?
learner.set_data(&data)?
learner.replace_head(&data)?
plot::bars(&["a".to_string()], &[1.0])
plot::grid(&[picture.clone()], &["x".to_string()])
show::display(&show::Bundle::new().text("x"))
Label::new("x")
IntProgress::new(0, 10)
Button::new("x")
t.matmul(&t)?
t.sum_all()?.to_scalar::<f32>()?
""".strip().splitlines()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--over", type=float)
    options = options.parse_args()
    manager = KernelManager(kernel_name="candlewick")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=120)

    def run(code):
        said = []
        began = time.perf_counter()
        client.execute_interactive(code, timeout=300, output_hook=said.append)
        took = time.perf_counter() - began
        errors = [m["content"]["evalue"] for m in said if m["msg_type"] == "error"]
        return took, errors[0].splitlines()[0] if errors else None

    for code in SETUP:
        error = run(code)[1]
        assert not error, (code, error)
    found = []
    for verb in VERBS:
        times = []
        for round_ in range(options.rounds):
            took, error = run(f"if std::hint::black_box({round_}) > 99 {{ let _ = {verb}; }}")
            if error:
                print(f"   --   {verb}: {error}", flush=True)
                break
            times.append(took)
        if times:
            found.append((statistics.median(times), verb))
            print(f"{found[-1][0]:7.3f}  {verb}", flush=True)
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    longest = max(found)
    print(f"{len(found)} verbs: median {statistics.median(took for took, _ in found):.3f} s, longest {longest[0]:.3f} s ({longest[1]})")
    if options.over and longest[0] > options.over:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
