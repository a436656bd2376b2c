//! What a network looks like: a row a part.

use super::learner::Learner;
use crate::Result;
use crate::data::field;
use crate::plot::{Figure, LossCurve};
use crate::show::{Bundle, Describe, Description, Show, Table};
use crate::words::{self, count};

/// A network's parts, their shapes and sizes, and what of them is trainable.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSummary {
    /// A row a part, in order: the blocks, then the head.
    pub rows: Vec<PartSummary>,
    title: String,
    note: String,
}

/// One part of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct PartSummary {
    /// Its name.
    pub name: String,
    /// The shape of one example's value after it: (channels, height, width), or (classes); empty where it is not known.
    pub output: Vec<usize>,
    /// Its parameters.
    pub parameters: usize,
    /// Those that train.
    pub trainable: usize,
}

impl PartSummary {
    /// `frozen`, `trainable`, or `partly frozen`.
    pub fn state(&self) -> &'static str {
        match self.trainable {
            0 => "frozen",
            some if some == self.parameters => "trainable",
            _ => "partly frozen",
        }
    }
}

impl Learner {
    /// A row a part: the shape of one picture's value after it, its parameters, trainable or frozen.
    ///
    /// # Errors
    /// When pictures of the learner's size are too small for the body.
    pub fn summary(&self) -> Result<ModelSummary> {
        let network = self.network();
        let shapes = network.shapes(&self.spec().input)?;
        let outputs = shapes.iter().map(|shapes| {
            // of features the last ones, of answers the first
            let main = shapes.find(field::FEATURES).or_else(|| shapes.iter().next().map(|(_, dims)| dims));
            main.map(<[usize]>::to_vec).unwrap_or_default()
        });
        let outputs = outputs.chain(std::iter::repeat(Vec::new()));
        let rows: Vec<PartSummary> = (network.parts().iter().zip(outputs).enumerate())
            .map(|(group, (name, output))| {
                let mut params = network.params().in_group(group);
                params.retain(|param| !param.fixed());
                let trainable = params.iter().filter(|param| !param.frozen());
                PartSummary {
                    output,
                    parameters: params.iter().map(|param| param.count()).sum(),
                    trainable: trainable.map(|param| param.count()).sum(),
                    name: name.clone(),
                }
            })
            .collect();
        let (task, target) = (self.task().name(), &self.spec().target);
        let title = format!("{} · {task}: {}", network.name(), target.words());
        let all: usize = rows.iter().map(|row| row.parameters).sum();
        let trainable: usize = rows.iter().map(|row| row.trainable).sum();
        let input = self.spec().input.words();
        let mut note = format!("{} parameters, {} trainable, {input}", thousands(all), thousands(trainable));
        if self.options.train_bn {
            note += "; BatchNorm trains in frozen parts too (`train_bn`)";
        }
        for words in self.lora_words() {
            note += &format!("; {words}");
        }
        Ok(ModelSummary { rows, title, note })
    }

    /// The curve of all fits so far: training loss a batch, validation loss an epoch, marks where a new fit began.
    ///
    /// # Errors
    /// When nothing was trained yet.
    pub fn plot_losses(&self) -> Result<Figure> {
        if self.history().batches.is_empty() {
            let error = crate::Error::new("there is no loss to plot yet");
            return Err(error.remedy("train first: `learner.fit(3, 1e-3)?`"));
        }
        Ok(LossCurve::of(&self.history().run("")).figure())
    }
}

impl Show for ModelSummary {
    fn bundle(&self) -> Bundle {
        let mut table = Table::new(["part", "output", "parameters", ""]).left(0).left(1).left(3).title(&self.title);
        for row in &self.rows {
            let dims: Vec<String> = row.output.iter().map(ToString::to_string).collect();
            let dims = if dims.is_empty() { "–".to_owned() } else { dims.join(" × ") };
            table.push([row.name.clone(), dims, thousands(row.parameters), row.state().to_owned()]);
        }
        table.note(&self.note).bundle()
    }
}

impl Describe for Learner {
    fn describe(&self) -> Description {
        let params = self.network.params().params();
        let bytes = params.iter().map(|param| param.count() * param.value().dtype().size_in_bytes()).sum::<usize>();
        let shape = format!(
            "{} parameters, {}",
            thousands(self.network.params().count()),
            count(self.classes().len(), "class")
        );
        Description { shape, bytes: bytes as u64 }
    }
}

impl Show for Learner {
    fn bundle(&self) -> Bundle {
        Bundle::new().text(format!("{self:?}"))
    }
}

/// `1234567` as `1 234 567`, with thin spaces.
pub(super) fn thousands(number: usize) -> String {
    words::thousands(number as u64, '\u{202f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(thousands(number).replace('\u{202f}', " "), expected);
        }
    }
}
