//! Pascal VOC: an XML a picture, beside it or in `Annotations`, with lists of the parts or without.

use super::Reading;
use super::fault::{Fault, FaultKind, FaultLog, Spot};
use super::form::{Counting, Evidence};
use super::gallery::{Gallery, Match, Near, part_named};
use super::listing::{Listing, Object};
use super::settle::{Claim, Draft, Terms, folder_of, settle};
use super::text;
use super::voc_xml::{self, VocFile};
use crate::data::Part;
use crate::show::Steps;
use crate::{Error, Result};
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads a folder of XML files, or the folder that one of them lies in.
pub(super) fn read(path: &Path, reading: &Reading) -> Result<Listing> {
    let root = folder_of(path);
    let steps = Steps::new("listing files", 0);
    let gallery = Gallery::apart(&[&root], reading.pictures.as_deref(), &steps)?;
    let is_xml = |file: &&PathBuf| file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xml"));
    let files: Vec<&PathBuf> = gallery.others.iter().filter(is_xml).collect();
    if files.is_empty() {
        return Err(Error::new(format!("`{}` holds no XML files", root.display()))
            .remedy("Pascal VOC has an XML file a picture, beside it or in a folder `Annotations`"));
    }
    let parsing = Steps::new("reading boxes", files.len());
    let parsed: Vec<Result<VocFile, Fault>> = files
        .par_iter()
        .map(|file| {
            parsing.step()?;
            Ok(text::read(file, text::SMALL).and_then(|text| voc_xml::parse(file, &text)))
        })
        .collect::<Result<_>>()?;
    let counting = reading.counting.unwrap_or_else(|| counting(&parsed));
    let names: BTreeSet<&String> =
        parsed.iter().flatten().flat_map(|file| file.objects.iter().map(|o| &o.name)).collect();
    let classes: Vec<String> = names.into_iter().cloned().collect();
    let places: HashMap<String, usize> = classes.iter().cloned().zip(0..).collect();
    let shares = reading.shares == Some(true);
    let reader = VocReader { gallery: &gallery, root: &root, counting, classes: &places, shares };
    let (mut faults, mut drafts, mut foreign) = (FaultLog::default(), Vec::new(), false);
    for (path, parsed) in files.into_iter().zip(parsed) {
        match parsed {
            Ok(file) => {
                foreign |= !file.ours && !file.objects.is_empty();
                drafts.push(reader.draft(path, file, &mut faults));
            }
            Err(fault) => faults.add(fault),
        }
    }
    if let (true, Some(fault)) = (drafts.is_empty(), faults.iter().next()) {
        return Err(Error::new(format!("no XML file of `{}` is readable: {fault}", root.display()))
            .remedy(fault.remedy.clone().into_owned()));
    }
    let parts = parts(&gallery, &mut faults)?;
    let terms = Terms { things: "XML files", missing: FaultKind::NoPictureFor, all: true, total: None };
    let mut listing = settle(&gallery, drafts, classes, faults, &terms)?;
    if !parts.is_empty() {
        for picture in &mut listing.pictures {
            picture.part = parts.get(&picture.path).copied();
        }
    }
    if foreign {
        listing.notes.push(format!("the boxes are read {}", counting.words()));
    }
    Ok(listing)
}

/// How the files of a data set count pixels.
fn counting(parsed: &[Result<VocFile, Fault>]) -> Counting {
    let mut seen = Evidence::default();
    for file in parsed.iter().flatten().filter(|file| !file.ours && !file.objects.is_empty()) {
        seen.files += 1;
        seen.roboflow += usize::from(file.roboflow);
        file.objects.iter().for_each(|written| seen.add(written.object.corners, file.said));
    }
    Counting::of(&seen)
}

/// What all files of a data set share.
struct VocReader<'a> {
    gallery: &'a Gallery,
    root: &'a Path,
    counting: Counting,
    classes: &'a HashMap<String, usize>,
    shares: bool,
}

impl VocReader<'_> {
    /// What one file says, with the picture that it means.
    fn draft(&self, path: &Path, file: VocFile, faults: &mut FaultLog) -> Draft {
        let near = Near::file(self.root, path);
        let (found, written) = self.picture(path, &file, &near);
        let picture = match found {
            Match::One(at) | Match::Otherwise(at) => self.gallery.pictures[at].name.clone(),
            _ => written.clone(),
        };
        faults.extend(file.faults.into_iter().map(|fault| fault.of(&picture)));
        let corners = || file.objects.iter().map(|written| written.object.corners);
        let is_share = |corners: [f64; 4]| corners.iter().all(|number| (0.0..=1.0).contains(number));
        // Shares do not count pixels, whatever is done with them later.
        let shares =
            self.shares || (corners().all(is_share) && corners().flatten().any(|number| number.fract() != 0.0));
        let counting = match () {
            () if file.ours => Counting::Inclusive,
            () if shares => Counting::Edges,
            () => self.counting,
        };
        let mut claims = Vec::with_capacity(file.objects.len());
        for written in file.objects {
            let corners = written.object.corners;
            let [left, top, right, bottom] = corners;
            // The definition gives a box whose ends are one pixel that pixel; tools that write edges mean nothing by it.
            if !file.ours && (right <= left || bottom <= top) {
                let what = format!("the box {corners:?} of `{}` holds nothing", written.name);
                faults.add(Fault::new(FaultKind::NoArea, path, Spot::Line(written.line), what).of(&picture));
                continue;
            }
            let class = self.classes.get(&written.name).copied().unwrap_or_default();
            let object = Object { class, corners: counting.edges(corners), ..written.object };
            claims.push(Claim { object, spot: Spot::Line(written.line) });
        }
        let named = [&file.path, &file.filename].into_iter().flatten().cloned().collect();
        Draft {
            written,
            found,
            path: named,
            file: Arc::from(path),
            spot: Spot::Whole,
            said: file.said,
            part: near.part(),
            shares: self.shares,
            claims,
            extra: file.extra,
        }
    }

    /// The picture that a file means, and what the file calls it.
    fn picture(&self, path: &Path, file: &VocFile, near: &Near) -> (Match, String) {
        // Files are copied and renamed together with their pictures, what stands in them is not.
        let mut found = self.gallery.beside(self.root, path);
        for name in [&file.filename, &file.path].into_iter().flatten() {
            if matches!(found, Match::Nothing | Match::Several(_)) {
                found = match self.gallery.find(name, near) {
                    Match::Nothing => found,
                    other => other,
                };
            }
        }
        let own = || path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (found, file.filename.clone().unwrap_or_else(own))
    }
}

/// The parts that lists in `ImageSets/Main` give, by the pictures' paths.
fn parts(gallery: &Gallery, faults: &mut FaultLog) -> Result<HashMap<PathBuf, Part>> {
    let mut parts = HashMap::new();
    let is_list = |file: &&PathBuf| {
        let folders: Vec<String> =
            file.iter().rev().skip(1).take(2).map(|f| f.to_string_lossy().to_lowercase()).collect();
        folders == ["main", "imagesets"] && file.extension().is_some_and(|ending| ending == "txt")
    };
    for file in gallery.others.iter().filter(is_list) {
        // Beside train, val and test lie trainval and lists a class.
        let Some(part) = part_named(&file.file_stem().unwrap_or_default().to_string_lossy()) else { continue };
        let text = match text::read(file, text::SMALL) {
            Ok(text) => text,
            Err(fault) => {
                faults.add(fault);
                continue;
            }
        };
        for (at, line) in text.lines().enumerate() {
            let name = line.trim();
            if name.is_empty() {
                continue;
            }
            crate::interrupt::check()?;
            match gallery.find(name, &Near::default()) {
                Match::One(found) | Match::Otherwise(found) => {
                    parts.entry(gallery.pictures[found].path.clone()).or_insert(part);
                }
                Match::Several(_) => {
                    let what = format!("`{name}` may be several pictures");
                    faults.add(Fault::new(FaultKind::Ambiguous, file, Spot::Line(at + 1), what).of(name));
                }
                Match::Nothing => {
                    let what = format!("there is no picture `{name}`");
                    faults.add(Fault::new(FaultKind::MissingPicture, file, Spot::Line(at + 1), what).of(name));
                }
            }
        }
    }
    Ok(parts)
}
