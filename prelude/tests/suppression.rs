//! Which boxes are kept, against torchvision and a plain numpy version of Soft-NMS (`reference/suppression.py`).

use candlewick_prelude::boxes::measure::{Decay, Suppression, suppress, suppress_classes};
use serde_json::Value;

struct Case {
    wanted: Value,
    boxes: Vec<[f32; 4]>,
    scores: Vec<f32>,
    classes: Vec<u32>,
    iou: f64,
}

fn cases() -> Vec<Case> {
    let cases: Vec<Value> = serde_json::from_str(include_str!("fixtures/suppression.json")).unwrap();
    let one = |wanted: Value| Case {
        boxes: serde_json::from_value(wanted["boxes"].clone()).unwrap(),
        scores: serde_json::from_value(wanted["scores"].clone()).unwrap(),
        classes: serde_json::from_value(wanted["classes"].clone()).unwrap(),
        iou: wanted["iou"].as_f64().unwrap(),
        wanted,
    };
    cases.into_iter().map(one).collect()
}

fn indices(value: &Value) -> Vec<usize> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn greedy_as_torchvision() {
    for case in cases() {
        assert_eq!(suppress(&case.boxes, &case.scores, case.iou).unwrap(), indices(&case.wanted["nms"]));
        let kept = suppress_classes(&case.boxes, &case.scores, &case.classes, case.iou).unwrap();
        assert_eq!(kept, indices(&case.wanted["batched_nms"]));
        let first = Suppression::new(case.iou).most(7).keep(&case.boxes, &case.scores, &case.classes).unwrap();
        assert_eq!(first.iter().map(|one| one.index).collect::<Vec<_>>(), kept[..kept.len().min(7)]);
    }
}

#[test]
fn soft_as_numpy() {
    for case in cases() {
        for (name, decay) in [("linear", Decay::Linear), ("gaussian", Decay::Gaussian { sigma: 0.5 })] {
            let soft = Suppression::new(case.iou).decay(decay);
            let kept = soft.keep(&case.boxes, &case.scores, &case.classes).unwrap();
            let wanted = &case.wanted["soft"][name];
            assert_eq!(kept.iter().map(|one| one.index).collect::<Vec<_>>(), indices(&wanted["indices"]), "{name}");
            for (one, wanted) in kept.iter().zip(wanted["scores"].as_array().unwrap()) {
                assert!((f64::from(one.score) - wanted.as_f64().unwrap()).abs() < 1e-6, "{name}");
            }
        }
    }
}

#[test]
fn what_is_no_number_is_left_out() {
    let boxes = [[0.0, 0.0, 9.0, 9.0], [f32::NAN, 0.0, 9.0, 9.0], [0.0, 0.0, f32::INFINITY, 9.0], [0.0, 0.0, 9.0, 9.0]];
    let scores = [f32::NAN, 0.9, 0.8, 0.1];
    for decay in [Decay::LeaveOut, Decay::Linear, Decay::Gaussian { sigma: 0.5 }] {
        let kept = Suppression::new(0.5).decay(decay).keep(&boxes, &scores, &[0; 4]).unwrap();
        assert_eq!(kept.iter().map(|one| one.index).collect::<Vec<_>>(), [3]);
    }
    assert_eq!(suppress(&[[0.0, 0.0, 3e38, 3e38]; 2], &[0.5; 2], 0.5).unwrap().len(), 2, "areas beyond f32");
    assert_eq!(suppress(&[[9.0, 9.0, 0.0, 0.0]; 2], &[0.5; 2], 0.5).unwrap().len(), 2, "edges the wrong way");
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let says = |one: Suppression| one.keep(&[[0.0; 4]], &[0.5], &[0]).unwrap_err().to_string();
    assert!(says(Suppression::new(1.5)).starts_with("the IoU is 1.5; expected a number from 0 to 1\n  → "));
    assert!(says(Suppression::new(f64::NAN)).starts_with("the IoU is NaN"));
    assert!(says(Suppression::new(0.5).score(f64::NAN)).starts_with("`score` is NaN"));
    assert!(says(Suppression::new(0.5).decay(Decay::Gaussian { sigma: 0.0 })).starts_with("`sigma` is 0; expected"));
    let says = suppress_classes(&[[0.0; 4]; 2], &[0.5; 2], &[0], 0.5).unwrap_err().to_string();
    assert!(says.starts_with("there are 2 boxes, 2 scores and 1 classes\n  → give one score"), "{says}");
    assert!(suppress(&[[0.0; 4]; 2], &[0.5], 0.5).is_err());
}
