//! What holds whatever the boxes.

use super::*;
use crate::boxes::{Annotation, BBox, Detection};
use proptest::prelude::*;

/// Detections and true objects of one picture.
type Seen = (Vec<Detection>, Vec<Annotation>);

const CLASSES: usize = 3;

fn bbox() -> impl Strategy<Value = BBox> {
    let side = prop_oneof![0..4_u8, 4..120_u8];
    (0..80_u8, 0..80_u8, side.clone(), side)
        .prop_map(|(x, y, w, h)| BBox::from_xywh(x.into(), y.into(), w.into(), h.into()))
}

/// Pictures whose detections all have scores of their own.
fn pictures() -> impl Strategy<Value = Vec<Seen>> {
    let found = prop::collection::vec((0..CLASSES, bbox()), 0..8);
    let truth = prop::collection::vec((0..CLASSES, bbox(), prop::bool::weighted(0.15)), 0..5);
    (prop::collection::vec((found, truth), 0..6), any::<u64>()).prop_map(|(pictures, seed)| {
        let mut state = seed | 1;
        let mut count = 0;
        let mut detection = |(class, bbox): (usize, BBox)| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            count += 1;
            let score = ((state >> 56) as f32 * 64.0 + count as f32) / (256.0 * 64.0);
            Detection::new(class, "", score, bbox)
        };
        let annotation = |(class, bbox, crowd): (usize, BBox, bool)| Annotation { class, bbox, crowd };
        let one = |(found, truth): (Vec<_>, Vec<_>)| {
            (found.into_iter().map(&mut detection).collect(), truth.into_iter().map(annotation).collect())
        };
        pictures.into_iter().map(one).collect()
    })
}

fn evaluator<'a>(pictures: impl IntoIterator<Item = &'a Seen>) -> CocoEvaluator {
    let mut evaluator = CocoEvaluator::new(CLASSES);
    pictures.into_iter().for_each(|(found, truth)| evaluator.add(found, truth).unwrap());
    evaluator
}

fn close(a: &CocoNumbers, b: &CocoNumbers) -> bool {
    a.row().iter().zip(b.row()).all(|(a, b)| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-9,
        (a, b) => *a == b,
    })
}

proptest! {
    #[test]
    fn numbers_are_shares_and_stand_in_their_order(pictures in pictures()) {
        let evaluator = evaluator(&pictures);
        let scores = evaluator.value();
        for numbers in scores.classes.iter().chain([&scores.all]) {
            for number in numbers.row().into_iter().flatten() {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&number));
            }
            prop_assert!(numbers.ap <= numbers.ap_50 && numbers.ap_75 <= numbers.ap_50);
            prop_assert!(numbers.ar_1 <= numbers.ar_10 && numbers.ar_10 <= numbers.ar_100);
        }
        let curves = evaluator.curves();
        for step in curves.classes.iter().flat_map(|class| &class.steps).chain(&curves.steps) {
            for share in [step.precision, step.recall, step.f1] {
                prop_assert!((0.0..=1.0 + 1e-9).contains(&share));
            }
        }
    }

    #[test]
    fn the_order_of_pictures_is_nothing(pictures in pictures(), by in 0_usize..6) {
        let mut turned = pictures.clone();
        turned.rotate_left(by.min(pictures.len()));
        turned.reverse();
        let (one, other) = (evaluator(&pictures).value(), evaluator(&turned).value());
        prop_assert!(close(&one.all, &other.all));
        prop_assert!(one.classes.iter().zip(&other.classes).all(|(a, b)| close(a, b)));
    }

    #[test]
    fn what_is_found_better_makes_no_number_lower(pictures in pictures(), class in 0..CLASSES, at in bbox()) {
        prop_assume!(at.area() > 0.0);
        // one more true object that nobody finds, then the surest detection finds it
        let mut missed = pictures.clone();
        missed.push((Vec::new(), vec![Annotation::new(class, at)]));
        let mut found = pictures;
        found.push((vec![Detection::new(class, "", 2.0, at)], vec![Annotation::new(class, at)]));
        let (missed, found) = (evaluator(&missed).value(), evaluator(&found).value());
        for (missed, found) in missed.all.row().into_iter().zip(found.all.row()) {
            prop_assert!(found.unwrap_or(0.0) >= missed.unwrap_or(0.0) - 1e-9);
        }
    }

    #[test]
    fn the_truth_itself_is_all_right(pictures in pictures()) {
        let own = |(_, truth): &Seen| {
            let truth: Vec<Annotation> = truth.iter().filter(|one| one.bbox.area() > 0.0 && !one.crowd).cloned().collect();
            (truth.iter().map(|one| Detection::new(one.class, "", 0.9, one.bbox)).collect(), truth)
        };
        let pictures: Vec<Seen> = pictures.iter().map(own).collect();
        let all = evaluator(&pictures).value().all;
        prop_assert!([all.ap, all.ar_100].into_iter().flatten().all(|number| (number - 1.0).abs() < 1e-9));
        for (found, truth) in &pictures {
            let seen = FindingRule::default().judge(found, truth).unwrap();
            prop_assert!(seen.found.iter().all(|one| one.finding == Finding::Right));
            prop_assert!(seen.truths.iter().all(|fate| *fate == TruthFate::Found));
        }
    }

    #[test]
    fn confusion_counts_every_detection_and_every_truth_once(pictures in pictures()) {
        let mut confusion = BoxConfusion::new(CLASSES).score(-1.0);
        let none = |(found, truth): &Seen| (found.clone(), truth.iter().filter(|one| !one.crowd).cloned().collect());
        let pictures: Vec<Seen> = pictures.iter().map(none).collect();
        pictures.iter().for_each(|(found, truth)| confusion.add(found, truth).unwrap());
        let rows = confusion.rows();
        let said: usize = rows[..CLASSES].iter().flatten().sum();
        let true_ones: usize = rows.iter().flat_map(|row| &row[..CLASSES]).sum();
        prop_assert_eq!(said, pictures.iter().map(|(found, _)| found.len()).sum::<usize>());
        prop_assert_eq!(true_ones, pictures.iter().map(|(_, truth)| truth.len()).sum::<usize>());
    }

    #[test]
    fn suppressed_twice_is_suppressed_once(boxes in prop::collection::vec((bbox(), 0..9_u8, 0..3_u32), 0..40), iou in 0.0..=1.0_f64) {
        let all: Vec<[f32; 4]> = boxes.iter().map(|(bbox, ..)| bbox.to_xyxy()).collect();
        let scores: Vec<f32> = boxes.iter().map(|(_, score, _)| f32::from(*score) / 8.0).collect();
        let classes: Vec<u32> = boxes.iter().map(|(.., class)| *class).collect();
        let kept = suppress_classes(&all, &scores, &classes, iou).unwrap();
        let of = |from: &[usize]| -> (Vec<[f32; 4]>, Vec<f32>, Vec<u32>) {
            (from.iter().map(|at| all[*at]).collect(), from.iter().map(|at| scores[*at]).collect(), from.iter().map(|at| classes[*at]).collect())
        };
        let (again, scores_again, classes_again) = of(&kept);
        let twice = suppress_classes(&again, &scores_again, &classes_again, iou).unwrap();
        prop_assert_eq!(twice, (0..kept.len()).collect::<Vec<_>>());
        // what is left out overlaps a kept one of its class that is as sure
        for at in (0..all.len()).filter(|at| !kept.contains(at)) {
            let one = &boxes[at];
            let covers = |by: &usize| {
                classes[*by] == one.2 && scores[*by] >= scores[at] && f64::from(boxes[*by].0.iou(&one.0)) > iou - 1e-6
            };
            prop_assert!(kept.iter().any(covers));
        }
        prop_assert!(suppress(&all, &scores, iou).unwrap().len() <= kept.len().max(all.len()));
    }

    #[test]
    fn nothing_panics_on_what_is_no_number(
        boxes in prop::collection::vec((any::<[f32; 4]>(), any::<f32>(), 0..3_u32), 0..20),
        sigma in 0.01..2.0_f64,
    ) {
        let all: Vec<[f32; 4]> = boxes.iter().map(|one| one.0).collect();
        let (scores, classes): (Vec<f32>, Vec<u32>) = boxes.iter().map(|one| (one.1, one.2)).unzip();
        for decay in [Decay::LeaveOut, Decay::Linear, Decay::Gaussian { sigma }] {
            let kept = Suppression::new(0.5).decay(decay).keep(&all, &scores, &classes).unwrap();
            prop_assert!(kept.iter().all(|one| !one.score.is_nan()));
        }
        let raw = |one: &([f32; 4], f32, u32)| BBox { x0: one.0[0], y0: one.0[1], x1: one.0[2], y1: one.0[3] };
        let found: Vec<Detection> = boxes.iter().map(|one| Detection::new(one.2 as usize, "", one.1, raw(one))).collect();
        let truth = [Annotation::new(0, BBox::new(0.0, 0.0, 10.0, 10.0))];
        evaluator(&[(found.clone(), truth.to_vec())]).value();
        prop_assert!(FindingRule::default().judge(&found, &truth).is_ok());
        prop_assert!(BoxConfusion::new(CLASSES).add(&found, &truth).is_ok());
    }
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let good = BBox::new(0.0, 0.0, 9.0, 9.0);
    let mut evaluator = CocoEvaluator::new(1);
    let says = evaluator.add(&[Detection::new(1, "", 0.5, good)], &[]).unwrap_err().to_string();
    assert!(says.starts_with("detection number 0 is of class 1; expected a class below 1\n  → make the"), "{says}");
    let says = evaluator.add(&[], &[Annotation::new(4, good)]).unwrap_err().to_string();
    assert!(says.starts_with("true box number 0 is of class 4"), "{says}");
    let broken = BBox { x0: f32::NAN, ..good };
    let says = evaluator.add(&[], &[Annotation::new(0, broken)]).unwrap_err().to_string();
    assert!(says.starts_with("the true box number 0 is [NaN, 0.0, 9.0, 9.0]; expected finite pixels"), "{says}");
    assert!(evaluator.add_sized(&[], &[Annotation::new(0, good)], &[]).is_err());
    assert_eq!((evaluator.pictures(), evaluator.value().all), (0, CocoNumbers::default()));
    assert!(evaluator.precision(1, SizeRange::All).is_err());
    let rule = FindingRule { background: 0.6, ..FindingRule::default() };
    let says = rule.judge(&[], &[]).unwrap_err().to_string();
    assert!(says.starts_with("`iou` is 0.5 and `background` 0.6; expected 0 ≤ background < iou ≤ 1"), "{says}");
    assert!(BoxConfusion::new(1).iou(2.0).add(&[], &[]).is_err());
    assert!(FindingCounts::new(1).add(&[], &[Annotation::new(0, good)], &PictureFindings::default()).is_err());
}

#[test]
fn the_area_of_an_outline_says_how_large_an_object_is() {
    let at = BBox::new(0.0, 0.0, 40.0, 40.0);
    let mut evaluator = CocoEvaluator::new(1);
    evaluator.add_sized(&[Detection::new(0, "", 0.5, at)], &[Annotation::new(0, at)], &[900.0]).unwrap();
    let all = evaluator.value().all;
    assert_eq!((all.ar_small, all.ar_medium), (Some(1.0), None));
}
