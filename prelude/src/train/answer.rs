//! What is said of one example, or true of it.

use crate::data::Spec;

/// What is said of one example, or true of it. A task fills what it speaks of and leaves the rest empty; names stand in
/// the [`Spec`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The class; of an answer the most likely one, and `None` where the answer is no number.
    pub class: Option<usize>,
    /// How likely it is, from 0 to 1.
    pub score: f32,
    /// Every class's probability, in the order of the classes.
    pub shares: Vec<f32>,
    /// The labels that apply, where several can.
    pub labels: Option<Vec<usize>>,
    /// Numbers.
    pub numbers: Vec<f32>,
    /// Boxes.
    pub boxes: Vec<Located>,
    /// What there is to say beside, in words.
    pub text: String,
}

/// The place of the largest of these numbers, of equal ones the first; none where one of them is no number.
pub(super) fn likeliest(shares: &[f32]) -> Option<usize> {
    let larger = |best: usize, at: usize| if shares[at] > shares[best] { at } else { best };
    (0..shares.len()).filter(|_| shares.iter().all(|share| !share.is_nan())).reduce(larger)
}

/// A box of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Located {
    /// `[centre x, centre y, width, height]` in shares of the side of the network's square.
    pub bbox: [f32; 4],
    /// The index of its class.
    pub class: usize,
    /// How likely it is, from 0 to 1.
    pub score: f32,
}

impl Answer {
    /// One class, the most likely of these probabilities, of equal ones the first, as `argmax` of PyTorch and NumPy has it; none where one of
    /// them is no number.
    pub fn class(shares: Vec<f32>) -> Answer {
        let class = likeliest(&shares);
        Answer { class, score: class.map_or(f32::NAN, |class| shares[class]), shares, ..Answer::default() }
    }

    /// One class, that is true.
    pub fn truly(class: usize) -> Answer {
        Answer { class: Some(class), score: 1.0, ..Answer::default() }
    }

    /// Numbers.
    pub fn numbers(numbers: Vec<f32>) -> Answer {
        Answer { numbers, score: 1.0, ..Answer::default() }
    }

    /// What there is to say in words, for a task of one's own.
    pub fn text(text: impl Into<String>) -> Answer {
        Answer { text: text.into(), score: 1.0, ..Answer::default() }
    }

    /// The same with one box of the answer's class.
    pub fn at(mut self, bbox: [f32; 4]) -> Answer {
        let class = self.class.unwrap_or(0);
        self.boxes = vec![Located { bbox, class, score: self.score }];
        self
    }

    /// Whether it is, or has among its labels, this class.
    pub fn tells(&self, class: usize) -> bool {
        match &self.labels {
            Some(labels) => labels.contains(&class),
            None => self.class == Some(class),
        }
    }

    /// Whether every number of the answer is one.
    pub fn is_finite(&self) -> bool {
        let boxes = self.boxes.iter().flat_map(|one| one.bbox);
        self.score.is_finite() && self.shares.iter().chain(&self.numbers).copied().chain(boxes).all(f32::is_finite)
    }

    /// In words: `truck`, `cat, dog`, `age 31.200`.
    pub fn words(&self, spec: &Spec) -> String {
        let name = |index: &usize| spec.names().get(*index).map_or("?", String::as_str);
        if !self.text.is_empty() {
            return self.text.clone();
        }
        if let Some(labels) = &self.labels {
            let names: Vec<&str> = labels.iter().map(name).collect();
            return if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        }
        if !self.numbers.is_empty() {
            let each = self.numbers.iter().enumerate();
            return each.map(|(at, value)| format!("{} {value:.3}", name(&at))).collect::<Vec<_>>().join(", ");
        }
        self.class.map_or_else(|| "no number".to_owned(), |class| name(&class).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NumPy: `np.argmax([0.2, 0.4, 0.4]) == 1`, `np.argmax([0.5, 0.5]) == 0`.
    #[test]
    fn of_equal_shares_the_first_is_told() {
        for (shares, expected) in [
            (&[0.2, 0.4, 0.4][..], Some(1)),
            (&[0.5, 0.5], Some(0)),
            (&[0.0, 0.0, 0.0, 0.0], Some(0)),
            (&[-0.0, 0.0], Some(0)),
            (&[0.1, f32::NAN], None),
            (&[], None),
        ] {
            assert_eq!(Answer::class(shares.to_vec()).class, expected, "{shares:?}");
        }
    }
}
