//! Detections measured, against what pycocotools, tidecv and plain numpy say (`reference/average_precision.py`).

use candlewick_prelude::boxes::measure::{
    BoxConfusion, CocoEvaluator, CocoNumbers, Finding, FindingCounts, FindingRule, SizeRange, TruthFate,
};
use candlewick_prelude::boxes::{Annotation, BBox, Detection};
use serde_json::Value;

struct Case {
    name: String,
    wanted: Value,
    classes: usize,
    pictures: Vec<(Vec<Detection>, Vec<Annotation>)>,
}

impl Case {
    fn read(text: &str) -> Vec<Case> {
        let cases: Vec<Value> = serde_json::from_str(text).unwrap();
        cases.into_iter().map(Case::of).collect()
    }

    fn of(wanted: Value) -> Case {
        let classes = wanted["classes"].as_array().unwrap().len();
        let mut pictures = vec![(Vec::new(), Vec::new()); wanted["pictures"].as_u64().unwrap() as usize];
        for row in rows(&wanted["truth"]) {
            let annotation = Annotation { crowd: row[2] > 0.5, ..Annotation::new(row[1] as usize, bbox(&row[3..])) };
            pictures[row[0] as usize].1.push(annotation);
        }
        for row in rows(&wanted["found"]) {
            pictures[row[0] as usize].0.push(Detection::new(row[1] as usize, "", row[2] as f32, bbox(&row[3..])));
        }
        Case { name: wanted["name"].as_str().unwrap().to_owned(), classes, pictures, wanted }
    }

    fn evaluator(&self) -> CocoEvaluator {
        let mut evaluator = CocoEvaluator::new(self.classes);
        for (found, truth) in &self.pictures {
            evaluator.add(found, truth).unwrap();
        }
        evaluator
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn bbox(row: &[f64]) -> BBox {
    BBox::new(row[0] as f32, row[1] as f32, row[2] as f32, row[3] as f32)
}

fn cases() -> Vec<Case> {
    Case::read(include_str!("fixtures/average_precision.json"))
}

fn same(name: &str, found: &[f64], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len(), "{name}");
    for (at, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!((found - wanted).abs() < 1e-6, "{name}: number {at} is {found}, not {wanted}");
    }
}

fn coco(numbers: &CocoNumbers) -> Vec<f64> {
    numbers.row().iter().map(|number| number.unwrap_or(-1.0)).collect()
}

fn as_pycocotools(case: &Case) {
    let evaluator = case.evaluator();
    let scores = evaluator.value();
    same(&case.name, &coco(&scores.all), &numbers(&case.wanted["all"]));
    for (class, wanted) in rows(&case.wanted["classes"]).iter().enumerate() {
        same(&format!("{}, class {class}", case.name), &coco(&scores.classes[class]), wanted);
    }
    let mut sums = vec![0.0; 10 * case.classes * 4];
    for class in 0..case.classes {
        for (at, size) in SizeRange::EVERY.into_iter().enumerate() {
            let precision = evaluator.precision(class, size).unwrap();
            for iou in 0..10 {
                // pycocotools fills with −1 what has no truth
                let sum = precision.as_ref().map_or(-101.0, |rows| rows[iou].iter().sum());
                sums[(iou * case.classes + class) * 4 + at] = sum;
            }
        }
    }
    same(&format!("{}, sums", case.name), &sums, &numbers(&case.wanted["sums"]));
}

fn curves_as_counted(case: &Case) {
    let (evaluator, wanted) = (case.evaluator(), numbers(&case.wanted["best"]));
    let (curves, scores) = (evaluator.curves(), evaluator.value());
    let mut best = vec![-1.0; case.classes];
    for class in &curves.classes {
        best[class.class] = class.best.f1;
        let area = class.precision.iter().sum::<f64>() / 101.0;
        assert!((area - scores.classes[class.class].ap_50.unwrap()).abs() < 1e-9, "{}", case.name);
        // the threshold gives the F1 it promises
        let there = class.steps.iter().rev().find(|step| step.threshold >= class.best.threshold);
        assert!((there.map_or(0.0, |step| step.f1) - class.best.f1).abs() < 1e-9, "{}", case.name);
        assert!(
            class.steps.windows(2).all(|two| two[0].threshold > two[1].threshold && two[0].recall <= two[1].recall)
        );
    }
    same(&format!("{}, best F1", case.name), &best, &wanted);
    if case.wanted["every"].as_bool().unwrap() {
        same(&format!("{}, mean F1", case.name), &[curves.best.f1], &[case.wanted["mean_best"].as_f64().unwrap()]);
    }
    if let Some(ap) = scores.all.ap_50 {
        assert!((curves.precision.iter().sum::<f64>() / 101.0 - ap).abs() < 1e-9);
        assert!(curves.steps.len() == 1001 && curves.steps.iter().all(|step| step.f1 <= curves.best.f1 + 1e-9));
    }
    let histogram = evaluator.histogram(10, None);
    assert_eq!(histogram.edges().len(), 11);
    assert!(
        histogram.right.iter().chain(&histogram.wrong).sum::<usize>() <= case.wanted["found"].as_array().unwrap().len()
    );
}

fn findings_as_tide(case: &Case) {
    let (mut counts, rule) =
        (FindingCounts::new(case.classes), FindingRule { score: f64::from(0.2_f32), ..FindingRule::default() });
    for (found, truth) in &case.pictures {
        counts.add(found, truth, &rule.judge(found, truth).unwrap()).unwrap();
    }
    let kinds = [
        Finding::Right,
        Finding::Duplicate,
        Finding::WrongClass,
        Finding::WrongPlace,
        Finding::WrongBoth,
        Finding::Background,
    ];
    let mut found: Vec<f64> = kinds.into_iter().map(|kind| counts.all(kind) as f64).collect();
    found.push(counts.fates(TruthFate::Missed) as f64);
    same(&format!("{}, TIDE", case.name), &found, &numbers(&case.wanted["tide"]));
    let each: usize = Finding::EVERY.into_iter().map(|kind| counts.all(kind)).sum();
    assert_eq!(each, case.wanted["found"].as_array().unwrap().len());
    for class in 0..counts.classes() {
        let truths: usize = TruthFate::EVERY.into_iter().map(|fate| counts.fates_of(class, fate).unwrap()).sum();
        assert_eq!(truths, rows(&case.wanted["truth"]).iter().filter(|row| row[1] as usize == class).count());
    }
}

fn confusion_as_defined(case: &Case) {
    let mut confusion = BoxConfusion::new(case.classes);
    for (found, truth) in &case.pictures {
        confusion.add(found, truth).unwrap();
    }
    let found: Vec<f64> = confusion.rows().into_iter().flatten().map(|count| count as f64).collect();
    same(&format!("{}, confusion", case.name), &found, &rows(&case.wanted["confusion"]).concat());
}

#[test]
fn coco_numbers_as_pycocotools() {
    cases().iter().for_each(as_pycocotools);
}

#[test]
fn curves_and_their_best_thresholds() {
    cases().iter().for_each(curves_as_counted);
}

#[test]
fn findings_as_tidecv() {
    cases().iter().for_each(findings_as_tide);
}

#[test]
fn confusion_by_its_definition() {
    cases().iter().for_each(confusion_as_defined);
}

#[test]
fn after_a_reset_the_numbers_are_those_of_the_new_pictures() {
    let cases = cases();
    let [.., last, other] = &cases[..] else { panic!("there are cases") };
    let mut evaluator = CocoEvaluator::new(last.classes.max(other.classes));
    for (found, truth) in &other.pictures {
        evaluator.add(found, truth).unwrap();
    }
    let (before, pictures) = (evaluator.value(), evaluator.pictures());
    assert_eq!((before, pictures), (evaluator.value(), other.pictures.len()), "asking changes nothing");
    evaluator.reset();
    assert_eq!((evaluator.pictures(), evaluator.value().all), (0, CocoNumbers::default()));
    for (found, truth) in &last.pictures {
        evaluator.add(found, truth).unwrap();
    }
    same("again", &coco(&evaluator.value().all), &numbers(&last.wanted["all"]));
}

/// A larger case, where `AVERAGE_PRECISION_LARGE` names the file that `average_precision.py --large 300 30 100 FILE` writes.
#[test]
fn a_large_case() {
    let Some(path) = std::env::var_os("AVERAGE_PRECISION_LARGE") else { return };
    for case in Case::read(&std::fs::read_to_string(path).unwrap()) {
        as_pycocotools(&case);
        curves_as_counted(&case);
        findings_as_tide(&case);
        confusion_as_defined(&case);
    }
}
