//! What a data set says of itself: what goes into a network, what is true, and whether it varies.

use serde::{Deserialize, Serialize};

use super::{Tokens, Transform};

/// What of an example goes into a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// A picture, prepared so: the field `image`.
    Picture(Transform),
    /// Numbers of this shape: the field `input`.
    Tensor(Vec<usize>),
    /// Text, or a pair of texts, cut into tokens so: the fields `ids`, `types` and `mask`.
    Text(Tokens),
}

impl Input {
    /// The name of the field that holds it.
    pub fn field(&self) -> &'static str {
        match self {
            Input::Picture(_) => super::field::IMAGE,
            Input::Tensor(_) => super::field::INPUT,
            Input::Text(_) => super::field::IDS,
        }
    }

    /// The shape of one example; of text, that of the longest one.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Input::Picture(transform) => vec![3, transform.size, transform.size],
            Input::Tensor(shape) => shape.clone(),
            Input::Text(tokens) => vec![tokens.max_tokens()],
        }
    }

    /// What one example is called: `picture`, `text`, `example`.
    pub fn noun(&self) -> &'static str {
        match self {
            Input::Picture(_) => "picture",
            Input::Tensor(_) => "example",
            Input::Text(_) => "text",
        }
    }

    /// In words: `pictures of 64 × 64`, `tensors of (20)`.
    pub fn words(&self) -> String {
        match self {
            Input::Picture(Transform { size, .. }) => format!("pictures of {size} × {size}"),
            Input::Tensor(shape) => {
                let dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
                format!("tensors of ({})", dims.join(", "))
            }
            Input::Text(tokens) => format!("texts of up to {} tokens", tokens.max_tokens()),
        }
    }
}

/// What is true of an example, with the names of what it can be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// One class of these: the field `class`.
    Class(Vec<String>),
    /// Any number of these labels: the field `labels`.
    Classes(Vec<String>),
    /// A number for each of these names: the field `numbers`.
    Numbers(Vec<String>),
    /// Any number of boxes, each of one of these classes.
    Boxes(Vec<String>),
    /// Something of one's own, said in a word.
    Own(String),
}

impl Target {
    /// The names of what there is to tell.
    pub fn names(&self) -> &[String] {
        match self {
            Target::Class(names) | Target::Classes(names) | Target::Numbers(names) | Target::Boxes(names) => names,
            Target::Own(_) => &[],
        }
    }

    /// The name of the field that holds the truth.
    pub fn field(&self) -> &str {
        match self {
            Target::Class(_) => super::field::CLASS,
            Target::Classes(_) => super::field::LABELS,
            Target::Numbers(_) => super::field::NUMBERS,
            Target::Boxes(_) => super::field::BOX,
            Target::Own(what) => what,
        }
    }

    /// In words: `classes (cat, dog)`.
    pub fn words(&self) -> String {
        let (what, names) = match self {
            Target::Class(names) => ("classes", names),
            Target::Classes(names) => ("labels, any number of them", names),
            Target::Numbers(names) => ("numbers", names),
            Target::Boxes(names) => ("boxes", names),
            Target::Own(what) => return what.clone(),
        };
        format!("{what} ({})", names.join(", "))
    }
}

/// What a data set says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// What goes into a network.
    pub input: Input,
    /// What is true.
    pub target: Target,
    /// The fields that a batch's truth has: `class`, and where every example has a box, `box`.
    pub truths: Vec<String>,
    /// Whether a training example looks different each time, so that its features cannot be kept.
    pub varies: bool,
    /// Whether a person has chosen the normalisation, so that it is not the network's.
    pub said_normalize: bool,
    /// The seed of everything random.
    pub seed: u64,
}

impl Spec {
    /// Of examples that do not vary, whose truth is one field, named after the target's kind.
    pub fn new(input: Input, target: Target, seed: u64) -> Spec {
        let truths = vec![target.field().to_owned()];
        Spec { input, target, truths, varies: false, said_normalize: false, seed }
    }

    /// The names of what there is to tell.
    pub fn names(&self) -> &[String] {
        self.target.names()
    }

    /// Whether a batch's truth has this field.
    pub fn has(&self, truth: &str) -> bool {
        self.truths.iter().any(|own| own == truth)
    }

    /// How a picture becomes numbers, where pictures go in.
    pub fn transform(&self) -> Option<Transform> {
        match self.input {
            Input::Picture(transform) => Some(transform),
            Input::Tensor(_) | Input::Text(_) => None,
        }
    }

    /// How a text becomes tokens, where texts go in.
    pub fn tokens(&self) -> Option<&Tokens> {
        match &self.input {
            Input::Text(tokens) => Some(tokens),
            Input::Picture(_) | Input::Tensor(_) => None,
        }
    }
}
