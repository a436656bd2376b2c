//! What in a picture speaks for an answer: Grad-CAM, and where a network has no maps, occlusion.

use candle_core::{DType, Device, Tensor, Var};
use image::RgbImage;
use image::imageops::{self, FilterType};

use super::answer::Answer;
use super::learner::Learner;
use super::occlusion::{self, HeatRows};
use super::query::Query;
use crate::data::{Fields, Target, Transform, field, likely_meant};
use crate::layers::Pass;
use crate::plot::{self, Figure, Heat};
use crate::show::{Bundle, Show, Steps, Table};
use crate::{Error, Result, ops};

/// What in one picture speaks for an answer. A cell that ends with it shows the picture beside the same with heat over it.
#[derive(Clone, Debug)]
pub struct AttentionMap {
    /// The class, the label or the number that is spoken for.
    pub label: String,
    /// Its index.
    pub class: usize,
    /// How likely the network finds it, from 0 to 1; of a number, its value.
    pub score: f32,
    /// How it was found: `Grad-CAM` or `occlusion`.
    pub method: &'static str,
    /// How much each place speaks for it, from 0 to 1, row by row over the square that the network sees.
    pub map: Vec<Vec<f32>>,
    /// What 1 stands for: of Grad-CAM the largest of the weighted sums of maps, of occlusion the most that the answer falls. 0 where nothing
    /// speaks for it, and the map is 0 everywhere.
    pub peak: f32,
    /// The picture.
    pub picture: RgbImage,
    /// The part of the picture that the map lies on: left, top, right, bottom in pixels.
    area: [f32; 4],
    /// Whether it is a number that is spoken for.
    numeric: bool,
}

impl AttentionMap {
    /// The picture with heat over it.
    pub fn drawn(&self) -> RgbImage {
        let columns = self.map.first().map_or(0, Vec::len);
        // heat is smoother than the pixels of a small picture
        let (width, height) = self.picture.dimensions();
        let factor = (256 / width.max(height).max(1)).max(1);
        let large = imageops::resize(&self.picture, width * factor, height * factor, FilterType::Nearest);
        let area = self.area.map(|edge| edge * factor as f32);
        plot::warmed(&large, &Heat { values: self.map.concat(), columns, area })
    }

    /// The figure that a cell shows: the picture, and the same with heat over it.
    pub fn figure(&self) -> Figure {
        let note = if self.peak > 0.0 { format!("by {}", self.method) } else { "nothing speaks for it".to_owned() };
        let captions = ["what it was shown".to_owned(), format!("{}\n{note}", self.caption())];
        plot::warm_grid(&[self.picture.clone(), self.drawn()], &captions)
    }

    /// The label and how likely it is: `truck 93 %`; of a number its value.
    pub fn caption(&self) -> String {
        match self.numeric {
            true => format!("{} {:.3}", self.label, self.score),
            false => format!("{} {:.0} %", self.label, self.score * 100.0),
        }
    }

    /// The map's numbers, a row a row of places.
    pub fn table(&self) -> Table {
        let columns = self.map.first().map_or(0, Vec::len);
        let mut table = Table::new((0..columns).map(|column| column.to_string()));
        self.map.iter().for_each(|row| table.push(row.iter().map(|value| format!("{value:.3}"))));
        table
    }

    /// Where the most speaks for it, in words: `upper left`, `middle`.
    fn place(&self) -> String {
        let mut best = (0.0, 0, 0);
        for (y, row) in self.map.iter().enumerate() {
            for (x, value) in row.iter().enumerate() {
                if *value > best.0 {
                    best = (*value, x, y);
                }
            }
        }
        let third = |at: usize, of: usize| (3 * at + 1) / of.max(1);
        let columns = self.map.first().map_or(1, Vec::len);
        let down = ["upper", "", "lower"][third(best.2, self.map.len()).min(2)];
        let across = ["left", "middle", "right"][third(best.1, columns).min(2)];
        [down, across].join(" ").trim().to_owned()
    }
}

impl Show for AttentionMap {
    fn bundle(&self) -> Bundle {
        let most = if self.peak > 0.0 { format!("most speaks for it in the {}", self.place()) } else { String::new() };
        self.figure().bundle().text(format!("{} (by {}) {most}", self.caption(), self.method))
    }
}

/// What in several pictures speaks for an answer; a cell that ends with it shows them all with heat over them.
#[derive(Clone, Debug)]
pub struct AttentionMaps(pub Vec<AttentionMap>);

impl AttentionMaps {
    /// The figure that a cell shows.
    pub fn figure(&self) -> Figure {
        let pictures: Vec<RgbImage> = self.0.iter().map(AttentionMap::drawn).collect();
        plot::warm_grid(&pictures, &self.0.iter().map(AttentionMap::caption).collect::<Vec<_>>())
    }
}

impl Show for AttentionMaps {
    fn bundle(&self) -> Bundle {
        self.figure().bundle()
    }
}

impl Learner {
    /// What in a picture speaks for the answer that the network gives: a map of heat over the picture.
    ///
    /// Of a convolutional body it is Grad-CAM (Selvaraju et al. 2017): the last maps before the mean over the picture, each weighted by the
    /// mean gradient of the answer's logit, summed, what is below 0 left out. Of a Vision Transformer the same of the tokens that go into
    /// its last block, the class token left out. Networks without parts, candle's models and detectors are shown the picture
    /// with one patch after another covered by its mean colour, and the heat is how much the answer falls (Zeiler and Fergus 2014).
    ///
    /// ```no_run
    /// # use candlewick_prelude::prelude::*;
    /// # let learner = Learner::pretrained(Arch::default())?;
    /// let seen = learner.attention("new.jpg")?;
    /// println!("{} {:?}", seen.label, seen.map);
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the file cannot be read, no pictures go into the network, or the user interrupts.
    pub fn attention(&self, picture: impl Query) -> Result<AttentionMap> {
        self.attend_one(self.pixels_of(&picture)?, None)
    }

    /// What in a picture speaks for a class, a label or a number of this name, whatever the network answers: `attention_for("new.jpg", "cat")`.
    ///
    /// # Errors
    /// As [`attention`](Learner::attention), and when there is no such class; the message lists them.
    pub fn attention_for(&self, picture: impl Query, class: &str) -> Result<AttentionMap> {
        self.attend_one(self.pixels_of(&picture)?, Some(class))
    }

    /// What in each picture speaks for its answer, beside one another.
    ///
    /// # Errors
    /// As [`attention`](Learner::attention), and when there is no picture.
    pub fn attention_all(&self, pictures: &[impl Query]) -> Result<AttentionMaps> {
        self.attend(&mut pictures.iter().map(|picture| self.pixels_of(picture)), pictures.len(), None)
    }

    /// A picture's pixels, where the network takes pictures.
    pub(super) fn pixels_of(&self, query: &dyn Query) -> Result<RgbImage> {
        self.transform()?;
        query.pixels_as(self.greys())
    }

    fn attend_one(&self, picture: RgbImage, class: Option<&str>) -> Result<AttentionMap> {
        let found = self.attend(&mut std::iter::once(Ok(picture)), 1, class)?;
        found.0.into_iter().next().ok_or_else(|| Error::new("there is no picture"))
    }

    // Not generic, so that a cell that calls the verbs does not compile it.
    fn attend(
        &self,
        pictures: &mut dyn Iterator<Item = Result<RgbImage>>,
        count: usize,
        class: Option<&str>,
    ) -> Result<AttentionMaps> {
        let transform = self.transform()?;
        let class = class.map(|name| self.class_named(name)).transpose()?;
        let steps = Steps::new("looking", count);
        let mut found = Vec::new();
        for picture in pictures {
            steps.step()?;
            found.push(self.look(picture?, &transform, class)?);
        }
        if found.is_empty() {
            return Err(Error::new("there is no picture to look at").remedy("give one or more"));
        }
        Ok(AttentionMaps(found))
    }

    pub(super) fn class_named(&self, name: &str) -> Result<usize> {
        let names = self.classes();
        names.iter().position(|own| own == name).ok_or_else(|| {
            let meant = likely_meant(name, names).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            Error::new(format!("the network knows no `{name}`")).remedy(format!("{meant}it knows {}", names.join(", ")))
        })
    }

    /// One picture: what is answered, and what speaks for it.
    fn look(&self, picture: RgbImage, transform: &Transform, class: Option<usize>) -> Result<AttentionMap> {
        let input = transform.tensor(&picture)?.unsqueeze(0)?;
        let answer = self.answers(&input)?.into_iter().next().unwrap_or_default();
        let numeric = matches!(self.spec.target, Target::Numbers(_));
        let Some(class) = class.or(answer.class).or_else(|| best_box(&answer)).or(numeric.then_some(0)) else {
            return Err(Error::new(match self.spec.target {
                Target::Boxes(_) => "the network finds nothing in the picture: there is no answer that something could speak for",
                _ => "the network's answer is no class, no label and no number: there is nothing that a picture could speak for",
            })
            .remedy(format!(
                "name what to look for: `learner.attention_for(\"new.jpg\", \"{}\")?`",
                self.classes().first().map_or("cat", String::as_str)
            )));
        };
        let of = |answer: &Answer| occlusion::score_of(answer, class).unwrap_or(f32::NAN);
        let parts = self.judged().parts_before_map(&self.spec.input)?;
        let cam = match parts {
            Some(parts) => self.grad_cam(&input, parts, class)?,
            None => None,
        };
        let (rows, method) = match cam {
            Some(rows) => (rows, "Grad-CAM"),
            None => (occlusion::covered(self, &input, class)?, "occlusion"),
        };
        let peak = rows.iter().flatten().copied().fold(0.0, f32::max);
        let scaled = |value: f32| if peak > 0.0 { value / peak } else { 0.0 };
        let map = rows.into_iter().map(|row| row.into_iter().map(scaled).collect()).collect();
        let label = self.classes().get(class).cloned().unwrap_or_else(|| answer.words(&self.spec));
        let area = transform.area(picture.width(), picture.height());
        Ok(AttentionMap { label, class, score: of(&answer), method, map, peak, picture, area, numeric })
    }

    /// Grad-CAM of a class at the state after so many parts; `None` where the head says neither logits nor numbers.
    fn grad_cam(&self, input: &Tensor, parts: usize, class: usize) -> Result<Option<HeatRows>> {
        let network = self.judged();
        let mut state = network.stem(parts, &Fields::of(self.spec.input.field(), input.clone()))?;
        let leaf = Var::from_tensor(state.get(field::FEATURES)?)?;
        state.set(field::FEATURES, leaf.as_tensor().clone());
        // stored statistics and nothing dropped, but in the graph: what is constant is the network, not the map
        let pass = Pass::eval();
        let features = network.features_from(parts, &state, &pass)?;
        let said = ops::in_pool(|| network.head().forward(&features, &pass))?;
        let Some(scores) = said.find(field::LOGITS).or_else(|| said.find(field::NUMBERS)) else { return Ok(None) };
        let [1, classes] = *scores.dims() else { return Ok(None) };
        if class >= classes {
            return Ok(None);
        }
        let mut one = vec![0f32; classes];
        one[class] = 1.0;
        let one = Tensor::from_vec(one, (1, classes), &Device::Cpu)?;
        let one = one.to_device(scores.device())?.to_dtype(scores.dtype())?;
        let grads = ops::backward_from(scores, &one)?;
        let Some(slope) = grads.get(leaf.as_tensor()) else { return Ok(None) };
        Ok(Some(weighted(leaf.as_detached_tensor(), slope)?))
    }
}

/// Maps, or tokens, weighted by their mean gradients and summed; what is below 0 is left out.
fn weighted(maps: Tensor, slope: &Tensor) -> Result<HeatRows> {
    let to_rows = |sums: Tensor| -> Result<HeatRows> {
        let sums = sums.relu()?.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
        Ok(sums.to_vec2::<f32>()?)
    };
    if let [_, _, _, _] = maps.dims() {
        let weights = slope.mean_keepdim((2, 3))?;
        return to_rows(maps.broadcast_mul(&weights)?.sum(1)?.squeeze(0)?);
    }
    // the class token stands before the others
    let (_, tokens, _) = maps.dims3()?;
    let side = (tokens - 1).isqrt();
    let (maps, slope) = (maps.narrow(1, 1, side * side)?, slope.narrow(1, 1, side * side)?);
    let sums = maps.broadcast_mul(&slope.mean_keepdim(1)?)?.sum(2)?;
    to_rows(sums.reshape((side, side))?)
}

/// The class of the box that the network is surest of.
fn best_box(answer: &Answer) -> Option<usize> {
    answer.boxes.iter().rev().max_by(|a, b| a.score.total_cmp(&b.score)).map(|one| one.class)
}
