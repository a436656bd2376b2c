//! What a network can be asked about: pictures, texts.

use std::path::{Path, PathBuf};

use candle_core::Tensor;
use image::{DynamicImage, RgbImage};

use crate::data::{
    Example, Fields, Greys, Input, Spec, Tokens, field, read_picture, read_picture_as, to_rgb, to_rgb_as,
};
use crate::words::does;
use crate::{Error, Result, show};

/// What a network can be asked about: the path of a picture, or a picture; where it takes texts, a text or a pair of texts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no picture and no text",
    label = "expected the path of a picture file, a picture, or a text",
    note = "a path is text or a `PathBuf`: `learner.predict(\"new.jpg\")?`; a picture is the `image` crate's `RgbImage` \
            or `DynamicImage`",
    note = "a network of texts is asked about a text, or about a pair: `learner.predict((\"one text\", \"the other\"))?`",
    note = "several at once: `learner.predict_all(&[\"one.jpg\", \"two.jpg\"])?`"
)]
pub trait Query {
    /// The picture's pixels, the greys of sixteen bits brought to eight as a network's pictures are.
    ///
    /// # Errors
    /// When a file cannot be read or is no picture.
    fn pixels_as(&self, greys: Greys) -> Result<RgbImage>;

    /// The picture's pixels.
    ///
    /// # Errors
    /// As [`pixels_as`](Query::pixels_as).
    fn pixels(&self) -> Result<RgbImage> {
        self.pixels_as(Greys::Whole)
    }

    /// The text, and the second one of a pair; `None` where it is no text.
    fn texts(&self) -> Option<(&str, Option<&str>)> {
        None
    }
}

macro_rules! query_of_path {
    ($($path:ty, $text:expr);*) => {
        $(impl Query for $path {
            fn pixels_as(&self, greys: Greys) -> Result<RgbImage> {
                read_picture_as(self, greys)
            }

            fn pixels(&self) -> Result<RgbImage> {
                read_picture(self)
            }

            fn texts(&self) -> Option<(&str, Option<&str>)> {
                let text: fn(&$path) -> Option<&str> = $text;
                text(self).map(|text| (text, None))
            }
        })*
    };
}
query_of_path!(str, |text| Some(text); String, |text| Some(text); Path, |_| None; PathBuf, |_| None);

impl Query for RgbImage {
    fn pixels_as(&self, _: Greys) -> Result<RgbImage> {
        Ok(self.clone())
    }
}

impl Query for DynamicImage {
    fn pixels_as(&self, greys: Greys) -> Result<RgbImage> {
        Ok(to_rgb_as(self, greys))
    }

    fn pixels(&self) -> Result<RgbImage> {
        Ok(to_rgb(self))
    }
}

impl<T: Query + ?Sized> Query for &T {
    fn pixels_as(&self, greys: Greys) -> Result<RgbImage> {
        T::pixels_as(self, greys)
    }

    fn pixels(&self) -> Result<RgbImage> {
        T::pixels(self)
    }

    fn texts(&self) -> Option<(&str, Option<&str>)> {
        T::texts(self)
    }
}

impl<A: AsRef<str>, B: AsRef<str>> Query for (A, B) {
    fn pixels_as(&self, _: Greys) -> Result<RgbImage> {
        Err(Error::new("a pair of texts is no picture")
            .remedy("ask about one picture: `learner.predict(\"new.jpg\")?`"))
    }

    fn texts(&self) -> Option<(&str, Option<&str>)> {
        Some((self.0.as_ref(), Some(self.1.as_ref())))
    }
}

/// What a network is asked about.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Picture(RgbImage),
    /// A text, and the second one of a pair.
    Text(String, Option<String>),
}

/// An example that is looked at, and what is true of it.
#[derive(Clone)]
pub(super) struct Watched {
    pub asked: Asked,
    pub truth: Option<String>,
}

impl Asked {
    /// A query as the network takes it.
    pub fn of(query: &dyn Query, spec: &Spec) -> Result<Asked> {
        match &spec.input {
            Input::Picture(transform) => query.pixels_as(transform.greys).map(Asked::Picture),
            Input::Text(_) => {
                let (one, other) = query.texts().ok_or_else(|| {
                    Error::new("expected a text, found a picture or a path")
                        .remedy("this network reads texts: `learner.predict(\"not bad at all\")?`")
                })?;
                Ok(Asked::Text(one.to_owned(), other.map(str::to_owned)))
            }
            Input::Tensor(_) => {
                Err(Error::new(format!("expected a network that takes pictures, found {}", spec.input.words()))
                    .remedy("give it what it takes: `learner.answers(&x)?`, a row an example"))
            }
        }
    }

    /// The same for what the network has learned to tell: of texts such as it learned from, pairs or single ones.
    pub fn learned(query: &dyn Query, spec: &Spec) -> Result<Asked> {
        let asked = Asked::of(query, spec)?;
        let is_blank = |text: &str| text.trim().is_empty();
        if let Asked::Text(one, other) = &asked
            && (is_blank(one) || other.as_deref().is_some_and(is_blank))
        {
            return Err(Error::new("the text is empty: there is nothing to tell it by")
                .remedy("give it some words: `learner.predict(\"not bad at all\")?`"));
        }
        match (spec.tokens().and_then(Tokens::pairs), &asked) {
            (Some(true), Asked::Text(_, None)) => {
                Err(Error::new("this network has learned from pairs of texts, found one text")
                    .remedy("ask about two: `learner.predict((\"one text\", \"the other\"))?`"))
            }
            (Some(false), Asked::Text(_, Some(_))) => {
                Err(Error::new("this network has learned from single texts, found a pair")
                    .remedy("ask about one: `learner.predict(\"not bad at all\")?`"))
            }
            _ => Ok(asked),
        }
    }

    /// What an example of a data set asks.
    pub fn example(example: Example) -> Option<Asked> {
        match (example.picture, example.text) {
            (Some(picture), _) => Some(Asked::Picture(picture)),
            (None, Some(text)) => Some(Asked::Text(text, example.other)),
            (None, None) => None,
        }
    }

    /// Several, all pictures or all texts, as what goes into the network; and how many of the texts are cut.
    pub fn fields(all: &[Asked], spec: &Spec) -> Result<(Fields, usize)> {
        if let Some(transform) = spec.transform() {
            let each = all.iter().filter_map(|one| match one {
                Asked::Picture(picture) => Some(transform.tensor(picture)),
                Asked::Text(..) => None,
            });
            return Ok((Fields::of(field::IMAGE, Tensor::stack(&each.collect::<Result<Vec<_>>>()?, 0)?), 0));
        }
        let tokens =
            spec.tokens().ok_or_else(|| Error::new(format!("expected texts, found {}", spec.input.words())))?;
        let texts = all.iter().filter_map(|one| match one {
            Asked::Text(one, other) => Some((one.as_str(), other.as_deref())),
            Asked::Picture(_) => None,
        });
        let rows = tokens.encode(&texts.collect::<Vec<_>>())?;
        let cut = rows.iter().filter(|row| row.cut > 0).count();
        Ok((tokens.fields(&rows.iter().collect::<Vec<_>>())?, cut))
    }
}

/// Tells that so many texts are read in part.
pub(super) fn tell_cut(cut: usize, spec: &Spec) {
    if let (1.., Some(tokens)) = (cut, spec.tokens()) {
        let most = tokens.max_tokens();
        show::note(&format!(
            "{} longer than {most} tokens: what stands behind is not read",
            does(cut, "text", "is", "are")
        ));
    }
}
