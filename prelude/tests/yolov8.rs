//! YOLOv8 beside Ultralytics' own code (`reference/yolov8.py`): names, what is said, the loss, one training step, which cells answer.

mod common;

use std::collections::HashMap;

use candlewick_prelude::Result;
use candlewick_prelude::candle_core::{DType, Device, Tensor, safetensors};
use candlewick_prelude::data::{Fields, field};
use candlewick_prelude::detect::{self, Edge, Grid, Reach, TrueBox};
use candlewick_prelude::layers::Pass;
use candlewick_prelude::models::{Detector, Network, Shapes};
use candlewick_prelude::ops;
use candlewick_prelude::params::ParamSet;
use candlewick_prelude::train::Learner;

use common::{close, four, largest, numbers, picture, values};

const RATE: f64 = 0.01;
/// Pictures of a batch: Ultralytics multiplies its loss by them.
const BATCH: f64 = 3.0;

fn fixture(name: &str) -> Result<HashMap<String, Tensor>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    Ok(safetensors::load(format!("{folder}/{name}.safetensors"), &Device::Cpu)?)
}

/// Ultralytics' name of a tensor.
fn there(name: &str) -> String {
    name.strip_prefix("head.").map_or_else(|| name.to_owned(), |rest| format!("model.22.{rest}"))
}

/// The reference's weights: `values` by Ultralytics' names, some of them changed as in yolov8.py.
fn weight(variance: f64, name: &str, dims: &[usize]) -> Result<Tensor> {
    let made = values(&there(name), dims)?;
    if name.ends_with("running_var") {
        return Ok((made * variance)?);
    }
    if name.starts_with("head.cv2.") && name.ends_with(".2.bias") {
        let less: Vec<f32> = (0..64u8).map(|row| f32::from(row % 16) / 2.0).collect();
        return Ok((made - Tensor::new(less, &Device::Cpu)?)?);
    }
    Ok(made)
}

struct Case {
    key: &'static str,
    detector: Detector,
    variance: f64,
}

const CASES: [Case; 3] = [
    Case { key: "n", detector: Detector::YoloV8n, variance: 0.91 },
    Case { key: "s", detector: Detector::YoloV8s, variance: 0.93 },
    Case { key: "m", detector: Detector::YoloV8m, variance: 0.985 },
];

impl Case {
    fn network(&self) -> Result<Network> {
        self.network_of(DType::F64, 6)
    }

    fn network_of(&self, dtype: DType, classes: usize) -> Result<Network> {
        let network = Network::detecting(ParamSet::of(dtype, &Device::Cpu, 0), self.detector, classes)?;
        let mut tensors = Vec::new();
        for (name, value) in network.params().snapshot()? {
            tensors.push((name.clone(), weight(self.variance, &name, value.dims())?));
        }
        let report = network.params().load(&tensors, None)?;
        assert!(report.complete() && report.ignored.is_empty(), "{report}");
        Ok(network)
    }
}

fn pictures(name: &str, dims: [usize; 4]) -> Result<Fields> {
    Ok(Fields::of(field::IMAGE, picture(name, dims)?.to_dtype(DType::F64)?))
}

/// The truths of YOLOX's fixture.
fn truths() -> Result<Vec<Vec<TrueBox>>> {
    let rows = fixture("yolox")?["truths"].to_vec3::<f32>()?;
    Ok(rows.iter().map(|rows| rows.iter().filter(|row| row[3] > 0.0).map(|row| object(row)).collect()).collect())
}

fn object(row: &[f32]) -> TrueBox {
    TrueBox { class: row[0] as usize, bbox: [row[1], row[2], row[3], row[4]], crowd: false }
}

/// At `count` even places from the first to the last.
fn places(numbers: &[f64], count: usize) -> Vec<f64> {
    (0..count).map(|k| numbers[k * (numbers.len() - 1) / (count - 1)]).collect()
}

/// What is said, level by level, as the fixture has it: the sum of each channel, then 16 numbers.
fn compare_raw(key: &str, saved: &HashMap<String, Tensor>, said: &Tensor, side: (usize, usize)) -> Result<()> {
    let mut from = 0;
    for (level, stride) in [8, 16, 32].into_iter().enumerate() {
        let cells = (side.0 / stride) * (side.1 / stride);
        let part = said.narrow(2, from, cells)?.contiguous()?;
        from += cells;
        let found = [numbers(&part.sum((0, 2))?)?, places(&numbers(&part)?, 16)].concat();
        let expected = numbers(&saved[&format!("{key}/raw.{level}")])?;
        assert_eq!(found.len(), expected.len());
        close(&format!("{key} raw {level}"), &found, &expected, largest(&expected), 1e-5);
    }
    Ok(())
}

#[test]
fn what_is_said_and_what_is_decoded() -> Result<()> {
    let saved = fixture("yolov8")?;
    for case in &CASES {
        let network = case.network()?;
        let mut all = vec![(case.key.to_owned(), format!("{}/x", case.key), [3, 3, 96, 96])];
        if case.key == "n" {
            all.push(("n/wide".to_owned(), "n/wide".to_owned(), [2, 3, 96, 128]));
        }
        for (key, name, dims) in all {
            let said = network.rest(0, &pictures(&name, dims)?, &Pass::eval())?.get(field::YOLOV8)?.clone();
            let side = (dims[2], dims[3]);
            compare_raw(&key, &saved, &said, side)?;
            let Some(decoded) = saved.get(&format!("{key}/decoded")) else { continue };
            let decoded = decoded.t()?.to_vec2::<f32>()?;
            let found = detect::yolov8_found(&said, side, 0.0)?;
            assert_eq!((found.len(), found[0].len()), (dims[0], decoded.len()));
            for (cell, found) in decoded.iter().zip(&found[0]) {
                let best = (0..6).max_by(|a, b| cell[4 + a].total_cmp(&cell[4 + b])).expect("there are six");
                assert_eq!(found.class, best);
                for at in 0..4 {
                    assert!((found.bbox[at] - cell[at]).abs() < 1e-3, "{found:?} {cell:?}");
                }
                assert!((found.score - cell[4 + best]).abs() < 1e-5);
            }
            // from a score on, the same ones without the others
            let sure = detect::yolov8_found(&said, side, 0.5)?;
            let expected: Vec<_> = found[0].iter().filter(|one| one.score >= 0.5).collect();
            assert_eq!(sure[0].iter().collect::<Vec<_>>(), expected);
        }
    }
    Ok(())
}

#[test]
fn the_loss_and_one_step_of_training() -> Result<()> {
    let saved = fixture("yolov8")?;
    let truths = truths()?;
    for case in &CASES {
        let key = case.key;
        let network = case.network()?;
        let pass = Pass::train_without_noise();
        let x = pictures(&format!("{key}/x"), [3, 3, 96, 96])?;
        let said = network.rest(0, &x, &pass)?.get(field::YOLOV8)?.clone();
        for (reach, name) in [(Reach::Exact, "loss_unfloored"), (Reach::Enlarged, "loss")] {
            let loss = detect::yolov8_loss(&said, (96, 96), &truths, reach)?;
            let found = [7.5 * loss.place, 0.5 * loss.class, 1.5 * loss.edges];
            let expected: Vec<f64> =
                numbers(&saved[&format!("{key}/{name}")])?.iter().map(|part| part / BATCH).collect();
            close(&format!("{key} {name}"), &found, &expected, largest(&expected), 1e-5);
            let total = loss.total.to_dtype(DType::F64)?.to_scalar::<f64>()?;
            assert!((total - found.iter().sum::<f64>()).abs() < 1e-9 && loss.cells > 20);
        }
        let loss = detect::yolov8_loss(&said, (96, 96), &truths, Reach::default())?;
        let grads = ops::backward(&loss.total)?;
        pass.commit()?;
        let mut compared = 0;
        for param in network.params().params() {
            let at = format!("{key}/of/{}", there(param.name()));
            let Some(expected) = saved.get(&at).map(numbers).transpose()? else { continue };
            compared += 1;
            let grad = grads.get(param.var()).unwrap_or_else(|| panic!("{} has no gradient", param.name()));
            let grad = (grad * BATCH)?;
            let flat = numbers(&grad)?;
            let norm = flat.iter().map(|x| x * x).sum::<f64>().sqrt();
            let found = [vec![norm], four(&flat).to_vec()].concat();
            close(&format!("gradient {at}"), &found, &expected[..5], expected[0].max(1e-6), 1e-3);
            let after = numbers(&(param.value() - (&grad * RATE)?)?)?;
            let found = [vec![after.iter().sum::<f64>()], four(&after).to_vec()].concat();
            close(&format!("step {at}"), &found, &expected[5..], largest(&expected[5..]).max(1.0), 1e-5);
        }
        assert_eq!(compared, network.params().params().len());
        for buffer in network.params().buffers() {
            let at = format!("{key}/of/{}", there(buffer.name()));
            let expected = numbers(&saved[&at])?;
            // the batch counts 0.1 here and 0.03 there
            let old = numbers(&weight(case.variance, buffer.name(), buffer.value().dims())?)?;
            let old = [vec![old.iter().sum::<f64>()], four(&old).to_vec()].concat();
            let expected: Vec<f64> =
                old.iter().zip(&expected).map(|(old, new)| old + (new - old) * 0.1 / 0.03).collect();
            let flat = numbers(&buffer.value())?;
            let found = [vec![flat.iter().sum::<f64>()], four(&flat).to_vec()].concat();
            close(&at, &found, &expected, largest(&expected).max(1e-6), 1e-5);
        }
    }
    Ok(())
}

#[test]
fn a_batch_without_objects_learns_that_nothing_is_there() -> Result<()> {
    let said = Tensor::randn(0.0, 1.0, (2, 64 + 6, 189), &Device::Cpu)?;
    let said = candlewick_prelude::candle_core::Var::from_tensor(&said)?;
    let loss = detect::yolov8_loss(&said, (96, 96), &[vec![], vec![]], Reach::Enlarged)?;
    assert_eq!((loss.place, loss.edges, loss.cells), (0.0, 0.0, 0));
    let grads = ops::backward(&loss.total)?;
    let grad = grads.get(&said).expect("it has one");
    let expected = (ops::sigmoid(&said.as_tensor().narrow(1, 64, 6)?)? * 0.5)?;
    let off = (grad.narrow(1, 64, 6)? - expected)?.abs()?.max_all()?.to_scalar::<f64>()?;
    assert!(off < 1e-6, "{off}");
    assert_eq!(grad.narrow(1, 0, 64)?.abs()?.max_all()?.to_scalar::<f64>()?, 0.0);
    let crowd = TrueBox { class: 1, bbox: [40.0, 40.0, 30.0, 30.0], crowd: true };
    assert_eq!(detect::yolov8_loss(&said, (96, 96), &[vec![crowd], vec![]], Reach::Enlarged)?.cells, 0);
    let other = TrueBox { class: 6, crowd: false, ..crowd };
    for (truths, side, text) in [
        (vec![vec![other], vec![]], (96, 96), "an object is of class 6, the head tells 6 apart"),
        (vec![vec![]], (96, 96), "2 pictures, but the objects of 1"),
        (vec![vec![], vec![]], (96, 128), "has 252 cells, the head says something of 189"),
    ] {
        let says = detect::yolov8_loss(&said, side, &truths, Reach::Enlarged).unwrap_err().to_string();
        assert!(says.contains(text), "{says}");
    }
    Ok(())
}

#[test]
fn cells_are_chosen_as_in_the_reference() -> Result<()> {
    let saved = fixture("yolov8")?;
    for number in 0..5 {
        let get = |name: &str| &saved[&format!("tal/{number}/{name}")];
        let size = get("size").to_vec1::<i64>()?;
        let grid = Grid::over((size[0] as usize, size[1] as usize), &[8, 16, 32]);
        let boxes = get("boxes").to_vec2::<f32>()?;
        let scores = get("scores").to_vec2::<f32>()?;
        let truths: Vec<TrueBox> = get("truths").to_vec2::<f32>()?.iter().map(|row| object(row)).collect();
        for (reach, rule) in [(Reach::Enlarged, ""), (Reach::Exact, "unfloored/")] {
            let aligned = detect::align(
                reach,
                &grid.0,
                &truths,
                &|cell| std::array::from_fn(|at| f64::from(boxes[cell][at])),
                &|cell, class| f64::from(scores[cell][class]),
            );
            let what = format!("problem {number}, {reach:?}");
            let cells: Vec<i64> = aligned.iter().map(|one| one.cell as i64).collect();
            let of: Vec<i64> = aligned.iter().map(|one| one.object as i64).collect();
            assert_eq!(cells, get(&format!("{rule}fg")).to_vec1::<i64>()?, "{what}");
            assert_eq!(of, get(&format!("{rule}gt")).to_vec1::<i64>()?, "{what}");
            for (one, score) in aligned.iter().zip(get(&format!("{rule}score")).to_vec1::<f32>()?) {
                assert!((one.score - f64::from(score)).abs() < 1e-6, "{what}: {one:?} {score}");
            }
        }
    }
    Ok(())
}

#[test]
fn complete_overlap_and_edges_with_their_slopes() -> Result<()> {
    let saved = fixture("yolov8")?;
    let rows = |name: &str| saved[name].to_vec2::<f32>();
    let four = |row: &[f32]| std::array::from_fn::<f64, 4, _>(|at| f64::from(row[at]));
    let (said, truth, slopes) = (rows("ciou/a")?, rows("ciou/b")?, rows("ciou/gradient")?);
    for (at, expected) in saved["ciou/value"].to_vec1::<f32>()?.into_iter().enumerate() {
        let (value, found) = detect::ciou_slopes(four(&said[at]), four(&truth[at]));
        assert_eq!(value, detect::ciou(four(&said[at]), four(&truth[at])));
        close(&format!("overlap {at}"), &[value], &[f64::from(expected)], 1.0, 1e-6);
        let expected = four(&slopes[at]);
        close(&format!("slopes {at}"), &found, &expected, largest(&expected), 1e-5);
    }
    let (logits, wanted) = (rows("dfl/logits")?, rows("dfl/target")?);
    let (losses, slopes) = (saved["dfl/loss"].to_vec1::<f32>()?, rows("dfl/gradient")?);
    let means = saved["dfl/mean"].to_vec1::<f32>()?;
    for (object, wanted) in wanted.iter().enumerate() {
        let mut lost = 0.0;
        for (side, wanted) in wanted.iter().enumerate() {
            let at = 4 * object + side;
            let edge = Edge::of(std::array::from_fn(|bin| logits[at][bin]));
            close("distance", &[edge.distance], &[f64::from(means[at])], 1.0, 1e-5);
            let (one, found) = edge.loss(f64::from(*wanted));
            lost += one / 4.0;
            let found = found.map(|slope| slope / 4.0);
            let expected: Vec<f64> = slopes[at].iter().map(|slope| f64::from(*slope)).collect();
            close(&format!("slopes of edge {at}"), &found, &expected, 1.0, 1e-6);
        }
        close(&format!("edges {object}"), &[lost], &[f64::from(losses[object])], 1.0, 1e-5);
    }
    Ok(())
}

#[test]
fn as_many_parameters_as_are_published() -> Result<()> {
    // without the 16 fixed numbers of Ultralytics' own
    for (detector, count) in
        [(Detector::YoloV8n, 3_157_184), (Detector::YoloV8s, 11_166_544), (Detector::YoloV8m, 25_902_624)]
    {
        let network = Network::detecting(ParamSet::new(0), detector, 80)?;
        assert_eq!(network.params().count(), count, "{detector}");
        assert_eq!(network.parts(), ["stem", "stage2", "stage3", "stage4", "stage5", "pyramid", "head"]);
    }
    let network = Network::detecting(ParamSet::new(0), Detector::YoloV8n, 6)?;
    let says = network.body().shapes(&Shapes::of(field::IMAGE, &[3, 96, 80])).unwrap_err().to_string();
    assert!(says.contains("YOLOv8 takes pictures whose sides are multiples of 32, found 96 × 80"), "{says}");
    Ok(())
}

/// A file with Ultralytics' names, and one with candle's, of a network's values.
fn files(network: &Network, folder: &std::path::Path) -> Result<[std::path::PathBuf; 2]> {
    let mut ours: HashMap<String, Tensor> = HashMap::new();
    for (name, value) in network.params().snapshot()? {
        ours.insert(there(&name), value);
    }
    let fixed = Tensor::arange(0f32, 16.0, &Device::Cpu)?.reshape((1, 16, 1, 1))?;
    let listed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/yolov8_names.txt"))?;
    let (mut here, mut candles) = (HashMap::new(), HashMap::new());
    for line in listed.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let [module, candle, _, kind] = words[..] else { panic!("four words: {line}") };
        let parts: &[&str] = match kind {
            "bn" => &["conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"],
            "bias" => &["weight", "bias"],
            _ => &["weight"],
        };
        for part in parts {
            let name = format!("{module}.{part}");
            let value = match kind {
                "alone" => fixed.clone(),
                _ => ours.remove(&name).unwrap_or_else(|| panic!("no {name}")),
            };
            candles.insert(format!("{candle}.{part}"), value.clone());
            here.insert(name, value);
        }
    }
    assert!(ours.is_empty(), "{:?}", ours.keys());
    here.insert("model.0.bn.num_batches_tracked".to_owned(), Tensor::new(7i64, &Device::Cpu)?);
    let paths = ["ultralytics.safetensors", "candle.safetensors"].map(|name| folder.join(name));
    safetensors::save(&here, &paths[0])?;
    safetensors::save(&candles, &paths[1])?;
    Ok(paths)
}

#[test]
fn files_of_ultralytics_and_of_candle_are_read() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let network = CASES[0].network_of(DType::F32, 80)?;
    let x = Fields::of(field::IMAGE, picture("x", [1, 3, 96, 96])?);
    let expected = numbers(network.rest(0, &x, &Pass::eval())?.get(field::YOLOV8)?)?;
    for path in files(&network, folder.path())? {
        let learner = Learner::detector(Detector::YoloV8n.weights(&path))?;
        assert_eq!((learner.classes().len(), learner.classes()[0].as_str()), (80, "person"));
        let found = numbers(learner.network().rest(0, &x, &Pass::eval())?.get(field::YOLOV8)?)?;
        assert!(found == expected, "{}", path.display());
        let says = Learner::detector(Detector::YoloV8s.weights(&path)).unwrap_err().to_string();
        assert!(says.contains("does not fit `yolov8s`") && says.contains("its shapes are those of yolov8n"), "{says}");
        let says = Learner::detector(Detector::YoloxNano.weights(&path)).unwrap_err().to_string();
        assert!(says.contains("its shapes are those of yolov8n"), "{says}");
    }
    Ok(())
}

/// Of the branch that tells 80 classes apart, all that a few classes have in common is taken over.
#[test]
fn few_classes_start_from_the_branch_of_many() -> Result<()> {
    let coco = Network::detecting(ParamSet::new(3), Detector::YoloV8n, 80)?;
    let file = coco.params().snapshot()?;
    let own: Vec<String> = ["cat", "unicorn"].map(str::to_owned).to_vec();
    let theirs: Vec<String> = Detector::YoloV8n.published_classes().iter().map(|name| (*name).to_owned()).collect();
    let network = Network::detecting_like(ParamSet::new(4), Detector::YoloV8n, 2, &file)?;
    let report = network.load_detector((&file, "a file"), &theirs, &own)?;
    assert_eq!((report.shared, report.loaded.new.len()), (vec!["cat".to_owned()], 0));
    let cat = theirs.iter().position(|name| name == "cat").expect("COCO has cats");
    for level in 0..3 {
        let rows = |network: &Network| -> Result<Vec<Vec<f32>>> {
            let name = format!("head.cv3.{level}.2.weight");
            Ok(network.params().get(&name).expect("it is there").value().flatten_from(1)?.to_vec2::<f32>()?)
        };
        assert_eq!(rows(&network)?[0], rows(&coco)?[cat]);
    }
    // a copy has the same width, and a head for others too
    let copy = network.copy()?;
    let width =
        |network: &Network| network.params().get("head.cv3.0.0.conv.weight").map(|weight| weight.var().dims()[0]);
    assert_eq!(
        (width(&copy), width(&Network::detecting(ParamSet::new(0), Detector::YoloV8n, 2)?)),
        (Some(80), Some(64))
    );
    Ok(())
}

#[test]
fn without_a_file_it_says_what_to_give() {
    let says = Learner::detector(Detector::YoloV8n).map(|_| ()).unwrap_err().to_string();
    assert!(says.contains("give a file: `Detector::YoloV8n.weights(\"yolov8n.safetensors\")`"), "{says}");
    assert!(says.contains("weights add FILE --as yolov8n"), "{says}");
    for detector in Detector::ALL {
        assert_eq!(Detector::named(detector.name()).expect("it has that name"), detector);
    }
}
