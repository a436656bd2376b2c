//! The objects of a batch, picture by picture.

use crate::data::{Fields, field};
use crate::{Error, Result};

/// One object of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrueBox {
    /// The index of its class.
    pub class: usize,
    /// `[centre x, centre y, width, height]`; of a batch's fields in shares of the side.
    pub bbox: [f32; 4],
    /// Whether it stands for many objects that nobody counted.
    pub crowd: bool,
}

impl TrueBox {
    /// The same on a picture of so many pixels, in pixels.
    pub fn on(&self, (height, width): (usize, usize)) -> TrueBox {
        let [x, y, w, h] = self.bbox;
        let (height, width) = (height as f32, width as f32);
        TrueBox { bbox: [x * width, y * height, w * width, h * height], ..*self }
    }

    /// `[left, top, right, bottom]`.
    pub fn corners(&self) -> [f64; 4] {
        let [x, y, w, h] = self.bbox.map(f64::from);
        [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0]
    }
}

/// The objects of each of a batch's pictures, as its truth has them: `box`, `box_class`, `box_of`.
///
/// # Errors
/// When a field is missing, or names a picture that is not there.
pub fn objects(truth: &Fields, pictures: usize) -> Result<Vec<Vec<TrueBox>>> {
    let boxes = truth.get(field::BOX)?.flatten_all()?.to_vec1::<f32>()?;
    let classes = truth.get(field::BOX_CLASS)?.to_vec1::<u32>()?;
    let of = truth.get(field::BOX_OF)?.to_vec1::<u32>()?;
    let crowds = truth.find(field::BOX_CROWD).map(|crowds| crowds.to_vec1::<u32>()).transpose()?;
    if boxes.len() != 4 * classes.len() || of.len() != classes.len() {
        return Err(Error::new(format!(
            "{} numbers of boxes, {} classes and {} pictures do not fit each other",
            boxes.len(),
            classes.len(),
            of.len()
        ))
        .remedy("`box` is (boxes, 4), `box_class` and `box_of` are (boxes)"));
    }
    let mut all = vec![Vec::new(); pictures];
    for (at, (bbox, picture)) in boxes.chunks_exact(4).zip(of).enumerate() {
        let crowd = crowds.as_ref().is_some_and(|crowds| crowds.get(at) == Some(&1));
        let object = TrueBox { class: classes[at] as usize, bbox: std::array::from_fn(|i| bbox[i]), crowd };
        let own = all
            .get_mut(picture as usize)
            .ok_or_else(|| Error::new(format!("a box stands on picture {picture} of a batch of {pictures}")))?;
        own.push(object);
    }
    Ok(all)
}

/// Whether there are the objects of so many pictures, each of a class that the head tells.
pub(super) fn fit(truths: &[Vec<TrueBox>], pictures: usize, classes: usize) -> Result<()> {
    if truths.len() != pictures {
        return Err(Error::new(format!("{pictures} pictures, but the objects of {}", truths.len())));
    }
    match truths.iter().flatten().find(|object| object.class >= classes) {
        Some(object) => {
            Err(Error::new(format!("an object is of class {}, the head tells {classes} apart", object.class)))
        }
        None => Ok(()),
    }
}
