//! The examples that a network gets most wrong.

use super::answer::{Answer, Located};
use super::judge::Verdict;
use crate::Result;
use crate::boxes::BBox;
use crate::data::{Data, Spec, Target};
use crate::plot::{self, Figure, Mark};
use crate::show::{Bundle, Show, Table};
use image::RgbImage;

/// One of the examples that a network gets most wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct TopLoss {
    /// What it is called: a file's name, a row.
    pub name: String,
    /// Its text, where it is text.
    pub text: Option<String>,
    /// What the network says, and of a class how sure it is.
    pub said: String,
    /// What is true.
    pub truth: String,
    /// Its loss; of numbers, the mean absolute error.
    pub loss: f64,
}

/// The examples that a network gets most wrong, the worst first. A cell that ends with it shows the pictures, or a table
/// where there are none.
#[derive(Clone, Debug)]
pub struct TopLosses {
    /// The examples.
    pub examples: Vec<TopLoss>,
    /// Their pictures, where they are pictures.
    pub figure: Option<Figure>,
}

impl TopLosses {
    /// The worst `count` of what was judged.
    pub(super) fn of(mut verdicts: Vec<Verdict>, count: usize, data: &dyn Data, spec: &Spec) -> Result<TopLosses> {
        verdicts.sort_by(|a, b| b.badness().total_cmp(&a.badness()));
        TopLosses::in_order(verdicts, count, data, spec)
    }

    /// The first `count` of what was judged.
    pub(super) fn in_order(verdicts: Vec<Verdict>, count: usize, data: &dyn Data, spec: &Spec) -> Result<TopLosses> {
        let (mut examples, mut pictures, mut captions) = (Vec::new(), Vec::new(), Vec::new());
        for one in verdicts.iter().take(count) {
            let example = data.example(one.id)?;
            let text = example.text.as_ref().map(|_| example.words());
            let words = |answer: &Answer| match answer.numbers.len() {
                // the names of numbers stand elsewhere
                1.. => answer.numbers.iter().map(|value| format!("{value:.3}")).collect::<Vec<_>>().join(", "),
                0 => answer.words(spec),
            };
            let sure = match one.answer.class {
                Some(_) if one.answer.labels.is_none() => format!(" {:.0} %", one.answer.score * 100.0),
                _ => String::new(),
            };
            let (said, truth) = (format!("{}{sure}", words(&one.answer)), words(&one.truth));
            if let Some(mut picture) = example.picture {
                if matches!(spec.target, Target::Boxes(_)) {
                    picture = plot::draw_thumb(
                        &picture,
                        &marks(&one.answer, &one.truth, spec, &picture),
                        verdicts.len().min(count),
                    );
                }
                let loss = if one.error().is_some() { String::new() } else { format!(", loss {:.2}", one.loss) };
                pictures.push(picture);
                // a detector's lists are long: its loss stands on a line of its own
                let caption = match spec.target {
                    Target::Boxes(_) => format!("{said}\nis {truth}\n{}", loss.trim_start_matches(", ")),
                    _ => format!("{said}\nis {truth}{loss}"),
                };
                captions.push(caption);
            }
            examples.push(TopLoss { name: example.name, text, said, truth, loss: one.badness() });
        }
        let all_pictures = !pictures.is_empty() && pictures.len() == examples.len();
        Ok(TopLosses { examples, figure: all_pictures.then(|| plot::grid(&pictures, &captions)) })
    }

    /// A row an example.
    pub fn table(&self) -> Table {
        let mut table = Table::new(["example", "says", "is", "loss"]).left(0).left(1).left(2);
        for one in &self.examples {
            let what = one.text.as_ref().unwrap_or(&one.name);
            table.push([shortened(what), one.said.clone(), one.truth.clone(), format!("{:.3}", one.loss)]);
        }
        table
    }
}

/// The beginning of a long text.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 160;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// What was said and what is true of a picture, as boxes on it.
fn marks(said: &Answer, truth: &Answer, spec: &Spec, picture: &RgbImage) -> Vec<Mark> {
    let (width, height) = picture.dimensions();
    let mark = |one: &Located, truth: bool| {
        let label = spec.names().get(one.class).cloned().unwrap_or_default();
        let bbox = BBox::from_cxcywh(one.bbox, width, height).to_xyxy();
        Mark { score: (!truth).then_some(one.score), truth, ..Mark::named(one.class, label, bbox) }
    };
    plot::list_classes(spec.names());
    let truths = truth.boxes.iter().map(|one| mark(one, true));
    truths.chain(said.boxes.iter().map(|one| mark(one, false))).collect()
}

impl Show for TopLosses {
    fn bundle(&self) -> Bundle {
        self.figure.as_ref().map_or_else(|| self.table().bundle(), Show::bundle)
    }
}
