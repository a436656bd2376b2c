//! Every detector beside its authors' own code (`reference/yolox_net.py`): names, what is said, the loss, one training step, SimOTA.

mod common;

use std::collections::HashMap;

use candlewick_prelude::Result;
use candlewick_prelude::candle_core::{DType, Device, Tensor, safetensors};
use candlewick_prelude::data::{Fields, field};
use candlewick_prelude::detect::{self, Candidates, Grid, TrueBox};
use candlewick_prelude::layers::Pass;
use candlewick_prelude::models::{Detector, Network};
use candlewick_prelude::ops;
use candlewick_prelude::params::ParamSet;
use candlewick_prelude::train::Learner;

use common::{close, four, largest, numbers, picture, values};

const RATE: f64 = 0.01;

fn fixture() -> Result<HashMap<String, Tensor>> {
    Ok(safetensors::load(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/yolox.safetensors"), &Device::Cpu)?)
}

/// The reference's weights: `values`, some of them scaled as in yolox_net.py.
fn weight(variance: f64, name: &str, dims: &[usize]) -> Result<Tensor> {
    let made = values(name, dims)?;
    if name.ends_with("running_var") {
        return Ok((made * variance)?);
    }
    let tells = name.starts_with("head.cls_preds") || name.starts_with("head.obj_preds");
    if tells && name.ends_with("weight") {
        return Ok((made * 2.0)?);
    }
    if name.starts_with("head.reg_preds") && name.ends_with("bias") {
        return Ok((made + Tensor::new(&[0f32, 0., 1., 1.], &Device::Cpu)?)?);
    }
    Ok(made)
}

struct Case {
    key: &'static str,
    detector: Detector,
    classes: usize,
    variance: f64,
}

const CASES: [Case; 4] = [
    Case { key: "nano", detector: Detector::YoloxNano, classes: 6, variance: 0.93 },
    Case { key: "tiny", detector: Detector::YoloxTiny, classes: 6, variance: 0.96 },
    Case { key: "s", detector: Detector::YoloxS, classes: 6, variance: 0.925 },
    Case { key: "nano80", detector: Detector::YoloxNano, classes: 80, variance: 0.93 },
];

impl Case {
    fn network(&self) -> Result<Network> {
        let network = Network::detecting(ParamSet::of(DType::F64, &Device::Cpu, 0), self.detector, self.classes)?;
        let mut tensors = Vec::new();
        for (name, value) in network.params().snapshot()? {
            tensors.push((name.clone(), weight(self.variance, &name, value.dims())?));
        }
        let report = network.params().load(&tensors, None)?;
        assert!(report.complete() && report.ignored.is_empty(), "{report}");
        Ok(network)
    }
}

/// The reference takes blue before red, networks here take red first.
fn pictures(name: &str, dims: [usize; 4]) -> Result<Fields> {
    let turned = Tensor::new(&[2u32, 1, 0], &Device::Cpu)?;
    Ok(Fields::of(field::IMAGE, picture(name, dims)?.index_select(&turned, 1)?.to_dtype(DType::F64)?))
}

/// The truths of the fixture's pictures.
fn truths(saved: &HashMap<String, Tensor>) -> Result<Vec<Vec<TrueBox>>> {
    let rows = saved["truths"].to_vec3::<f32>()?;
    let object =
        |row: &Vec<f32>| TrueBox { class: row[0] as usize, bbox: [row[1], row[2], row[3], row[4]], crowd: false };
    Ok(rows.iter().map(|rows| rows.iter().filter(|row| row[3] > 0.0).map(object).collect()).collect())
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
        close(&format!("{key} raw {level}"), &found, &expected, largest(&expected), 1e-5);
    }
    Ok(())
}

#[test]
fn what_is_said_and_what_is_decoded() -> Result<()> {
    let saved = fixture()?;
    for case in &CASES {
        let network = case.network()?;
        let wide: &[(&str, [usize; 4])] =
            if case.key == "nano" { &[("nano/x", [3, 3, 96, 96]), ("nano/wide", [2, 3, 96, 128])] } else { &[] };
        let square = format!("{}/x", case.key);
        let all = if wide.is_empty() { vec![(square.as_str(), [3, 3, 96, 96])] } else { wide.to_vec() };
        for (name, dims) in all {
            let key = name.trim_end_matches("/x");
            let said = network.rest(0, &pictures(name, dims)?, &Pass::eval())?.get(field::YOLOX)?.clone();
            compare_raw(key, &saved, &said, (dims[2], dims[3]))?;
            let Some(decoded) = saved.get(&format!("{key}/decoded")) else { continue };
            let decoded = decoded.to_vec2::<f32>()?;
            let found = detect::found(&said, (dims[2], dims[3]), 0.0)?;
            for (cell, found) in decoded.iter().zip(&found[0]) {
                let best = (0..case.classes).max_by(|a, b| cell[5 + a].total_cmp(&cell[5 + b])).unwrap();
                assert_eq!(found.class, best);
                for at in 0..4 {
                    assert!((found.bbox[at] - cell[at]).abs() < 1e-3, "{found:?} {cell:?}");
                }
                assert!((found.score - cell[4] * cell[5 + best]).abs() < 1e-5);
            }
            assert_eq!(decoded.len(), found[0].len());
        }
    }
    Ok(())
}

#[test]
fn the_loss_and_one_step_of_training() -> Result<()> {
    let saved = fixture()?;
    let truths = truths(&saved)?;
    for case in &CASES {
        let key = case.key;
        let side = (96, 96);
        for (l1, name) in [(true, "loss"), (false, "loss_without_l1")] {
            let network = case.network()?;
            let pass = Pass::train_without_noise();
            let x = pictures(&format!("{key}/x"), [3, 3, 96, 96])?;
            let said = network.rest(0, &x, &pass)?.get(field::YOLOX)?.clone();
            let loss = detect::yolox_loss(&said, side, &truths, Candidates::BoxOrCentre, l1)?;
            let count: usize = truths.iter().map(Vec::len).sum();
            let found = [
                loss.total.to_dtype(DType::F64)?.to_scalar::<f64>()?,
                5.0 * loss.place,
                loss.object,
                loss.class,
                loss.l1,
                loss.cells as f64 / count as f64,
            ];
            let expected = numbers(&saved[&format!("{key}/{name}")])?;
            close(&format!("{key} {name}"), &found, &expected, expected[0], 1e-5);
            if l1 {
                let near = detect::yolox_loss(&said, side, &truths, Candidates::Centre, l1)?;
                let found =
                    [near.total.to_dtype(DType::F64)?.to_scalar::<f64>()?, 5.0 * near.place, near.object, near.class];
                let expected = numbers(&saved[&format!("{key}/near/loss")])?;
                close(&format!("{key} near"), &found, &expected[..4], expected[0], 1e-5);
            }
            let grads = ops::backward(&loss.total)?;
            pass.commit()?;
            for param in network.params().params() {
                let at = if l1 {
                    format!("{key}/of/{}", param.name())
                } else {
                    format!("{key}/without_l1/{}", param.name())
                };
                let Some(expected) = saved.get(&at).map(numbers).transpose()? else { continue };
                let grad = grads.get(param.var()).unwrap_or_else(|| panic!("{} has no gradient", param.name()));
                let flat = numbers(grad)?;
                let norm = flat.iter().map(|x| x * x).sum::<f64>().sqrt();
                let mut found = vec![norm];
                found.extend(four(&flat));
                close(&format!("gradient {at}"), &found, &expected[..5], expected[0].max(1e-6), 1e-3);
                if l1 {
                    let after = numbers(&(param.value() - (grad * RATE)?)?)?;
                    let found = [vec![after.iter().sum::<f64>()], four(&after).to_vec()].concat();
                    close(&format!("step {at}"), &found, &expected[5..], largest(&expected[5..]).max(1.0), 1e-5);
                }
            }
            for buffer in network.params().buffers() {
                let at = format!("{key}/of/{}", buffer.name());
                if let Some(expected) = saved.get(&at).filter(|_| l1).map(numbers).transpose()? {
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
        }
    }
    Ok(())
}

/// `made` of reference/yolox_onnx.py, red first.
fn waves(number: i32) -> Result<Tensor> {
    const SIDE: usize = 416;
    let mut values = Vec::with_capacity(3 * SIDE * SIDE);
    for c in [2, 1, 0] {
        for y in 0..SIDE {
            for x in 0..SIDE {
                let (x, y, n, k) = (x as f64, y as f64, f64::from(number), f64::from(c));
                let mut value = 120.0 + 40.0 * ((x * (2.0 + n) + y * (1.0 + k)) * 0.02).sin();
                value += 30.0 * ((y * (3.0 - n) - x * k) * 0.03).cos();
                for spot in 0..2 {
                    let s = f64::from(spot);
                    let (cx, cy, r) =
                        (120.0 + 150.0 * s + 20.0 * n, 140.0 + 110.0 * s - 30.0 * n, 40.0 + 15.0 * s + 10.0 * n);
                    let far = (((x - cx).powi(2) + (y - cy).powi(2)) / (r * r)).powi(4);
                    value += (90.0 - 80.0 * f64::from((c + spot + number) % 3)) / (1.0 + far);
                }
                values.push(value.clamp(0.0, 255.0) as f32);
            }
        }
    }
    Ok(Tensor::from_vec(values, (1, 3, SIDE, SIDE), &Device::Cpu)?)
}

/// The published weights say what they say in onnxruntime (`reference/yolox_onnx.py`).
#[test]
fn real_weights_say_what_they_say_in_onnxruntime() -> Result<()> {
    let Some(data) = std::env::var_os("CANDLEWICK_TEST_DATA") else {
        println!("skipped: CANDLEWICK_TEST_DATA is not set");
        return Ok(());
    };
    let file = std::path::Path::new(&data).join("detectors/yolox_nano_coco_bn_identity.safetensors");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/yolox_onnx.safetensors");
    let saved: HashMap<String, Tensor> = safetensors::load(path, &Device::Cpu)?;
    let learner = Learner::detector(Detector::YoloxNano.weights(file))?;
    assert_eq!(learner.classes().len(), 80);
    for number in 0..3 {
        let inputs = Fields::of(field::IMAGE, waves(number)?);
        let said = learner.network().rest(0, &inputs, &Pass::eval())?.get(field::YOLOX)?.clone();
        let rows = said.squeeze(0)?.t()?.to_vec2::<f32>()?;
        let expected = saved[&format!("{number}/rows")].to_vec2::<f32>()?;
        for (row, expected) in rows.iter().step_by(61).zip(&expected) {
            for at in 0..85 {
                // the file has boxes as they are said, and the rest after the sigmoid
                let found = if at < 4 { row[at] } else { 1.0 / (1.0 + (-row[at]).exp()) };
                assert!((found - expected[at]).abs() < 1e-3, "picture {number}: {found} {}", expected[at]);
            }
        }
        assert_eq!(expected.len(), rows.len().div_ceil(61));
    }
    Ok(())
}

#[test]
fn simota_chooses_as_the_reference() -> Result<()> {
    let saved = fixture()?;
    for number in 0..5 {
        let get = |name: &str| &saved[&format!("simota/{number}/{name}")];
        let size = get("size").to_vec1::<i64>()?;
        let grid = Grid::over((size[0] as usize, size[1] as usize), &[8, 16, 32]);
        let boxes = get("boxes").to_vec2::<f32>()?;
        let objects = get("obj").flatten_all()?.to_vec1::<f32>()?;
        let classes = get("cls").to_vec2::<f32>()?;
        let truths: Vec<TrueBox> = get("truths")
            .to_vec2::<f32>()?
            .iter()
            .map(|row| TrueBox { class: row[0] as usize, bbox: [row[1], row[2], row[3], row[4]], crowd: false })
            .collect();
        for (candidates, rule) in [(Candidates::BoxOrCentre, ""), (Candidates::Centre, "near/")] {
            let assigned = detect::assign(
                candidates,
                &grid.0,
                &truths,
                6,
                &|cell| std::array::from_fn(|at| boxes[cell][at]),
                &|cell| objects[cell],
                &|cell, class| classes[cell][class],
            );
            let cells: Vec<i64> = assigned.iter().map(|one| one.cell as i64).collect();
            let of: Vec<i64> = assigned.iter().map(|one| one.object as i64).collect();
            assert_eq!(cells, get(&format!("{rule}fg")).to_vec1::<i64>()?, "problem {number}, {candidates:?}");
            assert_eq!(of, get(&format!("{rule}gt")).to_vec1::<i64>()?, "problem {number}, {candidates:?}");
            for (one, iou) in assigned.iter().zip(get(&format!("{rule}iou")).to_vec1::<f32>()?) {
                assert!((one.iou - iou).abs() < 1e-5);
            }
        }
    }
    Ok(())
}
