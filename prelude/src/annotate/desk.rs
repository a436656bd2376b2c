//! The pictures of one folder and their boxes: read once, kept behind one lock, on disk before anybody is told.

use super::marks;
use crate::boxes::{BBox, Detection};
use crate::data::{self, BoxPlace, Extra, Listed, Listing, Object, Rejected};
use crate::widgets::Widget;
use crate::words::does;
use crate::{Error, Result, plot, show};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

/// Hears what all views are told, and whose doing it was; `false` where nobody listens any more.
pub(super) type Audience = Box<dyn Fn(&[Value], Option<&str>) -> bool + Send>;

/// The desk of a folder: all views of it in this process share one.
pub(super) struct Desk {
    pub place: BoxPlace,
    /// What this process calls itself to pages.
    pub session: String,
    /// The pictures' folder, links followed.
    pub folder: PathBuf,
    /// Its widget, once one was shown.
    pub widget: Mutex<Option<Widget>>,
    held: Mutex<OnDesk>,
}

/// What is on it.
pub(super) struct OnDesk {
    listing: Listing,
    /// The numbers of the next picture and the next box in the file.
    next: [i64; 2],
    /// Pictures that the file does not list.
    apart: Vec<Listed>,
    /// The pictures in the order in which they are gone through.
    sheets: Vec<Sheet>,
    by_id: HashMap<String, usize>,
    /// The pictures that some view has opened.
    opened: HashSet<usize>,
    seq: u64,
    /// The file as it was last read or written.
    stamp: Option<Stamp>,
    /// The file is to be kept beside itself before it is written.
    keep: bool,
    audience: Vec<Audience>,
}

/// A picture.
struct Sheet {
    id: String,
    lies: Lies,
    /// Each box as it was first known.
    origins: HashMap<String, Object>,
}

/// Where a picture's boxes are kept.
#[derive(Clone, Copy)]
enum Lies {
    /// In the listing.
    Listed(usize),
    /// Not in the file so far.
    Apart(usize),
}

/// What tells a file from what it was: when it was changed, its length, its number on the disk.
#[derive(PartialEq)]
struct Stamp(Option<SystemTime>, u64, u64);

fn stamp(file: &Path) -> Option<Stamp> {
    let data = fs::metadata(file).ok()?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&data);
    #[cfg(not(unix))]
    let number = 0;
    Some(Stamp(data.modified().ok(), data.len(), number))
}

/// Lets one process at a time look at the file and write it, while it lives; where a file system knows no locks, none.
fn alone(file: &Path) -> Option<File> {
    let folder = File::open(file.parent()?).ok()?;
    folder.lock().ok().map(|()| folder)
}

/// A name for a picture in messages: of letters and digits, the same for the same name (FNV-1a).
fn id_of(name: &str) -> String {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", name.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

/// What a person should be told of what was read.
fn remarks(listing: &Listing, unreadable: &[String], outside: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if !listing.faults.is_empty() || !listing.notes.is_empty() {
        lines.push(listing.summary());
    }
    if let Some(first) = unreadable.first() {
        lines.push(format!(
            "{} left out: `{first}`{}",
            does(unreadable.len(), "picture", "cannot be read and is", "cannot be read and are"),
            dots(unreadable.len())
        ));
    }
    if outside > 0 {
        lines.push(match outside {
            1 => "1 picture is a link that leads out of the folder and is left out; open the folder that it lies in".to_owned(),
            _ => format!("{outside} pictures are links that lead out of the folder and are left out; open the folder that they lie in"),
        });
    }
    lines
}

fn dots(count: usize) -> &'static str {
    if count > 1 { ", …" } else { "" }
}

impl OnDesk {
    /// Reads the folder; also what a person should be told of it.
    fn read(place: &BoxPlace, folder: &Path) -> Result<(OnDesk, Vec<String>)> {
        let stamp = stamp(&place.file);
        let mut listing = place.read()?;
        let rest = data::rest(&place.root, &listing)?;
        listing.unlisted = 0;
        listing.pictures.iter_mut().for_each(marks::give_keys);
        let next_picture = give_numbers(listing.pictures.iter_mut().map(|picture| &mut picture.extra).collect());
        let objects = listing.pictures.iter_mut().flat_map(|picture| &mut picture.objects);
        let next = [next_picture, give_numbers(objects.map(|object| &mut object.extra).collect())];
        let apart = rest.pictures;
        let mut order: Vec<(&str, &Path, Lies)> = Vec::with_capacity(listing.pictures.len() + apart.len());
        order.extend(
            listing.pictures.iter().enumerate().map(|(at, one)| (&one.name[..], one.path.as_path(), Lies::Listed(at))),
        );
        order.extend(apart.iter().enumerate().map(|(at, one)| (&one.name[..], one.path.as_path(), Lies::Apart(at))));
        order.sort_by_key(|(name, ..)| *name);
        let mut outside = 0;
        let (mut sheets, mut by_id) = (Vec::with_capacity(order.len()), HashMap::new());
        for (name, path, lies) in order {
            if data::within(folder, path).is_none() {
                outside += 1;
                continue;
            }
            let mut id = id_of(name);
            while by_id.contains_key(&id) {
                id.push('x');
            }
            by_id.insert(id.clone(), sheets.len());
            let objects = match lies {
                Lies::Listed(at) => &listing.pictures[at].objects[..],
                Lies::Apart(_) => &[],
            };
            let origins = objects.iter().filter_map(|object| Some((marks::key_of(object)?, object.clone()))).collect();
            sheets.push(Sheet { id, lies, origins });
        }
        if sheets.is_empty() {
            let what = format!("`{}` holds no picture that can be shown", place.root.display());
            return Err(Error::new(what).remedy(match listing.pictures.first() {
                Some(one) if outside > 0 => format!(
                    "its pictures lie elsewhere, such as `{}`: write the boxes beside them with `write_coco`, and name their folder",
                    one.path.display()
                ),
                _ => "name a folder with PNG, JPEG, WebP, BMP, GIF or TIFF files".to_owned(),
            }));
        }
        let lines = remarks(&listing, &rest.unreadable, outside);
        // What reading left out would be gone with the first save.
        let keep = !place.is_ours() || listing.faults.iter().any(|fault| !fault.kind.is_mended());
        let seq = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        let (opened, audience) = (HashSet::new(), Vec::new());
        Ok((OnDesk { listing, next, apart, sheets, by_id, opened, seq, stamp, keep, audience }, lines))
    }

    fn picture_at(&self, at: usize) -> &Listed {
        match self.sheets[at].lies {
            Lies::Listed(at) => &self.listing.pictures[at],
            Lies::Apart(at) => &self.apart[at],
        }
    }

    /// The number of a picture that a message names.
    pub fn find(&self, id: Option<&Value>) -> Result<usize, String> {
        let found = id.and_then(Value::as_str).and_then(|id| self.by_id.get(id));
        found.copied().ok_or_else(|| "there is no such picture".to_owned())
    }

    pub fn classes(&self) -> &[String] {
        &self.listing.classes
    }

    /// The classes' colours, those that they have in figures.
    pub fn colors(&self) -> Vec<String> {
        let hex = |[red, green, blue]: [u8; 3]| format!("#{red:02x}{green:02x}{blue:02x}");
        self.classes().iter().map(|class| hex(plot::class_color(class))).collect()
    }

    fn told_classes(&self) -> Value {
        json!({ "type": "classes", "classes": self.classes(), "colors": self.colors() })
    }

    pub fn len(&self) -> usize {
        self.sheets.len()
    }

    /// What the list of pictures says of one.
    pub fn row(&self, at: usize) -> Value {
        let picture = self.picture_at(at);
        let automatic = picture.objects.iter().filter(|object| object.automatic).count();
        json!({
            "id": self.sheets[at].id, "name": picture.name, "boxes": picture.objects.len() - automatic,
            "automatic": automatic, "seen": matches!(self.sheets[at].lies, Lies::Listed(_)) && !picture.is_waiting(), "doubt": data::doubt(&picture.objects),
        })
    }

    pub fn rows(&self) -> Vec<Value> {
        (0..self.sheets.len()).map(|at| self.row(at)).collect()
    }

    /// What names a picture's boxes and fields.
    pub fn revision(&self, at: usize) -> String {
        let (boxes, fields) = marks::content(self.picture_at(at), self.classes());
        marks::revision(&boxes, &fields)
    }

    /// A picture's boxes and fields, under a new number.
    pub fn state(&mut self, at: usize) -> Value {
        self.seq += 1;
        let (boxes, fields) = marks::content(self.picture_at(at), self.classes());
        json!({
            "picture": self.sheets[at].id, "revision": marks::revision(&boxes, &fields), "seq": self.seq,
            "boxes": boxes, "fields": fields,
        })
    }

    /// A picture's file and its size, for a view that shows it from now on.
    pub fn show(&mut self, at: usize) -> (PathBuf, (u32, u32)) {
        self.opened.insert(at);
        let picture = self.picture_at(at);
        (picture.path.clone(), picture.size.unwrap_or_default())
    }

    pub fn size(&self, at: usize) -> (u32, u32) {
        self.picture_at(at).size.unwrap_or_default()
    }

    /// Tells all views; those who have gone are forgotten.
    pub fn tell(&mut self, told: &[Value], whose: Option<&str>) {
        if !told.is_empty() {
            self.audience.retain(|hears| hears(told, whose));
        }
    }

    /// The picture's place in the listing, into which it is taken where it is not yet.
    fn enlist(&mut self, at: usize) -> usize {
        let from = match self.sheets[at].lies {
            Lies::Listed(place) => return place,
            Lies::Apart(from) => from,
        };
        let mut picture = self.apart[from].clone();
        marks::set_number(&mut picture.extra, self.next[0]);
        self.next[0] += 1;
        self.listing.pictures.push(picture);
        let place = self.listing.pictures.len() - 1;
        self.sheets[at].lies = Lies::Listed(place);
        place
    }

    /// Does something to the listing and writes it; where it cannot be written, all is as it was. To be called with the file locked.
    fn change(&mut self, place: &BoxPlace, touched: &[usize], change: impl FnOnce(&mut OnDesk)) -> Result<()> {
        let before = (self.listing.classes.len(), self.listing.pictures.len());
        let lies: Vec<Lies> = touched.iter().map(|at| self.sheets[*at].lies).collect();
        let pictures: Vec<Listed> = touched.iter().map(|at| self.picture_at(*at).clone()).collect();
        change(self);
        let written = self.write(place);
        if written.is_err() {
            for ((at, lay), picture) in touched.iter().zip(lies).zip(pictures) {
                self.sheets[*at].lies = lay;
                if let Lies::Listed(place) = lay {
                    self.listing.pictures[place] = picture;
                }
            }
            self.listing.classes.truncate(before.0);
            self.listing.pictures.truncate(before.1);
        }
        written
    }

    fn write(&mut self, place: &BoxPlace) -> Result<()> {
        if self.keep {
            place.keep()?;
        }
        number_classes(&mut self.listing);
        self.listing.save_coco(&place.file)?;
        self.keep = false;
        self.stamp = stamp(&place.file);
        Ok(())
    }

    /// Puts a picture's boxes and fields, as they were sent and checked.
    fn put(&mut self, at: usize, sent: &[marks::Sent], fields: &[String; 3]) {
        let place = self.enlist(at);
        let OnDesk { listing: Listing { classes, pictures, .. }, sheets, next: [_, next], .. } = self;
        let (picture, origins) = (&mut pictures[place], &mut sheets[at].origins);
        let objects: Vec<Object> = sent
            .iter()
            .map(|one| {
                let class = classes.iter().position(|class| *class == one.class).unwrap_or_else(|| {
                    classes.push(one.class.clone());
                    classes.len() - 1
                });
                let mut object = marks::object(one, class, origins.get(&one.key));
                if !origins.contains_key(&one.key) {
                    marks::set_number(&mut object.extra, *next);
                    *next += 1;
                    origins.insert(one.key.clone(), object.clone());
                }
                object
            })
            .collect();
        let rejected = now_rejected(picture, &objects, classes);
        data::set_rejected(picture, &rejected);
        picture.set_waiting(false);
        marks::put_fields(picture, fields);
        picture.objects = objects;
    }
}

/// What a person has rejected by now: automatic boxes that are gone or became something else, but for those that are back.
fn now_rejected(before: &Listed, now: &[Object], classes: &[String]) -> Vec<Rejected> {
    let class = |object: &Object| classes.get(object.class).cloned().unwrap_or_default();
    let stands = |name: &str, corners: [f64; 4]| {
        now.iter().any(|object| class(object) == name && data::is_same_place(object.corners, corners))
    };
    let gone = before.objects.iter().filter(|object| object.automatic).map(|object| {
        let [x0, y0, x1, y1] = object.corners;
        (class(object), x0, y0, x1, y1)
    });
    let all = data::rejected(before).into_iter().chain(gone);
    all.filter(|(name, x0, y0, x1, y1)| !stands(name, [*x0, *y0, *x1, *y1])).collect()
}

/// Numbers for all things of a kind, where a file has none or not a different one for each: those that it has stay, whatever is drawn or
/// removed. The next number.
fn give_numbers(extras: Vec<&mut Extra>) -> i64 {
    let mut seen = HashSet::new();
    let given: Option<Vec<i64>> =
        extras.iter().map(|extra| extra.get("id")?.get().parse().ok().filter(|id| seen.insert(*id))).collect();
    let Some(given) = given else {
        let next = extras.len() as i64 + 1;
        (1..).zip(extras).for_each(|(number, extra)| marks::set_number(extra, number));
        return next;
    };
    given.into_iter().max().unwrap_or(0).saturating_add(1).max(1)
}

/// Numbers for classes that have none yet, so that those of the others stay.
fn number_classes(listing: &mut Listing) {
    let Listing { classes, class_extra, .. } = listing;
    let number = |extra: &Extra| extra.get("id").and_then(|raw| raw.get().parse::<i64>().ok());
    let mut next = class_extra.values().filter_map(number).max().unwrap_or(0).saturating_add(1).max(1);
    for class in classes {
        let extra = class_extra.entry(class.clone()).or_default();
        if !extra.contains_key("id") {
            marks::set_number(extra, next);
            next += 1;
        }
    }
}

impl Desk {
    /// The desk of a place: the one that is in use already, or a new one. Also what a person should be told of it.
    pub fn at(place: BoxPlace) -> Result<(Arc<Desk>, Vec<String>)> {
        static ALL: OnceLock<Mutex<HashMap<PathBuf, Weak<Desk>>>> = OnceLock::new();
        let folder = place.root.canonicalize()?;
        let above = place.file.parent().unwrap_or(Path::new("")).canonicalize()?;
        let key = above.join(place.file.file_name().unwrap_or_default());
        let mut all = ALL.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(desk) = all.get(&key).and_then(Weak::upgrade) {
            let lines = desk.read_again(&mut desk.lock())?;
            return Ok((desk, lines));
        }
        place.tidy();
        let (held, lines) = OnDesk::read(&place, &folder)?;
        let session = super::token::random()?;
        let desk = Arc::new(Desk { place, session, folder, widget: Mutex::new(None), held: Mutex::new(held) });
        all.retain(|_, desk| desk.strong_count() > 0);
        all.insert(key, Arc::downgrade(&desk));
        Ok((desk, lines))
    }

    fn lock(&self) -> MutexGuard<'_, OnDesk> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is on the desk, after what other processes have written was read; for one message.
    pub fn sit<T>(&self, work: impl FnOnce(&mut OnDesk) -> Result<T, String>) -> Result<T, String> {
        let mut held = self.lock();
        let _alone = alone(&self.place.file);
        let now = stamp(&self.place.file);
        // A file that was removed is written again with the next change.
        if now.is_some() && now != held.stamp {
            self.read_again(&mut held).map_err(|error| one_line(&error))?;
        }
        work(&mut held)
    }

    /// Reads all anew and tells everybody.
    fn read_again(&self, held: &mut OnDesk) -> Result<Vec<String>> {
        let (fresh, lines) = OnDesk::read(&self.place, &self.folder)?;
        let opened: Vec<String> = held.opened.iter().map(|at| held.sheets[*at].id.clone()).collect();
        let audience = std::mem::take(&mut held.audience);
        let seq = held.seq.max(fresh.seq);
        *held = OnDesk { audience, seq, ..fresh };
        held.opened = opened.iter().filter_map(|id| held.by_id.get(id).copied()).collect();
        let mut told = vec![held.told_classes(), json!({ "type": "pictures", "pictures": held.rows(), "whole": true })];
        for at in held.opened.clone() {
            told.push(changed(held.state(at), None));
        }
        held.tell(&told, None);
        Ok(lines)
    }

    /// What is told from now on is told to this one too.
    pub fn listen(&self, audience: Audience) {
        self.lock().audience.push(audience);
    }

    /// The file of a picture, links followed, where it lies in the folder.
    pub fn file(&self, id: &str) -> Option<PathBuf> {
        let held = self.lock();
        let at = *held.by_id.get(id)?;
        let path = held.picture_at(at).path.clone();
        drop(held);
        self.within(&path)
    }

    /// The same of a path.
    pub fn within(&self, path: &Path) -> Option<PathBuf> {
        data::within(&self.folder, path)
    }

    /// Adds a class; what others are to be told.
    pub fn add_class(&self, held: &mut OnDesk, name: String) -> Result<Vec<Value>, String> {
        if !held.listing.classes.contains(&name) {
            held.change(&self.place, &[], |held| held.listing.classes.push(name)).map_err(|error| one_line(&error))?;
        }
        Ok(vec![held.told_classes()])
    }

    /// Saves a picture: its new state, and what else others are to be told.
    pub fn save(
        &self,
        held: &mut OnDesk,
        at: usize,
        sent: &[marks::Sent],
        fields: &[String; 3],
    ) -> Result<(Value, Vec<Value>), String> {
        let classes = held.listing.classes.len();
        held.change(&self.place, &[at], |held| held.put(at, sent, fields)).map_err(|error| one_line(&error))?;
        let fresh = held.listing.classes.len() > classes;
        let told = fresh.then(|| held.told_classes());
        Ok((held.state(at), told.into_iter().collect()))
    }

    /// The files of all pictures with their ids.
    pub fn files(&self) -> Vec<(String, PathBuf)> {
        let held = self.lock();
        (0..held.len()).map(|at| (held.sheets[at].id.clone(), held.picture_at(at).path.clone())).collect()
    }

    /// Puts the automatic boxes of a listing in place of those that there are, where it has some.
    pub fn add_automatic(&self, listing: &Listing) -> Result<()> {
        let found = listing.pictures.iter().map(|picture| {
            let automatic = picture.objects.iter().filter(|object| object.automatic);
            let detection = |object: &Object| Detection {
                class: object.class,
                label: listing.classes.get(object.class).cloned().unwrap_or_default(),
                score: object.score.unwrap_or(0.5) as f32,
                bbox: BBox::new(
                    object.corners[0] as f32,
                    object.corners[1] as f32,
                    object.corners[2] as f32,
                    object.corners[3] as f32,
                ),
            };
            (picture.name.as_str(), automatic.map(detection).collect::<Vec<_>>())
        });
        let found: HashMap<&str, Vec<Detection>> = found.filter(|(_, found)| !found.is_empty()).collect();
        let held = self.lock();
        let ids = (0..held.len()).filter_map(|at| {
            let found = found.get(held.picture_at(at).name.as_str())?;
            (!held.has_automatic(at, found)).then(|| (held.sheets[at].id.clone(), found.clone()))
        });
        let ids: Vec<_> = ids.collect();
        drop(held);
        if ids.is_empty() { Ok(()) } else { self.propose(ids).map(drop) }
    }

    /// Replaces the automatic boxes of pictures, writes all and tells everybody; how many automatic boxes there are.
    pub fn propose(&self, found: Vec<(String, Vec<Detection>)>) -> Result<usize> {
        let done = self.sit(|held| {
            let found: Vec<(usize, Vec<Detection>)> =
                found.into_iter().filter_map(|(id, found)| Some((*held.by_id.get(&id)?, found))).collect();
            // A picture on which nothing is and was is left alone.
            let has_some = |at: usize| held.picture_at(at).objects.iter().any(|object| object.automatic);
            let found: Vec<_> = found.into_iter().filter(|(at, found)| !found.is_empty() || has_some(*at)).collect();
            let touched: Vec<usize> = found.iter().map(|(at, _)| *at).collect();
            held.change(&self.place, &touched, |held| found.iter().for_each(|(at, found)| held.take(*at, found)))
                .map_err(|error| one_line(&error))?;
            let mut told = vec![held.told_classes()];
            let rows: Vec<Value> = touched.iter().map(|at| held.row(*at)).collect();
            told.push(json!({ "type": "pictures", "pictures": rows, "whole": false }));
            for at in touched.into_iter().filter(|at| held.opened.contains(at)).collect::<Vec<_>>() {
                told.push(changed(held.state(at), None));
            }
            held.tell(&told, None);
            let objects = held.listing.pictures.iter().flat_map(|picture| &picture.objects);
            Ok(objects.filter(|object| object.automatic).count())
        });
        done.map_err(Error::new)
    }
}

impl OnDesk {
    /// Whether these boxes stand on a picture as automatic ones already.
    fn has_automatic(&self, at: usize, found: &[Detection]) -> bool {
        let stands = |one: &Detection| {
            self.picture_at(at).objects.iter().any(|object| {
                let edges = object.corners.iter().zip(one.bbox.to_xyxy());
                let is_there = edges.into_iter().all(|(a, b)| (a - f64::from(b)).abs() < 0.01);
                object.automatic && self.listing.classes.get(object.class) == Some(&one.label) && is_there
            })
        };
        found.iter().all(stands)
    }

    /// Puts what a detector has found on a picture.
    fn take(&mut self, at: usize, found: &[Detection]) {
        let was_apart = matches!(self.sheets[at].lies, Lies::Apart(_));
        let place = self.enlist(at);
        let Listing { classes, pictures, .. } = &mut self.listing;
        let picture = &mut pictures[place];
        data::put(classes, picture, found);
        // Without a person's word it is no background.
        if was_apart {
            picture.set_waiting(true);
        }
        let (width, height) = picture.size.unwrap_or_default();
        let ends = [width, height, width, height].map(f64::from);
        picture.objects.retain_mut(|object| {
            if object.automatic {
                object.corners = std::array::from_fn(|side| object.corners[side].clamp(0.0, ends[side]));
            }
            let [left, top, right, bottom] = object.corners;
            right - left >= 1.0 && bottom - top >= 1.0
        });
        for object in &mut self.listing.pictures[place].objects {
            if marks::key_of(object).is_none() {
                self.seq += 1;
                let key = format!("auto{}", self.seq);
                marks::set_key(&mut object.extra, &key);
                marks::set_number(&mut object.extra, self.next[1]);
                self.next[1] += 1;
                self.sheets[at].origins.insert(key, object.clone());
            }
        }
    }
}

/// A message that tells of a picture's new state, and whose doing it was.
pub(super) fn changed(mut state: Value, view: Option<&str>) -> Value {
    state["type"] = "changed".into();
    if let Some(view) = view {
        state["view"] = view.into();
    }
    state
}

/// Tells what a person should know of a folder.
pub(super) fn note(path: &Path, lines: &[String]) {
    if !lines.is_empty() {
        show::note(&format!("`{}`: {}", path.display(), lines.join("\n")));
    }
}

/// An error as one sentence for the tool.
fn one_line(error: &Error) -> String {
    error.to_string().replace("\n  → ", "; ").replace('\n', " ")
}
