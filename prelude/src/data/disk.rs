//! Decoded pictures in files, for data sets that are larger than memory.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use candlewick_wire::weights::sha256_of;

use super::decoded::Decoded;
use super::{Sample, Transform};
use crate::show;
use crate::words::bytes as in_words;

/// The most bytes of the cache folder, where nobody says otherwise.
pub(super) const MOST: u64 = 20_000_000_000;

/// What a file begins with; another number where the same file and transform would give other pixels.
const MAGIC: &[u8; 8] = b"candle\x01\n";
/// Magic, width and height of the source, side, whether it is dim, checksum of the pixels.
const HEAD: usize = 8 + 4 + 4 + 4 + 4 + 4;
/// What was being written for so long was given up.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A folder of decoded pictures. Several processes may use one at once: a file gets its name when it is whole, and holds a checksum.
pub(super) struct DiskCache {
    folder: PathBuf,
    most: u64,
    /// Bytes in the folder, as far as known; `None` before it was looked through.
    used: Mutex<Option<u64>>,
    /// Why nothing is written.
    broken: Mutex<Option<String>>,
}

/// What a cached picture is known by.
pub(super) struct CacheKey(String);

/// What is in the cache of a picture.
pub(super) struct Cached {
    pub picture: Decoded,
    pub dim: bool,
}

/// The head of a file.
struct CacheHead {
    source: (u32, u32),
    side: u32,
    dim: bool,
    sum: u32,
}

impl DiskCache {
    /// The cache in this folder, which is made where it is missing, of at most so many bytes.
    pub fn at(folder: PathBuf, most: u64) -> DiskCache {
        DiskCache { folder, most, used: Mutex::default(), broken: Mutex::default() }
    }

    /// A cache of which nothing becomes, and why.
    pub fn nowhere(why: &str) -> DiskCache {
        let cache = DiskCache::at(PathBuf::new(), 0);
        cache.give_up(why);
        cache
    }

    /// What a picture brought to a network's size is known by: the file's path, length and time, and how it is brought to it. `None` for one in
    /// memory, and where there is no file.
    pub fn key(sample: &Sample, transform: &Transform) -> Option<CacheKey> {
        if sample.pixels.is_some() {
            return None;
        }
        let data = std::fs::metadata(&sample.path).ok()?;
        let changed = data.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let path = std::path::absolute(&sample.path).ok()?;
        let Transform { size, resize, greys, .. } = transform;
        let how = format!("\0{} {} {size} {resize:?} {greys:?}", data.len(), changed.as_nanos());
        Some(CacheKey(sha256_of(&[path.as_os_str().as_encoded_bytes(), how.as_bytes()].concat())))
    }

    fn file(&self, key: &CacheKey) -> PathBuf {
        self.folder.join(&key.0[..2]).join(&key.0[2..])
    }

    /// The picture, where it is there and whole.
    pub fn read(&self, key: &CacheKey, side: usize) -> Option<Cached> {
        let bytes = std::fs::read(self.file(key)).ok()?;
        let CacheHead { source, dim, sum, .. } = head(&bytes, side)?;
        let pixels = bytes.get(HEAD..).filter(|pixels| pixels.len() == 3 * side * side)?;
        (crc32c::crc32c(pixels) == sum).then(|| Cached { picture: Decoded { pixels: pixels.to_vec(), source }, dim })
    }

    /// Width and height of the picture's file, without its pixels.
    pub fn source(&self, key: &CacheKey, side: usize) -> Option<((u32, u32), bool)> {
        let mut file = std::fs::File::open(self.file(key)).ok()?;
        let mut bytes = [0; HEAD];
        file.read_exact(&mut bytes).ok()?;
        head(&bytes, side).map(|head| (head.source, head.dim))
    }

    /// Keeps a picture; where that does not work, a note says so once and no more is written.
    pub fn write(&self, key: &CacheKey, picture: &Decoded, side: usize, dim: bool) {
        // a damaged one is replaced
        let before = std::fs::metadata(self.file(key)).map_or(0, |data| data.len());
        let size = ((HEAD + picture.pixels.len()) as u64).saturating_sub(before);
        if self.is_broken() || !self.take(size) {
            return;
        }
        if let Err(error) = self.put(key, picture, side, dim) {
            self.give_back(size);
            let folder = self.folder.display();
            self.give_up(&format!("`{folder}` cannot be written to: {error}"));
        }
    }

    fn put(&self, key: &CacheKey, picture: &Decoded, side: usize, dim: bool) -> std::io::Result<()> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let path = self.file(key);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let part = path.with_extension(format!("{}-{number}.part", std::process::id()));
        let (width, height) = picture.source;
        let mut bytes = Vec::with_capacity(HEAD + picture.pixels.len());
        bytes.extend(MAGIC);
        for number in [width, height, side as u32, u32::from(dim), crc32c::crc32c(&picture.pixels)] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(&picture.pixels);
        make_folder(path.parent().unwrap_or(&self.folder))?;
        let written = std::fs::File::create(&part).and_then(|mut file| file.write_all(&bytes));
        written.and_then(|()| std::fs::rename(&part, &path)).inspect_err(|_| {
            let _ = std::fs::remove_file(&part);
        })
    }

    /// Room for one more, where there is some.
    fn take(&self, size: u64) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let used = used.get_or_insert_with(|| files(&self.folder).iter().map(|file| file.size).sum());
        let fits = *used + size <= self.most;
        *used += if fits { size } else { 0 };
        fits
    }

    fn give_back(&self, size: u64) {
        if let Some(used) = self.used.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            *used = used.saturating_sub(size);
        }
    }

    /// Makes room for these pictures: files that are none of theirs go, the oldest first, as far as need be. What is a data set's own stays, for
    /// each epoch wants all of it.
    pub fn make_room(&self, samples: &[&Sample], transform: &Transform) {
        if self.is_broken() {
            return;
        }
        let mut all = files(&self.folder);
        for file in all.extract_if(.., |file| file.is_part) {
            if file.changed.elapsed().is_ok_and(|age| age > ABANDONED) {
                let _ = std::fs::remove_file(&file.path);
            }
        }
        let mut used: u64 = all.iter().map(|file| file.size).sum();
        let each = (HEAD + 3 * transform.size * transform.size) as u64;
        if used.saturating_add(each.saturating_mul(samples.len() as u64)) > self.most {
            let own: std::collections::HashSet<PathBuf> =
                samples.iter().filter_map(|sample| Some(self.file(&DiskCache::key(sample, transform)?))).collect();
            let there = all.iter().filter(|file| own.contains(&file.path)).count() as u64;
            let mut wanted = each.saturating_mul((own.len() as u64).saturating_sub(there));
            wanted = wanted.min(self.most.saturating_sub(there * each));
            all.retain(|file| !own.contains(&file.path));
            all.sort_by_key(|file| file.changed);
            for file in all {
                if used.saturating_add(wanted) <= self.most {
                    break;
                }
                if std::fs::remove_file(&file.path).is_ok() {
                    used = used.saturating_sub(file.size);
                }
            }
        }
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Some(used);
    }

    fn is_broken(&self) -> bool {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn give_up(&self, why: &str) {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        if broken.is_none() {
            show::note(&format!("decoded pictures are not kept on disk: {why}; they are decoded anew instead"));
            *broken = Some(why.to_owned());
        }
    }

    /// Where decoded pictures are, in words: so many, of so many bytes together.
    pub fn words(&self, count: usize, all: u64) -> String {
        if let Some(why) = &*self.broken.lock().unwrap_or_else(PoisonError::into_inner) {
            return format!(
                "decoded anew each epoch, on all processors, ahead of the step: not kept on disk, since {why}"
            );
        }
        let (folder, most) = (self.folder.display(), in_words(self.most));
        let fit = (self.most / (all / count.max(1) as u64).max(1)).min(count as u64);
        match fit as usize == count {
            true => format!("decoded once and kept on disk in `{folder}` ({}, of at most {most})", in_words(all)),
            false => format!(
                "decoded once and kept on disk in `{folder}`, {fit} of {count} pictures, for that is all that its {most} hold; each epoch decodes the others anew"
            ),
        }
    }
}

/// What a file's beginning says, where it is a cached picture of this side.
fn head(bytes: &[u8], side: usize) -> Option<CacheHead> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let number = |at: usize| Some(u32::from_le_bytes(rest.get(4 * at..4 * at + 4)?.try_into().ok()?));
    let head = CacheHead { source: (number(0)?, number(1)?), side: number(2)?, dim: number(3)? == 1, sum: number(4)? };
    (head.side as usize == side && head.source.0 > 0 && head.source.1 > 0).then_some(head)
}

struct CacheFile {
    path: PathBuf,
    size: u64,
    changed: SystemTime,
    is_part: bool,
}

/// The files of a cache, and no others.
fn files(folder: &Path) -> Vec<CacheFile> {
    let is_hex = |name: &str, count: usize| name.len() == count && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found = Vec::new();
    for below in entries(folder).filter(|entry| is_hex(&entry.file_name().to_string_lossy(), 2)) {
        for entry in entries(&below.path()) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_part = name.ends_with(".part") && is_hex(name.split('.').next().unwrap_or_default(), 62);
            let Ok(data) = entry.metadata() else { continue };
            if is_part || is_hex(&name, 62) {
                let changed = data.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                found.push(CacheFile { path: entry.path(), size: data.len(), changed, is_part });
            }
        }
    }
    found
}

/// Makes a folder that is its owner's alone: the pictures may be.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
