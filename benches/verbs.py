#!/usr/bin/env python3
"""The compile time of cells that call public verbs of the prelude, a row a verb, an empty cell first: seconds, medians over rounds.

    python benches/verbs.py [--rounds 5] [--over 0.6] [--list]

Run it with the tests' virtual environment (tests/.venv/bin/python), candlewick installed. The call stands behind a
condition that does not hold, so that it is compiled and not run; what is measured is the whole cell, from its sending
to idle. `--over` makes it fail where a row takes longer than so many seconds. `--list` measures nothing: it names the public
functions of the rooms below that no row calls, and fails where there are some.
"""

import argparse
import pathlib
import re
import statistics
import time

from jupyter_client.manager import KernelManager

SETUP = [
    "let data = datasets::vehicles().per_class(6).write()?.split(0.5, 1)?.size(32).batch(4);",
    "let mut learner = Learner::vision(Arch::default(), &data)?;",
    "let t = Tensor::zeros((4, 4), DType::F32, &Device::Cpu)?;",
    "let picture = image::RgbImage::new(8, 8);",
    'let reviews = TextTable::from_texts(&[("fine film", "pos"), ("dull film", "neg")])?;',
    'let boxes = Boxes::open(datasets::scenes::paintings(std::env::temp_dir().join("candlewick-verbs"), 6, 160, 92)?)?;',
]
# Each is compiled as the last expression of a block, so that its value is made and dropped.
VERBS = """
()
datasets::vehicles().per_class(6).seed(1).size(32).classes(&["car", "truck"]).write()?
datasets::vehicles().write_to("folder")?
ImageFolder::open("photos")?
ImageFolder::open("photos")?.split(0.2, 42)?.size(64).augment(Augment::standard()).batch(32)
ImageFolder::open("photos")?.limit(9).resize(candlewick::data::ResizeMethod::Crop).normalize(Normalize::imagenet()).seeded(3).skip_corrupt(true).strict()
ImageFolder::open("photos")?.greys(Greys::Stretch).grouped(|name| name.to_string()).grouped_by_folder().balanced().hold_out(0.2, 1)?
ImageFolder::csv("list.csv")?
ImageFolder::csv_column("list.csv", "species")?
ImageFolder::in_memory(vec![picture.clone()], &["a"])?
NumberTable::csv("ages.csv", &["age"])?.split(0.2, 42)?.size(64).batch(32)
data.folds(5, 42)?
data.show_augmented(0, 8)?
data.show_augmentations(0)?
Augment { crop: 0.4, hue: 0.05, erase: 0.25, cutmix: 0.5, ..Augment::standard() }.gallery(&[picture.clone()])?
Augment::random()
Augment::every_kind()
Augment::none()
Augment::boxes()
Augment::standard().is_none()
data.summary()?
data.summary()?.table().text()
data.show_batch(9)?
data.classes()
data.len()
data.is_empty()
data.root()
data.sample(0)
data.ids(Part::Train)
data.counts(Part::Train)
data.has_valid()
data.has_boxes()
data.transform()
data.augmentation()
data.batch_size()
data.seed()
data.left_out()
data.corrupt()
data.leaks()
data.train_batches(0)?
data.valid_batches()?
data.batches(Part::Valid)?
data.picture(0)?
data.original(0)?
TensorData::new(t.clone(), vec![0, 1], &["a", "b"])?
TensorData::numbers(t.clone(), t.clone(), &["a", "b"])?
TensorData::labels(t.clone(), t.clone(), &["a", "b"])?
TensorData::new(t.clone(), vec![0, 1], &["a", "b"])?.boxes(t.clone())?.split(0.2, 1)?.batch(4).seeded(1).normalized(Normalize::imagenet()).names()
Learner::vision(Arch::default(), &data)?
Learner::vision(Arch::ResNet18.weights("resnet18.safetensors").cut(3), &data)?
Learner::vision(Arch::named("resnet18")?.untrained(), &data)?
Learner::vision_untrained(Arch::default(), &data)?
Learner::localization(Arch::default(), &data)?
Learner::regression(Arch::default(), &data)?
Learner::pretrained(Arch::default())?
Learner::new(Network::whole(7, |at| { let a = Linear::new(&at.child("a"), 3, 2)?; Ok(move |x: &Tensor, pass: &Pass| a.forward(&x.mean((2, 3))?, pass)) })?, Classify, &data)?
Network::candle(&candle_nn::VarMap::new(), |x| x.relu())?
Learner::labels(Arch::default(), &data)?
LabelTable::csv("photos/labels.csv")?.split(0.2, 42)?.size(64).batch(32)
learner.thresholds()?
learner.metric(candlewick::train::Accuracy::default())
learner.add(|when: When, _: &mut Fit| Ok(if when == When::EpochEnded { Next::EndFit } else { Next::Go }))
learner.remove_callbacks()
learner.answers(&t)?
Learner::open("checkpoint.safetensors")?
Arch::default().name()
Arch::default().picture()
Arch::default().normalize()
learner.summary()?
learner.network()
learner.judged()
learner.task()
learner.spec()
learner.classes()
learner.transform()
learner.load_report()
learner.optimizer_state()
learner.features_reused()
learner.freeze()
learner.freeze_to(2)?
learner.unfreeze()
learner.unfreeze_from("blocks.2")?
learner.optimizer(Optimizer::adamw())
learner.seed(1).clip(1.0).accumulate(2).mixed_precision().label_smoothing(0.1).keep_features(true).quiet()
learner.ema(0.99)?
learner.fit(3, 1e-3)?
learner.fit(3, 1e-5..1e-3)?
learner.fit_one_cycle(4, 1e-5..1e-3)?
learner.fit_with(4, 1e-5..1e-3, Schedule::cosine().cycles(3).growing(2.0).end_at(0.01).warm_up(0.1))?
learner.fit_with(4, 1e-3, Schedule::plateau(2, 0.1).by("accuracy").unfreezing(1))?
learner.fit_with(4, 1e-3, Schedule::own(|done, _| 1.0 - done))?
learner.plot_schedule(4, 1e-3, Schedule::one_cycle())?
learner.rates(1e-5..1e-3)?
learner.unfreeze_gradually(4, 1e-5..1e-3)?
learner.train_bn(true)
learner.resume()?
learner.resume_with(Schedule::linear())?
learner.optimizer(Optimizer::rmsprop().momentum(0.9).centered().betas(0.9, 0.99).decay_all())
learner.fine_tune(2)?
learner.lr_find()?
learner.lr_find()?.figure()
learner.validate()?
learner.evaluate()?
learner.confusion_matrix()?
learner.confusion()?
learner.confusion_on(&data)?
learner.top_losses(9)?
learner.plot_losses()?
learner.predict("new.jpg")?
learner.predict("new.jpg")?.drawn()
learner.predict("new.jpg")?.caption()
learner.predict("new.jpg")?.detection()
learner.predict_tta("new.jpg", 4)?
learner.evaluate_tta(4)?
learner.evaluate_tta_on(Part::Test, 4)?
learner.class_weights(&[1.0, 5.0])?
learner.balanced_weights()?
learner.focal_loss(2.0)
learner.predict_all(&["a.jpg", "b.jpg"])?
learner.embed("new.jpg")?
learner.embed_all(&["a.jpg", "b.jpg"])?
learner.attention("new.jpg")?
learner.attention_for("new.jpg", "car")?
learner.attention("new.jpg")?.figure()
learner.attention("new.jpg")?.drawn()
learner.attention("new.jpg")?.table()
learner.attention_all(&["a.jpg", "b.jpg"])?
learner.embedding_map()?
learner.embedding_map()?.write_csv("map.csv")?
learner.embedding_tsne()?
learner.index("photos")?
learner.index("photos")?.nearest(&learner, "new.jpg", 5)?
learner.index("photos")?.save("photos.index.safetensors")?
SimilarityIndex::of(&learner, &data)?
SimilarityIndex::load("photos.index.safetensors", &learner)?
learner.linear_probe(&data)?
learner.prototypes(&data)?
learner.add_classes(&data)?
learner.keep_old_classes(&data)?
learner.rehearse(&data, 0.25)?
learner.distill(&Learner::open("old.safetensors")?, 2.0, 1.0)?
learner.history()
learner.save("photos.safetensors")?
learner.save_weights("weights.safetensors")?
learner.load("photos.safetensors")?
learner.set_data(&data)?
learner.replace_head(&data)?
plot::bars(&["a".to_string()], &[1.0])
plot::confusion(&[vec![1, 2], vec![3, 4]], &["a".to_string(), "b".to_string()])
plot::grid(&[picture.clone()], &["x".to_string()])
plot::Lines::new("x", "y").title("t").line("a", &[(0.0, 1.0)], plot::Look::Line).mark(1.0, "m").percent().log_x().zoom().size(300, 200).figure()
plot::compare(&[plot::Run::new("a")])
plot::LossCurve::new().train(&[1.0]).valid(&[(1, 1.0)]).title("t").figure()
plot::overlay(&picture, &[plot::Mark::plain(0, [0.0, 0.0, 4.0, 4.0])])
learner.confusion()?.save("figure.png")?
show::display(&show::Bundle::new().text("x").html("x").markdown("x"))
show::print("x")
show::note("x")
ImageFolder::open("photos")?.memory(1 << 30).cache_on_disk().cache_in("cache", 1 << 30)
ImageFolder::open("photos")?.only(&["car", "bus"])?.drop(&["bus"])?.rename(&[("car", "auto")])?
Augment::mosaic()
Augment::standard().words()
TextTable::csv("reviews.csv")?.text("review").label("stars")?.split(0.2, 42)?.batch(16)
TextTable::tsv("reviews.tsv")?.label_names(&["negative", "positive"])?.max_tokens(64).balanced()
TextTable::jsonl("pairs.jsonl")?.pair("premise", "hypothesis").encoding("utf-8")?
TextTable::open("reviews.csv")?.labels("tags")?
TextTable::open("reviews.csv")?.only(&["good", "bad"])?.drop(&["good"])?
TextTable::open("reviews.csv")?.number("score")?.numbers(&["acting", "plot"])?
TextTable::from_texts(&[("fine film", "pos"), ("dull film", "neg")])?
reviews.columns()
reviews.text_of(0)?
reviews.value(0, "text")?
reviews.with_tokens(&reviews.tokens())?.summary()?
Bert::minilm()?
Bert::tiny()?
Bert::at_hand()?
Bert::hub("sentence-transformers/all-MiniLM-L6-v2")?
Bert::open("folder")?.pooling(candlewick::models::Pooling::Mean).max_tokens(64).dropout(0.1)
Bert::tiny()?.tokens()
Bert::tiny()?.layout()
Bert::tiny()?.origin()
Learner::text(Bert::minilm()?, &reviews)?
Learner::encoder(Bert::minilm()?)?
learner.save_encoder("folder")?
learner.similarities(&["a", "b"])?
learner.similarity("a", "b")?
learner.attributions("not bad at all")?
learner.attributions_for("not bad at all", "pos")?
SimilarityIndex::of_texts(&learner, &["a", "b"])?
learner.lora(Lora::rank(8).alpha(16.0).dropout(0.1).targets(&["query", "value"]))?
learner.add_adapter("second", Lora::rank(4))?
learner.use_adapter("second")?
learner.save_adapter("folder")?
learner.load_adapter("folder")?
learner.load_adapter_as("second", "folder")?
learner.merge_lora()?
learner.unmerge_lora()?
learner.unload_lora()?
learner.unfreeze_base()
learner.set_task(Classify)?
learner.freeze_from("blocks.2")?
learner.validate_every(2)
learner.evaluate_on(Part::Test)?
learner.evaluate_on(&data)?
learner.watch(4)?
learner.norms()?
learner.roc()?
learner.calibration()?
learner.most_confused(5)?
learner.show_results(9)?
learner.export_onnx("model.onnx")?
learner.card()?.about("a try").save("card.md")?
Learner::detection(Detector::YoloxNano, &boxes)?
Learner::detector(Detector::YoloxNano)?
learner.detections("new.jpg", 0.5)?
learner.precision_recall()?
learner.f1_curve()?
learner.score_histogram()?
learner.findings()?
learner.mistakes(9)?
show::progress("x", 1, 2)
show::clear(false)
show::ask("name? ")
show::Table::new(["a", "b"]).row(["1", "2"]).title("t").text()
show::Live::new().finish(&show::Bundle::new().text("x"))
Label::new("x").set_text("y")
IntProgress::new(0, 10)
FloatProgress::new(0.0, 10.0)
Button::new("x").on_click(|| ())
AnyWidget::new("export default {}").css("b {}").state("n", 1).open()
interrupt::check()?
interrupt::requested()
t.matmul(&t)?
t.sum_all()?.to_scalar::<f32>()?
""".strip().splitlines()

# What holds verbs: the files whose public functions, other than those that rows above call, `--list` names.
ROOMS = ["data/folder.rs", "data/feed.rs", "data/options.rs", "data/augment/mod.rs", "data/augment/gallery.rs", "data/parts.rs", "data/memory.rs", "data/class_table.rs", "data/number_table.rs", "datasets/vehicles.rs", "train/learner.rs", "train/fit.rs",
         "train/tuning.rs", "train/labels.rs", "data/table.rs", "train/predict.rs", "train/views.rs", "train/weighing.rs", "train/inspect.rs", "data/tensors.rs", "train/checkpoint.rs", "train/finder.rs",
         "train/text.rs", "train/lora.rs", "train/attributions.rs", "train/watch.rs", "train/norms.rs", "train/class_views.rs", "train/export.rs", "train/detection.rs", "train/box_views.rs", "train/similarity.rs",
         "train/probe.rs", "train/unfreezing.rs", "train/recording.rs", "train/forgetting.rs", "data/text/options.rs", "data/text/parting.rs", "models/bert/start.rs", "interrupt.rs"]
# Of those, what cells have no use for.
NOT_IN_CELLS = {"as_str", "factor", "top", "of", "check", "write", "bbox", "line", "request", "clear", "install", "hear", "nap", "sleep"}


def unlisted():
    """The public functions that no row calls."""
    sources = pathlib.Path(__file__).parent.parent / "prelude/src"
    text = "\n".join(VERBS)
    missing = []
    for room in ROOMS:
        found = re.findall(r"^ *pub fn (\w+)", (sources / room).read_text(), re.MULTILINE)
        missing += [f"{room}: {name}" for name in found if name not in NOT_IN_CELLS and not re.search(rf"\b{name}\b", text)]
    return missing


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--over", type=float)
    options.add_argument("--list", action="store_true")
    options = options.parse_args()
    missing = unlisted()
    if missing or options.list:
        print("\n".join(missing) or f"{len(VERBS)} rows, none missing")
        raise SystemExit(1 if missing else 0)
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
