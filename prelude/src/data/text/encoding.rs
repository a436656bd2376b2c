//! Which bytes are which letters: told, marked by the file, or guessed.

use chardetng::EncodingDetector;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::data::formats::nearest;
use crate::{Error, Result};

/// So many bytes are enough to guess by.
const ENOUGH: usize = 1 << 20;

/// The names of the encodings that there are.
const NAMES: [&str; 38] = [
    "utf-8",
    "utf-16le",
    "utf-16be",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "windows-874",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "latin1",
    "macintosh",
    "koi8-r",
    "koi8-u",
    "ibm866",
    "gbk",
    "gb18030",
    "big5",
    "euc-jp",
    "iso-2022-jp",
    "shift_jis",
    "euc-kr",
];

/// The encoding of this name, as browsers know it.
///
/// # Errors
/// When there is none; the message lists those with names like it.
pub(super) fn named(name: &str) -> Result<&'static Encoding> {
    let wanted = name.trim();
    let marks = ['-', '_', ' '];
    let plain: String = wanted.to_lowercase().chars().filter(|c| !marks.contains(c)).collect();
    let same = NAMES.iter().find(|own| own.replace(marks, "") == plain).copied();
    // as Python and Windows write them
    let other = plain.strip_prefix("cp").or_else(|| plain.strip_prefix("win")).map(|rest| format!("windows-{rest}"));
    let found = Encoding::for_label(wanted.as_bytes())
        .or_else(|| Encoding::for_label(same?.as_bytes()))
        .or_else(|| Encoding::for_label(other?.as_bytes()));
    found.ok_or_else(|| {
        let names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        let alike: Vec<String> = nearest(wanted, &names).into_iter().take(4).map(|name| format!("`{name}`")).collect();
        Error::new(format!("there is no encoding `{wanted}`")).remedy(format!(
            "like it are {}; usual are `utf-8`, `utf-16le`, `windows-1252`, `iso-8859-1`",
            alike.join(", ")
        ))
    })
}

/// A file's text, and a sentence on its encoding where that was guessed.
///
/// # Errors
/// When the bytes are not of the encoding that was told, and where NUL bytes stand in a text.
pub(super) fn decoded(
    bytes: Vec<u8>,
    told: Option<&'static Encoding>,
    shown: &str,
) -> Result<(String, Option<String>)> {
    let marked = Encoding::for_bom(&bytes).map(|(encoding, _)| encoding);
    let halves = || halves(&bytes);
    let (encoding, words) = match told.or(marked).or_else(halves) {
        Some(encoding) => {
            let guessed = told.or(marked).is_none();
            let words = format!("`{shown}` is read as {}: every second byte is NUL", encoding.name());
            (encoding, guessed.then_some(words))
        }
        None if std::str::from_utf8(&bytes).is_ok() => (UTF_8, None),
        None => {
            let mut detector = EncodingDetector::new();
            detector.feed(&bytes[..bytes.len().min(ENOUGH)], bytes.len() <= ENOUGH);
            let encoding = detector.guess(None, false);
            let words = format!(
                "`{shown}` is no UTF-8 (line {}) and is read as {}, as its letters look; another one is told by `.encoding(\"…\")?`",
                valid_lines(&bytes),
                encoding.name()
            );
            (encoding, Some(words))
        }
    };
    let text = if encoding == UTF_8 {
        let bytes = if bytes.starts_with(b"\xef\xbb\xbf") { bytes[3..].to_vec() } else { bytes };
        String::from_utf8(bytes).map_err(|error| {
            let line = valid_lines(error.as_bytes());
            Error::new(format!("line {line} of `{shown}` is no UTF-8"))
                .remedy("tell the encoding that the file has: `.encoding(\"windows-1252\")?`, or let it be guessed")
        })?
    } else {
        let (text, _, damaged) = encoding.decode(&bytes);
        if let (true, Some(at)) = (damaged && told.is_some(), text.find('\u{fffd}')) {
            let line = text[..at].matches('\n').count() + 1;
            return Err(Error::new(format!("line {line} of `{shown}` is no {}", encoding.name()))
                .remedy("leave the encoding out, and it is guessed with a word"));
        }
        text.into_owned()
    };
    if let Some(at) = text.find('\0') {
        let line = text[..at].matches('\n').count() + 1;
        return Err(Error::new(format!("line {line} of `{shown}` holds a NUL byte")).remedy(
            "text has none: the file is damaged, or no table of text. Take them out: `tr -d '\\000' < old.csv > new.csv`",
        ));
    }
    Ok((text, words))
}

/// In which line the first byte stands that is no UTF-8.
fn valid_lines(bytes: &[u8]) -> usize {
    let valid = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    bytes[..valid].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// UTF-16 without a mark: of its halves one is NUL, mostly.
fn halves(bytes: &[u8]) -> Option<&'static Encoding> {
    let some = &bytes[..bytes.len().min(4096) & !1];
    let nul = |side: usize| some.iter().skip(side).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, half) = (nul(0), nul(1), some.len() / 2);
    match half {
        0 => None,
        _ if odd * 10 > half * 4 && even * 20 < half => Some(UTF_16LE),
        _ if even * 10 > half * 4 && odd * 20 < half => Some(UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_found_whatever_their_bytes() -> Result<()> {
        let text = "review,label\nun très bon café, où l’on mange bien — à l’été,pos\nОчень хороший фильм,pos\n";
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let marked = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
        for (bytes, told) in [
            (text.as_bytes().to_vec(), false),
            (marked(b"\xef\xbb\xbf", text.as_bytes()), false),
            (marked(b"\xff\xfe", &utf16), false),
            (marked(b"\xfe\xff", &big), false),
        ] {
            let (found, words) = decoded(bytes, None, "x.csv")?;
            assert_eq!((found.as_str(), words.is_some()), (text, told));
        }
        let plain: Vec<u8> = "a fine film,pos\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let (found, words) = decoded(plain, None, "x.csv")?;
        assert_eq!(found, "a fine film,pos\n");
        assert!(words.unwrap().contains("read as UTF-16LE"));
        for (name, text) in [
            ("windows-1252", "text,label\nun café très agréable, où l’on mange bien à l’été,pos\n"),
            ("windows-1251", "текст,метка\nочень хороший фильм, смотреть обязательно,да\n"),
        ] {
            let encoding = named(name)?;
            let (bytes, ..) = encoding.encode(text);
            let (found, words) = decoded(bytes.to_vec(), None, "x.csv")?;
            assert_eq!(found, text);
            let words = words.unwrap();
            assert!(
                words.contains(&format!(
                    "is no UTF-8 (line {}) and is read as {name}",
                    if name == "windows-1251" { 1 } else { 2 }
                )),
                "{words}"
            );
            assert_eq!(decoded(bytes.to_vec(), Some(encoding), "x.csv")?, (text.to_owned(), None));
        }
        Ok(())
    }

    #[test]
    fn what_is_no_encoding_and_no_text_is_refused() {
        let says = named("windows-1259").unwrap_err().to_string();
        assert!(says.contains("there is no encoding `windows-1259`") && says.contains("`windows-125"), "{says}");
        for (name, own) in
            [("Latin-1", "windows-1252"), ("utf8", "UTF-8"), ("cp1251", "windows-1251"), ("UTF 16 LE", "UTF-16LE")]
        {
            assert_eq!(named(name).unwrap().name(), own, "{name}");
        }
        let says = decoded(b"a,b\nc\0d,e\n".to_vec(), None, "x.csv").unwrap_err().to_string();
        assert!(says.contains("line 2 of `x.csv` holds a NUL byte"), "{says}");
        let says = decoded(b"a,b\n\xff,e\n".to_vec(), Some(UTF_8), "x.csv").unwrap_err().to_string();
        assert!(says.contains("line 2 of `x.csv` is no UTF-8"), "{says}");
    }
}
