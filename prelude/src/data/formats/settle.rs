//! From what files say to what pictures show: names to pictures, numbers to pixels, faults found on the way.

use super::super::Part;
use super::fault::{Fault, FaultKind, FaultLog, Spot};
use super::gallery::{Gallery, Match, Shelved, is_picture};
use super::header::{Measured, measure};
use super::listing::{Extra, Listed, Listing, Object};
use crate::show::Steps;
use crate::{Error, Result};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An object as a file gives it.
pub(super) struct Claim {
    /// The object; its corners are in the unit of its draft.
    pub object: Object,
    /// Where the file gives it.
    pub spot: Spot,
}

/// A picture and its objects as a file gives them.
pub(super) struct Draft {
    /// What the file calls the picture.
    pub written: String,
    /// What that leads to.
    pub found: Match,
    /// The paths by which the file names it, where names do not lead to it.
    pub path: Vec<String>,
    /// The file.
    pub file: Arc<Path>,
    /// Where the file lists the picture.
    pub spot: Spot,
    /// The size that the file gives the picture.
    pub said: Option<(u32, u32)>,
    /// What the file says that it is used for.
    pub part: Option<Part>,
    /// Whether corners are shares of the picture's sides rather than pixels.
    pub shares: bool,
    pub claims: Vec<Claim>,
    pub extra: Extra,
}

/// A picture that was found, and all that files say of it.
struct Gathered {
    at: usize,
    drafts: Vec<Draft>,
}

/// What differs between formats.
pub(super) struct Terms {
    /// What a line, file or element about one picture is called: `lines`, `files`.
    pub things: &'static str,
    /// What is wrong where the picture is not there.
    pub missing: FaultKind,
    /// Pictures that nothing speaks of are background, rather than no part of the data set.
    pub all: bool,
    /// How many such things there are, where it is not one a picture.
    pub total: Option<usize>,
}

impl Terms {
    /// One of the things.
    fn thing(&self) -> String {
        match self.things.split_once(' ') {
            Some((first, rest)) if first.ends_with('s') => format!("{} {rest}", first.trim_end_matches('s')),
            _ => self.things.trim_end_matches('s').to_owned(),
        }
    }
}

/// Makes a listing of drafts.
pub(super) fn settle(
    gallery: &Gallery,
    drafts: Vec<Draft>,
    classes: Vec<String>,
    mut faults: FaultLog,
    terms: &Terms,
) -> Result<Listing> {
    let steps = Steps::new("reading boxes", drafts.len() + gallery.pictures.len());
    for link in &gallery.broken {
        let name = link.file_name().unwrap_or_default().to_string_lossy().into_owned();
        faults.add(Fault::new(FaultKind::BrokenLink, link, Spot::Whole, "the link leads nowhere").of(&name));
    }
    let (drafts, abroad) = by_path(gallery, drafts);
    let shelf = Shelves { gallery, abroad };
    let gathered = gathered(&shelf, drafts, &mut faults, terms, &steps)?;
    let listed: HashSet<usize> = gathered.iter().map(|one| one.at).collect();
    let rest = (0..gallery.pictures.len()).filter(|at| !listed.contains(at));
    let mut all: Vec<Gathered> = gathered;
    let (background, left): (Vec<usize>, Vec<usize>) = rest.partition(|at| terms.all && gallery.pictures[*at].listed);
    let unlisted = left.len();
    let notes = match background.len() {
        _ if listed.is_empty() => Vec::new(),
        0 => Vec::new(),
        1 => vec![format!("1 picture of which no {} speaks counts as background", terms.thing())],
        count => vec![format!("{count} pictures of which no {} speaks count as background", terms.thing())],
    };
    if terms.all {
        all.extend(background.into_iter().map(|at| Gathered { at, drafts: Vec::new() }));
        all.sort_by_key(|one| one.at);
    }
    let sizes: Vec<Option<Measured>> = all
        .par_iter()
        .map(|one| {
            steps.step()?;
            Ok(measure(&shelf.at(one.at).path))
        })
        .collect::<Result<_>>()?;
    let stored = counts_stored(&all, &sizes);
    let mut pictures = Vec::with_capacity(all.len());
    for (one, measured) in all.into_iter().zip(sizes) {
        crate::interrupt::check()?;
        let shelved = shelf.at(one.at);
        let Some(measured) = measured else {
            let what = match one.drafts.iter().map(|draft| draft.claims.len()).sum::<usize>() {
                0 => "the picture cannot be read".to_owned(),
                count => format!("the picture cannot be read; its {count} objects are left out"),
            };
            faults.add(Fault::new(FaultKind::UnreadablePicture, &shelved.path, Spot::Whole, what).of(&shelved.name));
            continue;
        };
        let part = one.drafts.iter().find_map(|draft| draft.part).or(shelved.part);
        let mut listed = Listed {
            path: shelved.path.clone(),
            name: shelved.name.clone(),
            size: Some(measured.upright()),
            part,
            ..Listed::default()
        };
        let mut seen = HashSet::new();
        for draft in one.drafts {
            let view = View { measured, name: &shelved.name, stored, draft: &draft };
            let (change, fault) = view.change();
            faults.extend(fault);
            let is_moved = !matches!(change, Reshape::Nothing);
            let few = !draft.shares && view.is_all_shares();
            for claim in &draft.claims {
                match view.object(claim, &change, few, &mut seen) {
                    Ok((mut object, fault)) => {
                        // Outlines are not moved with their boxes.
                        if is_moved {
                            object.forget_outlines();
                        }
                        listed.objects.push(object);
                        faults.extend(fault);
                    }
                    Err(fault) => faults.add(fault),
                }
            }
            for (key, value) in draft.extra {
                listed.extra.entry(key).or_insert(value);
            }
        }
        pictures.push(listed);
    }
    Ok(Listing { classes, pictures, faults, notes, unlisted, ..Listing::default() })
}

/// The pictures of a gallery, and behind them those that annotations name by a path that leads out of it.
struct Shelves<'a> {
    gallery: &'a Gallery,
    abroad: Vec<Shelved>,
}

impl Shelves<'_> {
    fn at(&self, at: usize) -> &Shelved {
        let inside = &self.gallery.pictures;
        inside.get(at).unwrap_or_else(|| &self.abroad[at - inside.len()])
    }
}

/// The drafts whose pictures the gallery does not have with those that their paths lead to, from the file that names them.
fn by_path(gallery: &Gallery, mut drafts: Vec<Draft>) -> (Vec<Draft>, Vec<Shelved>) {
    let (mut abroad, mut places): (Vec<Shelved>, HashMap<PathBuf, usize>) = (Vec::new(), HashMap::new());
    for draft in &mut drafts {
        // A way out of the folder is exact, a name is sought wherever it may be.
        let is_way = |path: &&String| path.starts_with("../") || Path::new(path).is_absolute();
        let sought = draft.path.iter().filter(|path| draft.found == Match::Nothing || is_way(path));
        let Some(path) = sought.filter_map(|path| led_to(&draft.file, path)).next() else { continue };
        if let Match::One(at) | Match::Otherwise(at) = draft.found
            && gallery.pictures[at].path.canonicalize().is_ok_and(|own| own == path)
        {
            continue;
        }
        let at = *places.entry(path.clone()).or_insert_with(|| {
            abroad.push(Shelved::abroad(path, &draft.written));
            gallery.pictures.len() + abroad.len() - 1
        });
        draft.found = Match::One(at);
    }
    (drafts, abroad)
}

/// The picture at a path, which counts from the file that has it.
fn led_to(file: &Path, path: &str) -> Option<PathBuf> {
    let path = folder_of(file).join(path.strip_prefix("file://").unwrap_or(path));
    (is_picture(&path) && path.is_file()).then(|| path.canonicalize().unwrap_or(path))
}

/// The drafts by picture, in the order of the first that speaks of each.
fn gathered(
    shelf: &Shelves<'_>,
    drafts: Vec<Draft>,
    faults: &mut FaultLog,
    terms: &Terms,
    steps: &Steps,
) -> Result<Vec<Gathered>> {
    let (total, first) = (terms.total.unwrap_or(drafts.len()), drafts.first().map(|draft| draft.written.clone()));
    let mut gathered: Vec<Gathered> = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    for draft in drafts {
        steps.step()?;
        let objects = match draft.claims.len() {
            0 => String::new(),
            count => format!("; its {count} objects are left out"),
        };
        let (at, otherwise) = match &draft.found {
            Match::One(at) => (*at, false),
            Match::Otherwise(at) => (*at, true),
            Match::Several(many) => {
                let some: Vec<String> = many.iter().take(3).map(|at| format!("`{}`", shelf.at(*at).name)).collect();
                let what = format!("`{}` may be {}{objects}", draft.written, some.join(" or "));
                let fault = Fault::new(FaultKind::Ambiguous, &draft.file, draft.spot, what).of(&draft.written);
                faults.add(match draft.written.rsplit_once(['/', '\\']) {
                    Some((folder, _)) => {
                        fault.remedy(format!("no folder `{folder}` has it: write the folder as it is named"))
                    }
                    None => fault,
                });
                continue;
            }
            Match::Nothing => {
                let what = format!("there is no picture `{}`{objects}", draft.written);
                faults.add(Fault::new(terms.missing, &draft.file, draft.spot, what).of(&draft.written));
                continue;
            }
        };
        let name = &shelf.at(at).name;
        if otherwise {
            let what = format!("`{}` is read as `{name}`", draft.written);
            faults.add(Fault::new(FaultKind::NameDiffers, &draft.file, draft.spot.clone(), what).of(name));
        }
        match places.get(&at) {
            Some(place) => {
                let what = format!("the picture `{name}` is listed a second time");
                faults.add(Fault::new(FaultKind::ListedTwice, &draft.file, draft.spot.clone(), what).of(name));
                gathered[*place].drafts.push(draft);
            }
            None => {
                places.insert(at, gathered.len());
                gathered.push(Gathered { at, drafts: vec![draft] });
            }
        }
    }
    match first {
        Some(name) if gathered.is_empty() => Err(Error::new(format!("0 of {total} {} match a picture", terms.things))
            .remedy(elsewhere(&name, shelf.gallery))),
        _ => Ok(gathered),
    }
}

/// What to do where annotations speak of a picture and none like it is here.
fn elsewhere(name: &str, gallery: &Gallery) -> String {
    let here = match gallery.pictures.len() {
        0 => "and no picture lies here".to_owned(),
        _ => format!("the pictures here are {} and the like", gallery.sample()),
    };
    format!(
        "they speak of `{name}`, {here}; say where the pictures are: `Boxes::read(FILE, &BoxReading::new().pictures(FOLDER))?`"
    )
}

/// Whether boxes of turned pictures count stored pixels: most of those whose sides tell say so.
fn counts_stored(all: &[Gathered], sizes: &[Option<Measured>]) -> bool {
    let mut votes = (0, 0);
    for (one, measured) in all.iter().zip(sizes) {
        let Some(measured) = measured.filter(|m| m.swaps() && m.stored.0 != m.stored.1) else { continue };
        for draft in one.drafts.iter().filter(|draft| !draft.shares) {
            let (stored, upright) = (measured.stored, measured.upright());
            let within = |(width, height): (u32, u32)| {
                let fits = |claim: &Claim| {
                    let [_, _, right, bottom] = claim.object.corners;
                    right <= f64::from(width) + 1.0 && bottom <= f64::from(height) + 1.0
                };
                draft.claims.iter().all(fits)
            };
            match draft.said {
                Some(said) if said == stored => votes.0 += 1,
                Some(said) if said == upright => votes.1 += 1,
                _ if within(stored) && !within(upright) => votes.0 += 1,
                _ if within(upright) && !within(stored) => votes.1 += 1,
                _ => {}
            }
        }
    }
    votes.0 > votes.1
}

/// What is done to the corners of a picture's boxes.
enum Reshape {
    Nothing,
    /// Turned with the picture.
    Turn,
    /// Stretched to the picture's size.
    Stretch(f64, f64),
}

/// One draft beside its picture.
struct View<'a> {
    measured: Measured,
    name: &'a str,
    stored: bool,
    draft: &'a Draft,
}

impl View<'_> {
    fn fault(&self, kind: FaultKind, spot: &Spot, what: String) -> Fault {
        Fault::new(kind, &self.draft.file, spot.clone(), what).of(self.name)
    }

    /// What the size that the file gives, and the picture's own, ask for.
    fn change(&self) -> (Reshape, Option<Fault>) {
        let draft = self.draft;
        let upright = self.measured.upright();
        let fault = |kind, what| Some(self.fault(kind, &draft.spot, what));
        let is_turned = self.measured.turn != image::metadata::Orientation::NoTransforms;
        let (is_stored, is_upright) = (draft.said == Some(self.measured.stored), draft.said == Some(upright));
        // Where the size says nothing the other pictures of the listing do.
        if is_turned && !draft.shares && ((is_stored && !is_upright) || (self.stored && is_stored == is_upright)) {
            let what = "the picture is shown turned, its boxes are on the pixels as stored: they are turned with it";
            let fault = (!draft.claims.is_empty()).then(|| fault(FaultKind::Turned, what.to_owned())).flatten();
            return (Reshape::Turn, fault);
        }
        let Some((width, height)) = draft.said.filter(|_| !is_upright && !is_stored) else {
            return (Reshape::Nothing, None);
        };
        let size = format!("is {} × {} pixels large, not {width} × {height}", upright.0, upright.1);
        let (across, down) = (f64::from(upright.0) / f64::from(width), f64::from(upright.1) / f64::from(height));
        let within = draft.claims.iter().all(|claim| {
            let [_, _, right, bottom] = claim.object.corners;
            right <= f64::from(width) + 1.0 && bottom <= f64::from(height) + 1.0
        });
        // A copy of another size has the same proportions; a slip of the pen has not.
        if !draft.shares && within && (across / down - 1.0).abs() < 0.01 {
            let what = format!("the picture {size}: its boxes are stretched by {across:.3}");
            return (Reshape::Stretch(across, down), fault(FaultKind::SizeDiffers, what));
        }
        let what = format!("the picture {size}: its boxes are read as they are");
        (Reshape::Nothing, fault(FaultKind::SizeDiffers, what))
    }

    /// Whether no number is above 1, as where shares were written for pixels.
    fn is_all_shares(&self) -> bool {
        let numbers = || self.draft.claims.iter().flat_map(|claim| claim.object.corners);
        numbers().all(|number| (0.0..=1.0).contains(&number)) && numbers().any(|number| number.fract() != 0.0)
    }

    /// The object on the upright picture with what was mended, or why it is left out.
    fn object(
        &self,
        claim: &Claim,
        change: &Reshape,
        few: bool,
        seen: &mut HashSet<(usize, [i64; 4])>,
    ) -> Result<(Object, Option<Fault>), Fault> {
        let fault = |kind, what: String| self.fault(kind, &claim.spot, what);
        let written = claim.object.corners;
        let shown = format!("[{}]", written.map(short).join(", "));
        if written.iter().any(|number| !number.is_finite()) {
            return Err(fault(FaultKind::NotANumber, format!("the box {shown} is not finite")));
        }
        let (width, height) = self.measured.upright();
        let (width, height) = (f64::from(width), f64::from(height));
        let [mut left, mut top, mut right, mut bottom] = written;
        if self.draft.shares {
            if written.iter().any(|number| number.abs() > 2.0) {
                let what = format!("the box {shown} is in pixels, where shares from 0 to 1 were expected");
                return Err(fault(FaultKind::PixelsForShares, what));
            }
            (left, top, right, bottom) = (left * width, top * height, right * width, bottom * height);
        } else if few {
            let what = format!("the box {shown} is in shares from 0 to 1, where pixels were expected");
            return Err(fault(FaultKind::SharesForPixels, what));
        }
        if right <= left || bottom <= top {
            return Err(fault(FaultKind::NoArea, format!("the box {shown} holds nothing")));
        }
        match change {
            Reshape::Nothing => {}
            Reshape::Turn => [left, top, right, bottom] = self.measured.turned([left, top, right, bottom]),
            Reshape::Stretch(x, y) => (left, top, right, bottom) = (left * x, top * y, right * x, bottom * y),
        }
        let size = format!("the picture of {width} × {height} pixels");
        if right <= 0.0 || bottom <= 0.0 || left >= width || top >= height {
            return Err(fault(FaultKind::Outside, format!("the box {shown} lies outside of {size}")));
        }
        let over = (-left).max(-top).max(right - width).max(bottom - height);
        let corners = [left.max(0.0), top.max(0.0), right.min(width), bottom.min(height)];
        // A box of one pixel may have lost a little in a file of shares.
        let least = 1.0 - 1e-6;
        if corners[2] - corners[0] < least || corners[3] - corners[1] < least {
            return Err(fault(
                FaultKind::UnderOnePixel,
                format!("of the box {shown} less than a pixel is on the picture"),
            ));
        }
        if !seen.insert((claim.object.class, corners.map(|number| (number * 1e4).round() as i64))) {
            return Err(fault(FaultKind::Duplicate, format!("the box {shown} is there with the same class already")));
        }
        let clipped = (over > 1.0).then(|| {
            fault(
                FaultKind::OverEdge,
                format!("the box {shown} reaches {} pixels over the edge of {size}", short(over)),
            )
        });
        Ok((Object { corners, ..claim.object.clone() }, clipped))
    }
}

/// A number with at most three decimals.
pub(super) fn short(number: f64) -> String {
    if number.abs() >= 1e15 { format!("{number:e}") } else { format!("{}", (number * 1000.0).round() / 1000.0) }
}

/// A path as it is written in messages, from a folder.
pub(super) fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// The folder that a file or folder is or lies in.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !path.is_dir() && folder.as_os_str().is_empty() => PathBuf::from("."),
        Some(folder) if !path.is_dir() => folder.to_path_buf(),
        _ => path.to_path_buf(),
    }
}
