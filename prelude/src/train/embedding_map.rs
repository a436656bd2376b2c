//! The validation pictures on a plane, alike ones near each other.

use std::path::Path;

use candle_core::Device;

use super::answer::Answer;
use super::learner::Learner;
use super::plane::{self, Plane};
use crate::data::{Data, Order, Part, Spec, Target};
use crate::layers::Pass;
use crate::paths;
use crate::plot::{self, Dot, Figure, number};
use crate::show::{Bundle, Show, Steps, Table};
use crate::words::count;
use crate::{Error, Result};

/// Pictures in the place of their points.
const THUMBS: usize = 24;
/// More pictures than this are not placed: every so many-th is.
const MOST: usize = 3000;

/// One picture's place on the map.
#[derive(Clone, Debug, PartialEq)]
pub struct MapPoint {
    /// What the picture is called.
    pub name: String,
    /// Where it lies.
    pub x: f64,
    /// Where it lies.
    pub y: f64,
    /// Its class, where it has one; its labels or its number, where it has these.
    pub class: Option<String>,
    /// What the network says of it.
    pub said: String,
    /// Whether that is wrong.
    pub wrong: bool,
}

/// Pictures on a plane, by their features. A cell that ends with it shows them, coloured by class, some as small pictures, those that the
/// network gets wrong in rings.
#[derive(Clone, Debug)]
pub struct EmbeddingMap {
    /// The pictures.
    pub points: Vec<MapPoint>,
    /// How they were placed: `PCA` or `t-SNE`.
    pub method: &'static str,
    /// Of PCA, the share of the features' variance that each axis has.
    pub explained: Option<[f64; 2]>,
    /// The figure.
    pub figure: Figure,
}

impl EmbeddingMap {
    /// A row a picture.
    pub fn table(&self) -> Table {
        let mut table = Table::new(["example", "x", "y", "class", "says"]).left(0).left(3).left(4);
        for point in &self.points {
            let class = point.class.clone().unwrap_or_default();
            table.push([
                point.name.clone(),
                format!("{:.3}", point.x),
                format!("{:.3}", point.y),
                class,
                point.said.clone(),
            ]);
        }
        table
    }

    /// Writes the table as a CSV file, with all digits: `example,x,y,class,says,wrong`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_csv(&self, path: impl AsRef<Path>) -> Result<()> {
        self.write(&paths::expanded(path.as_ref()))
    }

    fn write(&self, path: &Path) -> Result<()> {
        let failed = |error: csv::Error| {
            Error::new(format!("the map cannot be written to `{}`", path.display())).caused_by(error)
        };
        let mut file = csv::Writer::from_path(path).map_err(failed)?;
        file.write_record(["example", "x", "y", "class", "says", "wrong"]).map_err(failed)?;
        for point in &self.points {
            let class = point.class.clone().unwrap_or_default();
            let (x, y, wrong) = (point.x.to_string(), point.y.to_string(), point.wrong.to_string());
            file.write_record([&point.name, &x, &y, &class, &point.said, &wrong]).map_err(failed)?;
        }
        file.flush().map_err(|error| failed(error.into()))
    }
}

impl Show for EmbeddingMap {
    fn bundle(&self) -> Bundle {
        self.figure.bundle()
    }
}

/// So many steps of a number have a colour each.
const STEPS: usize = 5;

/// What is known of a picture before it has a place.
struct MappedPicture {
    id: usize,
    /// The place in the legend, and what is true in words.
    class: Option<usize>,
    truth: Option<String>,
    said: String,
    wrong: bool,
    row: Vec<f32>,
}

impl Learner {
    /// The validation pictures on a plane by their features' first two principal components, coloured by class (of several labels by the rarest,
    /// of numbers by steps of the first): what the body finds alike lies near each other. Rings are around those that the network gets wrong. Of more than 3000 pictures every so many-th is placed.
    ///
    /// ```no_run
    /// # use candlewick_prelude::prelude::*;
    /// # let data = ImageFolder::open("photos")?.split(0.2, 42)?;
    /// # let learner = Learner::vision(Arch::default(), &data)?;
    /// let map = learner.embedding_map()?;
    /// map.write_csv("map.csv")?;
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there are no validation pictures, the network was made in one piece, or the user interrupts.
    pub fn embedding_map(&self) -> Result<EmbeddingMap> {
        self.map_by("PCA", &|rows| Ok(plane::principal(rows)))
    }

    /// The same by t-SNE (van der Maaten and Hinton 2008): neighbours stay neighbours, while distances between heaps, and how large a
    /// heap is, say nothing. The same features give the same map.
    ///
    /// # Errors
    /// As [`embedding_map`](Learner::embedding_map), and when there are fewer than 5 pictures.
    pub fn embedding_tsne(&self) -> Result<EmbeddingMap> {
        self.map_by("t-SNE", &plane::neighbours)
    }

    fn map_by(&self, method: &'static str, place: &dyn Fn(&[Vec<f32>]) -> Result<Plane>) -> Result<EmbeddingMap> {
        let noun = self.spec.input.noun();
        let data = self.need_data()?;
        if data.count(Part::Valid) == 0 {
            return Err(Error::new(format!("the data has no {noun}s for validation")).remedy(
                match self.spec.transform() {
                    Some(_) => "keep some apart: `.split(0.2, 42)?`, or a folder named val",
                    None => "keep some apart: `.split(0.2, 42)?`",
                },
            ));
        }
        let (known, legend) = self.known(data.as_ref())?;
        let rows: Vec<Vec<f32>> = known.iter().map(|one| one.row.clone()).collect();
        if rows.iter().flatten().any(|value| !value.is_finite()) {
            return Err(super::predict::diverged());
        }
        let Plane { points: places, explained } = place(&rows)?;
        let mut dots: Vec<Dot> = known
            .iter()
            .zip(&places)
            .map(|(one, [x, y])| Dot { x: *x, y: *y, class: one.class, wrong: one.wrong, picture: None })
            .collect();
        let shown = plot::spread_out(&dots, THUMBS);
        let mut names = Vec::with_capacity(known.len());
        for (at, one) in known.iter().enumerate() {
            let example = data.example(one.id)?;
            names.push(example.words());
            dots[at].picture = example.picture.filter(|_| shown.contains(&at));
        }
        let named = matches!(self.spec.target, Target::Class(_) | Target::Classes(_));
        let axis = |at: usize, word: &str| match explained {
            Some(shares) => format!("{word} component ({:.0} % of the variance)", shares[at] * 100.0),
            None => format!("{word} axis"),
        };
        let wrong = known.iter().filter(|one| one.wrong).count();
        let mut title = format!("{} by their features, {method}", count(known.len(), noun));
        if named {
            title += &format!(", {wrong} wrong");
        }
        let axes = [&*axis(0, "first"), &*axis(1, "second")];
        let figure = match self.spec.target {
            Target::Numbers(_) => plot::scatter_of_steps(&dots, &legend, &title, axes),
            _ => plot::scatter(&dots, &legend, &title, axes),
        };
        let mut points = Vec::with_capacity(known.len());
        for ((one, name), [x, y]) in known.into_iter().zip(names).zip(places) {
            points.push(MapPoint { name, x, y, class: one.truth, said: one.said, wrong: one.wrong });
        }
        Ok(EmbeddingMap { points, method, explained, figure })
    }

    /// The validation pictures with their features, what is true of them and what is said, and the legend's names.
    fn known(&self, data: &dyn Data) -> Result<(Vec<MappedPicture>, Vec<String>)> {
        let network = self.judged();
        let every = data.count(Part::Valid).div_ceil(MOST).max(1);
        let steps = Steps::new("embedding", data.count(Part::Valid));
        let (mut known, mut told): (Vec<MappedPicture>, Vec<Answer>) = Default::default();
        let mut seen = 0;
        for batch in data.batches(Part::Valid, Order::Given)? {
            let batch = batch?;
            steps.advance(batch.len())?;
            let features = network.features_from(0, &batch.inputs, &Pass::eval())?;
            let said = network.said(&features, &Pass::eval())?.to_device(&Device::Cpu)?;
            let rows = network.embed(&batch.inputs)?.to_device(&Device::Cpu)?.to_vec2::<f32>()?;
            let (answers, truths) = (self.task.answers(&said, &self.spec)?, self.task.truths(&batch, &self.spec)?);
            for (((id, row), answer), truth) in batch.ids.iter().zip(rows).zip(answers).zip(truths) {
                seen += 1;
                if (seen - 1) % every != 0 {
                    continue;
                }
                let wrong = match &truth.labels {
                    Some(labels) => answer.labels.as_ref() != Some(labels),
                    None => truth.class.is_some() && answer.class != truth.class,
                };
                let (said, is_told) = (answer.words(&self.spec), !matches!(self.spec.target, Target::Own(_)));
                let words = is_told.then(|| truth.words(&self.spec));
                known.push(MappedPicture { id: *id, class: truth.class, truth: words, said, wrong, row });
                told.push(truth);
            }
        }
        let (places, legend) = legend(&told, &self.spec);
        known.iter_mut().zip(places).for_each(|(one, place)| one.class = place);
        Ok((known, legend))
    }
}

/// The place of each in a legend, and the legend: classes, of several labels the rarest, of numbers steps that have as many examples each.
fn legend(told: &[Answer], spec: &Spec) -> (Vec<Option<usize>>, Vec<String>) {
    match &spec.target {
        Target::Classes(names) => {
            let mut count = vec![0usize; names.len()];
            told.iter().flat_map(|one| one.labels.iter().flatten()).for_each(|label| count[*label] += 1);
            let rarest = |one: &Answer| {
                let labels = one.labels.as_deref().unwrap_or_default();
                Some(labels.iter().copied().min_by_key(|label| count[*label]).unwrap_or(names.len()))
            };
            let places: Vec<Option<usize>> = told.iter().map(rarest).collect();
            let bare = places.contains(&Some(names.len())).then(|| "none of them".to_owned());
            (places, names.iter().cloned().chain(bare).collect())
        }
        Target::Numbers(names) => {
            let value = |one: &Answer| one.numbers.first().copied().filter(|value| value.is_finite());
            let mut sorted: Vec<f32> = told.iter().filter_map(value).collect();
            sorted.sort_by(f32::total_cmp);
            // the first number of each step; steps that begin alike are one
            let mut begins: Vec<f32> =
                (0..STEPS).filter_map(|at| sorted.get(at * sorted.len() / STEPS).copied()).collect();
            begins.dedup();
            let name = names.first().map_or("", String::as_str);
            let words = |(at, from): (usize, &f32)| match begins.get(at + 1) {
                Some(to) => format!("{name} {} to {}", number(f64::from(*from)), number(f64::from(*to))),
                None => format!("{name} from {}", number(f64::from(*from))),
            };
            let place = |one: &Answer| begins.iter().rposition(|from| value(one).is_some_and(|own| own >= *from));
            (told.iter().map(place).collect(), begins.iter().enumerate().map(words).collect())
        }
        Target::Class(names) => (told.iter().map(|one| one.class).collect(), names.clone()),
        _ => (vec![None; told.len()], Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Input;

    fn spec(target: Target) -> Spec {
        Spec::new(Input::Tensor(vec![1]), target, 0)
    }

    #[test]
    fn labels_are_coloured_by_the_rarest_and_numbers_by_steps() {
        let names = ["boat", "sea", "storm"].map(str::to_owned).to_vec();
        let of = |labels: &[usize]| Answer { labels: Some(labels.to_vec()), ..Answer::default() };
        let told = [of(&[1]), of(&[0, 1]), of(&[1, 2]), of(&[]), of(&[0])];
        let (places, words) = legend(&told, &spec(Target::Classes(names.clone())));
        assert_eq!(places, [Some(1), Some(0), Some(2), Some(3), Some(0)]);
        assert_eq!(words.last().map(String::as_str), Some("none of them"));
        assert_eq!(legend(&told[..3], &spec(Target::Classes(names))).1.len(), 3);

        let of = |value: f32| Answer { numbers: vec![value], ..Answer::default() };
        let told: Vec<Answer> = [30.0, 10.0, 50.0, 20.0, 40.0, f32::NAN].into_iter().map(of).collect();
        let (places, words) = legend(&told, &spec(Target::Numbers(vec!["age".to_owned()])));
        assert_eq!(places, [Some(2), Some(0), Some(4), Some(1), Some(3), None]);
        assert_eq!((words[0].as_str(), words[4].as_str()), ("age 10 to 20", "age from 50"));
        let alike: Vec<Answer> = [1.0, 1.0, 1.0, 1.0, 2.0].into_iter().map(of).collect();
        assert_eq!(legend(&alike, &spec(Target::Numbers(vec!["n".to_owned()]))).1, ["n 1 to 2", "n from 2"]);
    }
}
