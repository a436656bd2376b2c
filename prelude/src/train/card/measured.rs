//! How good the network is on a part's examples: as a whole, by class, and by group where the data are split by groups.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Result;
use crate::boxes::measure::{CocoEvaluator, CocoNumbers};
use crate::data::{Data, Part, Target};
use crate::train::inspect::Evaluation;
use crate::train::judge::Verdict;
use crate::train::learner::Learner;
use crate::train::metric::{Measure, Measures};
use crate::train::tasks::OnFile;

/// What was measured on a part's examples.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MeasuredPart {
    pub part: String,
    pub examples: usize,
    pub loss: f64,
    pub measures: Vec<Measure>,
    pub classes: Vec<ClassRow>,
    /// Of a detector.
    pub average_precision: Option<BoxRow>,
    pub boxes: Vec<BoxRow>,
    pub numbers: Vec<NumberRow>,
    pub groups: Vec<GroupRow>,
    /// What the groups' value is.
    pub group_measure: Option<String>,
}

/// One class, or one label.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ClassRow {
    pub name: String,
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
    pub support: usize,
    pub called: usize,
}

/// The boxes of one class, or of all.
#[derive(Clone, Debug, Serialize)]
pub(super) struct BoxRow {
    pub name: String,
    pub objects: usize,
    pub ap: Option<f64>,
    pub ap_50: Option<f64>,
    pub ap_75: Option<f64>,
    pub ar_100: Option<f64>,
}

/// The errors of one number.
#[derive(Clone, Debug, Serialize)]
pub(super) struct NumberRow {
    pub name: String,
    pub mean_error: f64,
    pub root_mean_square_error: f64,
    pub median_error: f64,
    pub largest_error: f64,
    pub support: usize,
}

/// The examples of one group.
#[derive(Clone, Debug, Serialize)]
pub(super) struct GroupRow {
    pub name: String,
    pub examples: usize,
    pub value: f64,
}

impl MeasuredPart {
    /// Measures on a part's examples; nothing where it has none.
    pub fn of(learner: &mut Learner, part: Part) -> Result<Option<MeasuredPart>> {
        let Some(data) = learner.data.as_ref().map(|data| data.boxed()).filter(|data| data.count(part) > 0) else {
            return Ok(None);
        };
        let own = |Measures { loss, list }: Measures| MeasuredPart {
            part: part.as_str().to_owned(),
            examples: data.count(part),
            loss,
            measures: list,
            classes: Vec::new(),
            average_precision: None,
            boxes: Vec::new(),
            numbers: Vec::new(),
            groups: Vec::new(),
            group_measure: None,
        };
        let target = learner.spec.target.clone();
        if let Target::Boxes(_) = target {
            let (all, pictures) = learner.pictures_judged(part)?;
            let Evaluation { all, coco, boxes, .. } = learner.evaluated(all, &pictures)?;
            let objects = boxes.iter().map(|class| class.objects).sum();
            let (groups, group_measure) = precision_by_group(data.as_ref(), &pictures, learner.classes().len())?;
            return Ok(Some(MeasuredPart {
                groups,
                group_measure,
                average_precision: coco.map(|coco| BoxRow::of("all classes", objects, &coco)),
                boxes: boxes.iter().map(|class| BoxRow::of(&class.name, class.objects, &class.coco)).collect(),
                ..own(all)
            }));
        }
        let (all, verdicts) = learner.verdicts(part)?;
        let mut measured = own(all);
        let one_each = matches!(target, Target::Class(_));
        if let Target::Class(_) | Target::Classes(_) = target {
            let rows = learner.report_of(&verdicts, one_each).classes.into_iter();
            measured.classes = rows
                .map(|row| ClassRow {
                    name: row.name,
                    precision: row.precision,
                    recall: row.recall,
                    f1: row.f1,
                    support: row.support,
                    called: row.called,
                })
                .collect();
        }
        if let Target::Numbers(names) = &target {
            let names = names.iter().enumerate();
            measured.numbers = names.map(|(at, name)| NumberRow::of(name, at, &verdicts)).collect();
        }
        (measured.groups, measured.group_measure) = by_group(data.as_ref(), &target, &verdicts);
        Ok(Some(measured))
    }
}

impl BoxRow {
    fn of(name: &str, objects: usize, coco: &CocoNumbers) -> BoxRow {
        let CocoNumbers { ap, ap_50, ap_75, ar_100, .. } = *coco;
        BoxRow { name: name.to_owned(), objects, ap, ap_50, ap_75, ar_100 }
    }
}

impl NumberRow {
    fn of(name: &str, at: usize, verdicts: &[Verdict]) -> NumberRow {
        let pair = |one: &Verdict| Some(f64::from((one.answer.numbers.get(at)? - one.truth.numbers.get(at)?).abs()));
        let mut errors: Vec<f64> = verdicts.iter().filter_map(pair).collect();
        errors.sort_by(f64::total_cmp);
        let count = errors.len();
        let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / count as f64;
        let middle = |low: usize, high: usize| Some((errors.get(low)? + errors.get(high)?) / 2.0);
        NumberRow {
            name: name.to_owned(),
            mean_error: mean(&mut errors.iter().copied()),
            root_mean_square_error: mean(&mut errors.iter().map(|error| error * error)).sqrt(),
            median_error: middle(count.saturating_sub(1) / 2, count / 2).unwrap_or(f64::NAN),
            largest_error: errors.last().copied().unwrap_or(f64::NAN),
            support: count,
        }
    }
}

/// A detector's average precision on the pictures of each group; none where the data have no groups. That of a group without objects is no number.
fn precision_by_group(data: &dyn Data, pictures: &[OnFile], classes: usize) -> Result<(Vec<GroupRow>, Option<String>)> {
    let mut groups: BTreeMap<String, (usize, CocoEvaluator)> = BTreeMap::new();
    for picture in pictures {
        if let Some(name) = data.group_of(picture.id) {
            let (count, evaluator) = groups.entry(name).or_insert_with(|| (0, CocoEvaluator::new(classes)));
            *count += 1;
            evaluator.add(&picture.found, &picture.truth)?;
        }
    }
    let row = |(name, (examples, evaluator)): (String, (usize, CocoEvaluator))| GroupRow {
        name,
        examples,
        value: evaluator.value().all.ap.unwrap_or(f64::NAN),
    };
    let measure = (!groups.is_empty()).then(|| "AP".to_owned());
    Ok((groups.into_iter().map(row).collect(), measure))
}

/// The measure of each group, and which it is; none where the data have no groups.
fn by_group(data: &dyn Data, target: &Target, verdicts: &[Verdict]) -> (Vec<GroupRow>, Option<String>) {
    let mut groups: BTreeMap<String, Vec<&Verdict>> = BTreeMap::new();
    for one in verdicts {
        if let Some(name) = data.group_of(one.id) {
            groups.entry(name).or_default().push(one);
        }
    }
    let right = |one: &Verdict| match target {
        Target::Class(_) => f64::from(u8::from(one.answer.class.is_some() && one.answer.class == one.truth.class)),
        Target::Classes(_) => f64::from(u8::from(one.answer.labels == one.truth.labels)),
        _ => one.error().unwrap_or(one.loss),
    };
    let what = match target {
        _ if groups.is_empty() => return (Vec::new(), None),
        Target::Class(_) => "accuracy",
        Target::Classes(_) => "share with all labels right",
        Target::Numbers(_) => "mean error",
        _ => "loss",
    };
    let row = |(name, own): (String, Vec<&Verdict>)| {
        let value = own.iter().map(|one| right(one)).sum::<f64>() / own.len() as f64;
        GroupRow { name, examples: own.len(), value }
    };
    (groups.into_iter().map(row).collect(), Some(what.to_owned()))
}
