//! Fonts: the one that the crate carries, and those of the machine.

use ab_glyph::{Font, FontArc, FontVec};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Roboto Regular; its licence (Apache 2.0) lies beside it.
pub(super) const FONT: &[u8] = include_bytes!("../../fonts/Roboto-Regular.ttf");

/// A font of the machine's.
pub(super) struct Face {
    /// For its outlines.
    pub font: FontArc,
    /// For which of them stand where.
    pub shaping: harfrust::Font,
}

/// The crate's font.
pub(super) fn own() -> &'static FontArc {
    static PARSED: OnceLock<FontArc> = OnceLock::new();
    PARSED.get_or_init(|| FontArc::try_from_slice(FONT).expect("the crate's font file is a font"))
}

pub(super) fn has(font: &impl Font, letter: char) -> bool {
    font.glyph_id(letter).0 != 0
}

/// A font of the machine's that has a letter, each letter looked for once.
pub(super) fn of_machine(letter: char) -> Option<Arc<Face>> {
    static FOUND: Mutex<Option<HashMap<char, Option<Arc<Face>>>>> = Mutex::new(None);
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let found = found.get_or_insert_default();
    if let Some(known) = found.get(&letter) {
        return known.clone();
    }
    // Text is mostly of one script: a font that was of use before comes first.
    let before = found.values().flatten().find(|face| has(&face.font, letter)).cloned();
    let face = before.or_else(|| search(letter).map(Arc::new));
    found.insert(letter, face.clone());
    face
}

fn search(letter: char) -> Option<Face> {
    static FONTS: OnceLock<fontdb::Database> = OnceLock::new();
    let fonts = FONTS.get_or_init(|| {
        let mut fonts = fontdb::Database::new();
        fonts.load_system_fonts();
        fonts
    });
    // Upright letters of usual weight before others, those for screens before those with feet.
    let mut faces: Vec<&fontdb::FaceInfo> = fonts.faces().collect();
    faces.sort_by_key(|face| {
        let plain = face.style == fontdb::Style::Normal && face.weight == fontdb::Weight::NORMAL;
        let name = face.families.first().map_or("", |(name, _)| name.as_str());
        (!plain, face.monospaced, !name.contains("Sans"), name.to_owned())
    });
    faces.into_iter().find_map(|face| {
        let font = fonts.with_face_data(face.id, |data, index| {
            let parsed = ab_glyph::FontRef::try_from_slice_and_index(data, index).ok()?;
            let id = parsed.glyph_id(letter);
            let draws = id.0 != 0 && (parsed.outline(id).is_some() || parsed.glyph_raster_image2(id, 64).is_some());
            let font = draws.then(|| FontVec::try_from_vec_and_index(data.to_vec(), index).ok()).flatten()?;
            Some(Face { font: FontArc::new(font), shaping: harfrust::Font::new(data.to_vec(), index)? })
        });
        font.flatten()
    })
}
