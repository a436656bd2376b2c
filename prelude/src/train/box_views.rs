//! What a detector gets right and wrong, to look at: curves, kinds of mistakes, the pictures with most of them.

use super::learner::Learner;
use super::tasks::OnFile;
use crate::boxes::BBox;
use crate::boxes::measure::{
    CocoEvaluator, CurveStep, DetectionCurves, Finding, FindingCounts, FindingRule, TruthFate,
};
use crate::data::{Part, Target, Transform};
use crate::plot::{self, Figure, Lines, Look, Mark};
use crate::show::Table;
use crate::{Error, Result, limits};
use image::RgbImage;

/// Boxes of a score from this on count among those of low ones.
const LEAST: f64 = 0.05;
/// Bars of the histogram of scores: each is as wide as the least score.
const BINS: usize = 20;
/// So many classes get a line of their own.
const LINES: usize = 6;

impl Learner {
    /// Precision over recall on the validation examples. Of boxes it is that at an overlap of one half: the mean over the classes, and the
    /// classes with most objects, the area below a line being its class's AP50. Of classes and labels each one stands against the
    /// others, with its average precision: scikit-learn's `average_precision_score`.
    ///
    /// # Errors
    /// When the learner tells neither boxes nor classes, there are no validation examples or no objects on them, or the user interrupts.
    pub fn precision_recall(&mut self) -> Result<Figure> {
        if let Target::Class(_) | Target::Classes(_) = self.spec.target {
            return self.class_precision_recall();
        }
        self.need_boxes("precision_recall")?;
        let (_, pictures) = self.pictures_judged(Part::Valid)?;
        let curves = self.curves_of(&pictures)?;
        let recalls = |precision: &[f64]| -> Vec<(f64, f64)> {
            precision.iter().enumerate().map(|(at, precision)| (at as f64 / 100.0, *precision)).collect()
        };
        let mut lines = Lines::new("recall", "precision").shares();
        let area = |precision: &[f64]| precision.iter().sum::<f64>() / precision.len().max(1) as f64;
        let name = |name: &str, precision: &[f64]| format!("{name} {:.2}", area(precision));
        lines = lines.line(name("mean", &curves.precision), &recalls(&curves.precision), Look::Line);
        let mut classes: Vec<_> = curves.classes.iter().collect();
        classes.sort_by_key(|class| std::cmp::Reverse(class.truths));
        for class in classes.into_iter().take(LINES).filter(|_| self.classes().len() > 1) {
            let own = self.classes().get(class.class).map_or("?", String::as_str);
            lines = lines.line(name(own, &class.precision), &recalls(&class.precision), Look::Line);
        }
        Ok(lines.figure())
    }

    /// Precision, recall and F1 over the score that a box has to reach, means over the classes, with the best F1 marked.
    ///
    /// # Errors
    /// As [`precision_recall`](Learner::precision_recall).
    pub fn f1_curve(&mut self) -> Result<Figure> {
        self.need_boxes("f1_curve")?;
        let pictures = self.pictures_told()?;
        let curves = self.curves_of(&pictures)?;
        let of = |value: fn(&CurveStep) -> f64| -> Vec<(f64, f64)> {
            curves.steps.iter().step_by(10).map(|step| (step.threshold, value(step))).collect()
        };
        let best = curves.best;
        let lines = Lines::new("score", "share").percent();
        let lines = lines.line("F1", &of(|step| step.f1), Look::Line);
        let lines = lines.line("precision", &of(|step| step.precision), Look::Line);
        let lines = lines.line("recall", &of(|step| step.recall), Look::Line);
        Ok(lines.point(best.threshold, best.f1, format!("F1 {:.2} from {:.2} on", best.f1, best.threshold)).figure())
    }

    /// How many of the boxes on the validation pictures are right and how many are not, by their scores from 0.05 on, with the score of the best
    /// F1 marked: where the two part, a threshold costs little.
    ///
    /// # Errors
    /// As [`precision_recall`](Learner::precision_recall).
    pub fn score_histogram(&mut self) -> Result<Figure> {
        self.need_boxes("score_histogram")?;
        let pictures = self.pictures_told()?;
        let best = self.curves_of(&pictures)?.best;
        let rule = FindingRule { score: LEAST, ..FindingRule::default() };
        let (mut right, mut wrong) = ([0.0; BINS], [0.0; BINS]);
        for picture in &pictures {
            let seen = rule.judge(&picture.found, &picture.truth)?;
            for (one, seen) in picture.found.iter().zip(&seen.found) {
                let bin = ((f64::from(one.score) * BINS as f64) as usize).min(BINS - 1);
                match seen.finding {
                    Finding::Right => right[bin] += 1.0,
                    Finding::OnCrowd | Finding::Unsure => {}
                    _ => wrong[bin] += 1.0,
                }
            }
        }
        let steps = |counts: &[f64; BINS]| -> Vec<(f64, f64)> {
            let edge = |at: usize| at as f64 / BINS as f64;
            counts
                .iter()
                .enumerate()
                .skip(1)
                .flat_map(|(at, count)| [(edge(at), *count), (edge(at + 1), *count)])
                .collect()
        };
        let lines = Lines::new("score", "boxes");
        let lines = lines.line("right", &steps(&right), Look::Line).line("wrong", &steps(&wrong), Look::Line);
        Ok(lines.mark(best.threshold, format!("best F1: {:.2}", best.threshold)).figure())
    }

    pub(super) fn curves_of(&self, pictures: &[OnFile]) -> Result<DetectionCurves> {
        let mut evaluator = CocoEvaluator::new(self.classes().len());
        for picture in pictures {
            evaluator.add(&picture.found, &picture.truth)?;
        }
        let curves = evaluator.curves();
        if curves.classes.is_empty() {
            return Err(Error::new("nothing is true of the validation pictures: there is no recall")
                .remedy("keep pictures with boxes apart: `.split(0.2, 42)?`"));
        }
        Ok(curves)
    }

    /// What the boxes on the validation pictures are, a row a class: right, twice on one object, of the wrong class, in the wrong place, both,
    /// or on nothing; and how many objects were missed. Boxes with a score from 0.25 on count. Bolya et al. 2020 (TIDE).
    ///
    /// # Errors
    /// As [`precision_recall`](Learner::precision_recall).
    pub fn findings(&mut self) -> Result<Table> {
        self.need_boxes("findings")?;
        let pictures = self.pictures_told()?;
        let mut counts = FindingCounts::new(self.classes().len());
        for picture in &pictures {
            let seen = FindingRule::default().judge(&picture.found, &picture.truth)?;
            counts.add(&picture.found, &picture.truth, &seen)?;
        }
        let kinds = [
            Finding::Right,
            Finding::Duplicate,
            Finding::WrongClass,
            Finding::WrongPlace,
            Finding::WrongBoth,
            Finding::Background,
        ];
        let fates = [TruthFate::Found, TruthFate::Mistaken, TruthFate::Missed];
        let mut table = Table::new([
            "class",
            "objects",
            "found",
            "mistaken",
            "missed",
            "│",
            "right",
            "twice",
            "wrong class",
            "wrong place",
            "both",
            "on nothing",
        ]);
        table = table.left(0);
        let row = |name: &str, fate: &dyn Fn(TruthFate) -> usize, finding: &dyn Fn(Finding) -> usize| {
            let objects: usize = fates.iter().map(|one| fate(*one)).sum();
            let mut cells = vec![name.to_owned(), objects.to_string()];
            cells.extend(fates.iter().map(|one| fate(*one).to_string()));
            cells.push("│".to_owned());
            cells.extend(kinds.iter().map(|one| finding(*one).to_string()));
            cells
        };
        for (class, name) in self.classes().iter().enumerate() {
            let fate = |one| counts.fates_of(class, one).unwrap_or(0);
            table.push(row(name, &fate, &|one| counts.of(class, one).unwrap_or(0)));
        }
        table.push(row("all", &|one| counts.fates(one), &|one| counts.all(one)));
        Ok(table)
    }

    /// The validation pictures on which a detector is most wrong, `count` of them (1 to 1000), with every box: blue what is right, vermilion what
    /// stands on nothing, green what is in the wrong place, pink what is of the wrong class, sky blue what was found twice, and orange and dashed
    /// what was missed.
    ///
    /// # Errors
    /// As [`precision_recall`](Learner::precision_recall), and when the count makes no sense.
    pub fn mistakes(&mut self, count: usize) -> Result<Figure> {
        limits::shown("learner.mistakes", count)?;
        self.need_boxes("mistakes")?;
        let data = self.need_data()?;
        let transform = self.transform()?;
        let judged = self.pictures_told()?;
        let names = self.classes();
        let mut each = Vec::with_capacity(judged.len());
        for picture in judged {
            let wrong = wrong_of(&picture.kinds(&FindingRule::default(), names)?);
            each.push((wrong, picture));
        }
        each.sort_by_key(|(wrong, ..)| std::cmp::Reverse(*wrong));
        let (mut pictures, mut captions) = (Vec::new(), Vec::new());
        let count = count.min(each.len());
        for (_, picture) in each.into_iter().take(count) {
            let Some(square) = data.example(picture.id)?.picture else { continue };
            let (drawn, caption) = picture.drawn(&square, &transform, &FindingRule::default(), names, count)?;
            captions.push(caption);
            pictures.push(drawn);
        }
        Ok(plot::grid(&pictures, &captions))
    }

    pub(super) fn need_boxes(&self, verb: &str) -> Result<()> {
        match &self.spec.target {
            Target::Boxes(_) => Ok(()),
            other => {
                let remedy = match verb {
                    "detections" => {
                        "`learner.predict(picture)?` says what this one tells; `Learner::detection(detector, &boxes)?` makes one that finds"
                    }
                    _ => "`learner.validate()?` gives what is measured, `learner.top_losses(9)?` the worst examples",
                };
                Err(Error::new(format!("`learner.{verb}` is for detectors, this learner tells {}", other.words()))
                    .remedy(remedy))
            }
        }
    }
}

impl OnFile {
    /// Its boxes with their kinds, in pixels of its file.
    pub(super) fn kinds(&self, rule: &FindingRule, names: &[String]) -> Result<Vec<Mark>> {
        let seen = rule.judge(&self.found, &self.truth)?;
        let name = |class: usize| names.get(class).cloned().unwrap_or_default();
        let mut marks = Vec::new();
        for (one, seen) in self.found.iter().zip(&seen.found) {
            let (kind, word) = match seen.finding {
                Finding::Right => (RIGHT, String::new()),
                Finding::Duplicate => (DOUBLE, "twice: ".to_owned()),
                Finding::WrongPlace => (PLACE, "place: ".to_owned()),
                Finding::WrongClass | Finding::WrongBoth => (CLASS, "class: ".to_owned()),
                Finding::Background => (NOTHING, "nothing: ".to_owned()),
                Finding::OnCrowd | Finding::Unsure => continue,
            };
            let label = format!("{word}{}", name(one.class));
            marks.push(Mark { label, score: Some(one.score), ..Mark::plain(kind, one.bbox.to_xyxy()) });
        }
        for (truth, fate) in self.truth.iter().zip(&seen.truths) {
            if matches!(fate, TruthFate::Missed | TruthFate::Mistaken) {
                let label = format!("missed: {}", name(truth.class));
                marks.push(Mark { label, dashed: true, ..Mark::plain(MISSED, truth.bbox.to_xyxy()) });
            }
        }
        Ok(marks)
    }

    /// The picture, as the network sees it and as it stands among `count`, with those boxes, and what they are in words.
    pub(super) fn drawn(
        &self,
        square: &RgbImage,
        transform: &Transform,
        rule: &FindingRule,
        names: &[String],
        count: usize,
    ) -> Result<(RgbImage, String)> {
        let (width, height) = self.source;
        let placed = self.kinds(rule, names)?.into_iter().map(|mark| {
            let [x0, y0, x1, y1] = mark.bbox;
            let bbox = transform.to_square(&BBox::new(x0, y0, x1, y1), width, height);
            Mark { bbox: bbox.to_xyxy(), ..mark }
        });
        let mut marks: Vec<Mark> = placed.collect();
        let caption = caption(&marks, wrong_of(&marks));
        if marks.len() > CROWDED {
            // words on words: the colours and the caption say it
            marks.iter_mut().for_each(|mark| (mark.label, mark.score) = (String::new(), None));
        }
        Ok((plot::draw_thumb(square, &marks, count), caption))
    }
}

/// How many boxes are not right.
fn wrong_of(marks: &[Mark]) -> usize {
    marks.iter().filter(|mark| mark.class != RIGHT).count()
}

/// On a picture with more boxes than so many, words would hide each other.
const CROWDED: usize = 7;

/// How much is wrong on a picture, and below it what: `4 missed, 1 nothing`.
fn caption(marks: &[Mark], wrong: usize) -> String {
    let kinds = [(MISSED, "missed"), (NOTHING, "nothing"), (PLACE, "place"), (CLASS, "class"), (DOUBLE, "twice")];
    let count = |kind: usize| marks.iter().filter(|mark| mark.class == kind).count();
    let each = kinds.iter().map(|(kind, word)| (count(*kind), word)).filter(|(count, _)| *count > 0);
    let each: Vec<String> = each.map(|(count, word)| format!("{count} {word}")).collect();
    format!("{wrong} wrong, {} right\n{}", marks.len() - wrong, each.join(", "))
}

/// The colours of the kinds, by their place among the figures' colours, which everyone can tell apart.
pub(super) const RIGHT: usize = 0;
const NOTHING: usize = 1;
const PLACE: usize = 2;
const CLASS: usize = 3;
const MISSED: usize = 4;
const DOUBLE: usize = 5;
