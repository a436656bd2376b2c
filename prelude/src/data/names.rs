//! Names of files and classes, in the one form in which they are compared.

use unicode_normalization::UnicodeNormalization;

/// A name with each accented letter as one character (Unicode's NFC). macOS writes files' names with the accent as a
/// character of its own, other systems and keyboards do not: the two look alike.
pub(super) fn composed(name: &str) -> String {
    name.nfc().collect()
}

/// The same with each accent as a character of its own (NFD).
pub(super) fn decomposed(name: &str) -> String {
    name.nfd().collect()
}
