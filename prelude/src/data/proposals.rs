//! Boxes that a network proposes, until a person has accepted them.

use super::annotated::Boxes;
use super::formats::{Listing, Object};
use super::{Part, decode};
use crate::boxes::{BBox, Detection};
use crate::show::{self, Steps};
use crate::{Result, limits};
use image::RgbImage;

/// What finds things in pictures, and proposes boxes for them: a learner of boxes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` finds nothing in pictures",
    label = "expected a detector, such as a learner that `Learner::detection` made",
    note = "`art.auto_annotate(&det, 0.5)?`"
)]
pub trait Finds {
    /// What it finds in each picture, from this score on, in pixels of the picture, the most likely first; classes by their names.
    ///
    /// # Errors
    /// When the network's answer is no number.
    fn find(&self, pictures: &[RgbImage], least: f32) -> Result<Vec<Vec<Detection>>>;
}

/// A proposal that overlaps with a person's box of its class by so much is none.
const SAME: f32 = 0.5;
/// So many pictures are looked at together.
const TOGETHER: usize = 16;

impl Boxes {
    /// The same pictures with boxes that a detector proposes, from this score on (0 to 1), marked as automatic: they are written to files
    /// as such, and nothing learns from them before a person has accepted them ([`accept_automatic`](Boxes::accept_automatic), or the annotation
    /// page). Proposals of an earlier run are replaced; a person's boxes stay, and nothing is proposed where one of that class stands.
    /// Classes that the data does not have are added.
    ///
    /// # Errors
    /// When the score makes no sense, a picture cannot be read and the data is strict, or the user interrupts.
    pub fn auto_annotate(&self, detector: &impl Finds, score: f64) -> Result<Boxes> {
        self.propose(detector, score)
    }

    // Not generic, so that a cell does not compile it.
    fn propose(&self, detector: &dyn Finds, score: f64) -> Result<Boxes> {
        let remedy = "a half is usual: `art.auto_annotate(&det, 0.5)?`";
        limits::allow(
            (0.0..=1.0).contains(&score),
            "the `score` of `auto_annotate`",
            &score,
            "a share from 0 to 1",
            remedy,
        )?;
        let mut listing = (*self.listing).clone();
        let steps = Steps::new("annotating", self.len());
        let ids: Vec<usize> = (0..self.len()).collect();
        for ids in ids.chunks(TOGETHER) {
            steps.advance(ids.len())?;
            let read = ids.iter().filter_map(|id| Some((*id, decode::read_picture(&self.sample(*id).path).ok()?)));
            let (ids, pictures): (Vec<usize>, Vec<RgbImage>) = read.unzip();
            for (id, found) in ids.into_iter().zip(detector.find(&pictures, score as f32)?) {
                put(&mut listing, id, &found);
            }
        }
        if !listing.pictures.iter().flat_map(|picture| &picture.objects).any(|object| object.automatic) {
            show::note(&format!(
                "nothing new reaches a score of {score}: no box is proposed; a lower score proposes more"
            ));
        }
        self.clone().relisted(listing)
    }

    /// The same with all automatic boxes accepted as if a person had drawn them.
    ///
    /// # Errors
    /// When there is no box at all.
    pub fn accept_automatic(&self) -> Result<Boxes> {
        let mut listing = (*self.listing).clone();
        listing
            .pictures
            .iter_mut()
            .flat_map(|picture| &mut picture.objects)
            .for_each(|object| object.automatic = false);
        self.clone().relisted(listing)
    }

    /// How many boxes are automatic and not accepted yet.
    pub fn automatic(&self) -> usize {
        self.listing.pictures.iter().flat_map(|picture| &picture.objects).filter(|object| object.automatic).count()
    }

    /// The numbers of the training pictures, the most doubtful first: those with the automatic box whose score is nearest to one half, then
    /// those without any box, then the others. What a person best looks at next.
    pub fn doubtful(&self) -> Vec<usize> {
        let doubt = |id: &usize| {
            let objects = &self.listing.pictures[*id].objects;
            let scores = objects.iter().filter(|object| object.automatic).filter_map(|object| object.score);
            match (scores.map(|score| (score - 0.5).abs()).min_by(f64::total_cmp), objects.is_empty()) {
                (Some(far), _) => far,
                (None, true) => 1.0,
                (None, false) => 2.0,
            }
        };
        let mut ids = self.ids(Part::Train);
        ids.sort_by(|a, b| doubt(a).total_cmp(&doubt(b)));
        ids
    }
}

/// Replaces a picture's automatic boxes by what was found, but where a person's box of the class stands.
fn put(listing: &mut Listing, id: usize, found: &[Detection]) {
    let mut objects: Vec<Object> =
        listing.pictures[id].objects.iter().filter(|object| !object.automatic).cloned().collect();
    let persons = objects.len();
    for one in found {
        let class = listing.classes.iter().position(|class| *class == one.label).unwrap_or_else(|| {
            listing.classes.push(one.label.clone());
            listing.classes.len() - 1
        });
        let taken = objects[..persons].iter().any(|object| {
            let [x0, y0, x1, y1] = object.corners.map(|edge| edge as f32);
            object.class == class && BBox::new(x0, y0, x1, y1).iou(&one.bbox) > SAME
        });
        if !taken && one.bbox.area() > 0.0 {
            let corners = one.bbox.to_xyxy().map(f64::from);
            let score = Some(f64::from(one.score));
            objects.push(Object { class, corners, automatic: true, score, ..Object::default() });
        }
    }
    listing.pictures[id].objects = objects;
}
