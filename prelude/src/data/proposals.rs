//! Boxes that a network proposes, until a person has accepted them.

use super::annotated::Boxes;
use super::formats::{Listed, Listing, Object};
use super::{Part, decode};
use crate::boxes::{BBox, Detection};
use crate::show::{self, Steps};
use crate::words::{count, does};
use crate::{Result, limits};
use image::RgbImage;
use std::path::Path;

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
    /// The same pictures with boxes that a detector proposes, from this score on (0 to 1), marked as automatic: COCO's and VOC's files hold
    /// them as such, others do not, and nothing learns from them before a person has accepted them ([`accept_automatic`](Boxes::accept_automatic), or the annotation
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
        let mut listing = (*self.listing).clone();
        let paths: Vec<&Path> = (0..self.len()).map(|id| self.sample(id).path.as_path()).collect();
        find_in(&paths, detector, score, &mut |id, found| {
            let Listing { classes, pictures, .. } = &mut listing;
            put(classes, &mut pictures[id], &found);
        })?;
        let of = |picture: &Listed| picture.objects.iter().filter(|object| object.automatic).count();
        let (boxes, pictures) = listing
            .pictures
            .iter()
            .map(of)
            .filter(|count| *count > 0)
            .fold((0, 0), |(boxes, pictures), count| (boxes + count, pictures + 1));
        show::note(&match boxes {
            0 => format!("nothing new reaches a score of {score}: no box is proposed; a lower score proposes more"),
            _ => format!(
                "{} proposed on {}: `.annotate()?` shows them, `.accept_automatic()?` takes all",
                does(boxes, "box", "is", "are"),
                count(pictures, "picture")
            ),
        });
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
            doubt(objects).unwrap_or(if objects.is_empty() { -1.0 } else { -2.0 })
        };
        let mut ids = self.ids(Part::Train);
        ids.sort_by(|a, b| doubt(b).total_cmp(&doubt(a)));
        ids
    }
}

/// What a detector finds in each picture from a score on, told one after the other; a picture that cannot be read is passed over.
///
/// # Errors
/// When the score makes no sense, or the user interrupts; what was told until then stands.
pub(crate) fn find_in(
    paths: &[&Path],
    detector: &dyn Finds,
    score: f64,
    told: &mut dyn FnMut(usize, Vec<Detection>),
) -> Result<()> {
    let remedy = "a half is usual: `art.auto_annotate(&det, 0.5)?`";
    let is_share = (0.0..=1.0).contains(&score);
    limits::allow(is_share, "the `score` of proposals", &score, "a share from 0 to 1", remedy)?;
    let steps = Steps::new("annotating", paths.len());
    let ids: Vec<usize> = (0..paths.len()).collect();
    for ids in ids.chunks(TOGETHER) {
        steps.advance(ids.len())?;
        let read = ids.iter().filter_map(|id| Some((*id, decode::read_picture(paths[*id]).ok()?)));
        let (ids, pictures): (Vec<usize>, Vec<RgbImage>) = read.unzip();
        for (id, found) in ids.into_iter().zip(detector.find(&pictures, score as f32)?) {
            told(id, found);
        }
    }
    Ok(())
}

/// How much a person should look at a picture's automatic boxes, from 0 to 1: one whose score is nearest to one half counts. `None` where there
/// are none.
pub(crate) fn doubt(objects: &[Object]) -> Option<f64> {
    let doubts = objects.iter().filter(|object| object.automatic);
    doubts.map(|object| object.score.map_or(0.0, |score| 1.0 - 2.0 * (score - 0.5).abs())).max_by(f64::total_cmp)
}

/// Automatic boxes that a person has taken away, each of a class; kept with the picture, so that they are not proposed again.
const REJECTED: &str = "rejected";

/// The class and the corners of a box that was rejected.
pub(crate) type Rejected = (String, f64, f64, f64, f64);

/// What a person has rejected on a picture.
pub(crate) fn rejected(picture: &Listed) -> Vec<Rejected> {
    picture.field(REJECTED).unwrap_or_default()
}

/// Keeps what a person has rejected with the picture.
pub(crate) fn set_rejected(picture: &mut Listed, rejected: &[Rejected]) {
    picture.set_field(REJECTED, (!rejected.is_empty()).then_some(&rejected));
}

/// Whether two boxes are of one thing.
pub(crate) fn is_same_place(one: [f64; 4], other: [f64; 4]) -> bool {
    let area = |[x0, y0, x1, y1]: [f64; 4]| BBox::new(x0 as f32, y0 as f32, x1 as f32, y1 as f32);
    area(one).iou(&area(other)) > SAME
}

/// Replaces a picture's automatic boxes by what was found, but where a person's box of the class stands, or one was rejected.
pub(crate) fn put(classes: &mut Vec<String>, picture: &mut Listed, found: &[Detection]) {
    let rejected = rejected(picture);
    picture.objects.retain(|object| !object.automatic);
    let persons = picture.objects.len();
    for one in found {
        let corners = one.bbox.to_xyxy().map(f64::from);
        let was_rejected = rejected
            .iter()
            .any(|(class, x0, y0, x1, y1)| *class == one.label && is_same_place([*x0, *y0, *x1, *y1], corners));
        let class = classes.iter().position(|class| *class == one.label);
        let is_taken = picture.objects[..persons]
            .iter()
            .any(|object| Some(object.class) == class && is_same_place(object.corners, corners));
        if is_taken || was_rejected || one.bbox.area() <= 0.0 {
            continue;
        }
        let class = class.unwrap_or_else(|| {
            classes.push(one.label.clone());
            classes.len() - 1
        });
        let score = Some(f64::from(one.score));
        picture.objects.push(Object { class, corners, automatic: true, score, ..Object::default() });
    }
}
