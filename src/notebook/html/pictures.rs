//! Pictures that a page's text names: attached to the cell, or files beside the notebook, put into the page.
//!
//! What Jupyter would show is embedded: relative paths, percent-encoded or not, that stay within the notebook's folder
//! or within the folder in which the program was started, as Jupyter serves the folder in which it was started. Absolute
//! paths and what lies above are not: a notebook from elsewhere must not carry the user's files into a page. What lies
//! on other machines is not fetched.

use super::escape;
use crate::document::joined;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::Value;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

/// Where a cell's pictures are looked for, and what was not found.
pub(super) struct Pictures<'a> {
    /// The notebook's folder.
    pub folder: &'a Path,
    /// What is attached to the cell.
    pub attachments: Option<&'a Value>,
    /// Says of a picture why it is not in the page, each once.
    pub missing: &'a mut Vec<String>,
}

/// A picture's place.
#[derive(Debug, PartialEq)]
pub(super) enum Located {
    /// In the page, under this URL.
    Inside(String),
    /// On another machine.
    Elsewhere,
    /// Not to be found.
    Missing,
}

impl Pictures<'_> {
    /// The picture's content as a URL, if it is attached to the cell or lies beside the notebook.
    pub fn find(&mut self, url: &str) -> Located {
        let url = url.trim();
        if url.starts_with("data:") {
            return Located::Inside(url.to_owned());
        }
        if let Some(name) = url.strip_prefix("attachment:") {
            return match self.attached(name) {
                Some(url) => Located::Inside(url),
                None => self.not_found(url, "it is not attached to its cell"),
            };
        }
        if url.starts_with("//") || scheme(url).is_some_and(|scheme| scheme != "file") {
            return Located::Elsewhere;
        }
        match self.file(url) {
            Ok(url) => Located::Inside(url),
            Err(why) => self.not_found(url, why),
        }
    }

    fn not_found(&mut self, url: &str, why: &str) -> Located {
        let message = format!("the picture {url} is not in the page: {why}");
        if !self.missing.contains(&message) {
            self.missing.push(message);
        }
        Located::Missing
    }

    fn attached(&self, name: &str) -> Option<String> {
        let attachments = self.attachments?;
        let decoded = percent_decoded(name);
        let content = attachments.get(name).or_else(|| attachments.get(&decoded))?;
        let (mime, content) = content.as_object()?.iter().next()?;
        let base64: String = joined(content).split_whitespace().collect();
        Some(format!("data:{mime};base64,{base64}"))
    }

    fn file(&self, url: &str) -> Result<String, &'static str> {
        let without_query = url.split(['?', '#']).next().unwrap_or(url);
        let decoded = [url, without_query].map(percent_decoded);
        let mut why = "there is no such file";
        for name in [url, decoded[0].as_str(), without_query, decoded[1].as_str()] {
            let Some(path) = within(self.folder, name) else {
                why = "it lies outside of the notebook's folder";
                continue;
            };
            if !path.is_file() {
                continue;
            }
            let mime = mime(&path).ok_or("its ending is none of a picture that a page can show")?;
            let bytes = std::fs::read(&path).map_err(|_| "it cannot be read")?;
            return Ok(format!("data:{mime};base64,{}", BASE64_STANDARD.encode(bytes)));
        }
        Err(why)
    }

    /// HTML whose `<img>` tags name what is in the page; those of pictures from elsewhere become links.
    pub fn in_html(&mut self, html: &str) -> String {
        let mut out = String::with_capacity(html.len());
        let mut rest = html;
        while let Some(at) = find_tag(rest) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let end = tag_end(rest);
            let (tag, after) = rest.split_at(end);
            rest = after;
            let Some((range, url)) = attribute(tag, "src") else {
                out.push_str(tag);
                continue;
            };
            match self.find(&url) {
                Located::Inside(inside) => {
                    out.push_str(&tag[..range.start]);
                    out.push_str(&format!("\"{}\"", escape(&inside)));
                    out.push_str(&tag[range.end..]);
                }
                Located::Elsewhere => {
                    let alt = attribute(tag, "alt").map(|(_, alt)| alt).filter(|alt| !alt.trim().is_empty());
                    let text = alt.unwrap_or_else(|| url.clone());
                    out.push_str(&format!("<a href=\"{}\">{}</a>", escape(&url), escape(&text)));
                }
                Located::Missing => out.push_str(tag),
            }
        }
        out + rest
    }
}

fn scheme(url: &str) -> Option<String> {
    let (scheme, _) = url.split_once(':')?;
    let named = scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    named.then(|| scheme.to_ascii_lowercase())
}

/// The path of a relative name, if it does not leave the notebook's folder, or at least not the folder in which the
/// program was started.
fn within(folder: &Path, name: &str) -> Option<PathBuf> {
    let relative = Path::new(name);
    if name.starts_with("file:") || relative.is_absolute() {
        return None;
    }
    let here = std::env::current_dir().unwrap_or_default();
    let base = plain(&here.join(folder));
    let path = plain(&base.join(relative));
    (path.starts_with(&base) || (base.starts_with(&here) && path.starts_with(&here))).then_some(path)
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

fn mime(path: &Path) -> Option<&'static str> {
    Some(match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "png" | "apng" => "image/png",
        "jpg" | "jpeg" | "jfif" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "avif" => "image/avif",
        "bmp" => "image/bmp",
        "ico" => "image/x-icon",
        _ => return None,
    })
}

/// Text in which `%20` and the like are characters again.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = (first == b'%').then(|| after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok())).flatten();
        match hex.filter(|hex| !hex.starts_with('+')).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// Where the next `<img` begins.
fn find_tag(html: &str) -> Option<usize> {
    html.match_indices('<').map(|(at, _)| at).find(|at| {
        let after = &html.as_bytes()[at + 1..];
        after.len() > 3
            && after[..3].eq_ignore_ascii_case(b"img")
            && !after[3].is_ascii_alphanumeric()
            && after[3] != b'-'
    })
}

/// Where the tag at the start ends, quoted `>` apart.
fn tag_end(html: &str) -> usize {
    let mut quote = None;
    for (at, byte) in html.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    html.len()
}

/// An attribute of a tag: where its value stands, quotes included, and the value.
fn attribute(tag: &str, name: &str) -> Option<(Range<usize>, String)> {
    let bytes = tag.as_bytes();
    let space = |at: &mut usize| {
        while bytes.get(*at).is_some_and(u8::is_ascii_whitespace) {
            *at += 1;
        }
    };
    let mut at = 4;
    loop {
        space(&mut at);
        let start = at;
        while bytes.get(at).is_some_and(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'=' | b'>')) {
            at += 1;
        }
        let found = &tag[start..at];
        space(&mut at);
        if bytes.get(at) != Some(&b'=') {
            if at == start || at >= bytes.len() {
                return None;
            }
            if bytes[at] == b'>' {
                return None;
            }
            continue;
        }
        at += 1;
        space(&mut at);
        let from = at;
        let value = match bytes.get(at)? {
            quote @ (b'"' | b'\'') => {
                let length = tag[at + 1..].find(*quote as char)?;
                at += length + 2;
                &tag[from + 1..at - 1]
            }
            _ => {
                while bytes.get(at).is_some_and(|byte| !byte.is_ascii_whitespace() && *byte != b'>') {
                    at += 1;
                }
                &tag[from..at]
            }
        };
        if found.eq_ignore_ascii_case(name) {
            let plain = value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            return Some((from..at, plain));
        }
    }
}

/// Markdown in which the pictures whose names have spaces stand in angle brackets, as CommonMark wants them and
/// Jupyter does not.
pub(super) fn with_spaces(text: &str, options: Options) -> String {
    if !text.contains("![") {
        return text.to_owned();
    }
    // Code and what is a picture already stay as they are.
    let mut kept: Vec<Range<usize>> = Vec::new();
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        let keep = matches!(
            event,
            Event::Code(_)
                | Event::InlineHtml(_)
                | Event::Html(_)
                | Event::Start(Tag::CodeBlock(_) | Tag::Image { .. })
        );
        if keep {
            kept.push(range);
        }
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in text.match_indices("![") {
        if at < from || kept.iter().any(|range| range.contains(&at)) {
            continue;
        }
        let Some((open, close)) = destination(text, at) else { continue };
        let name = text[open..close].trim();
        if !name.contains(' ') || name.starts_with('<') || name.contains(['"', '>']) || name.contains(" '") {
            continue;
        }
        out.push_str(&text[from..open]);
        out.push_str(&format!("<{name}>"));
        from = close;
    }
    out + &text[from..]
}

/// Where the destination of the picture that begins at `at` stands, without its parentheses.
fn destination(text: &str, at: usize) -> Option<(usize, usize)> {
    let line = &text[at..at + text[at..].find('\n').unwrap_or(text.len() - at)];
    let open = line.find("](")? + 2;
    let mut depth = 0;
    for (offset, c) in line[open..].char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return Some((at + open, at + open + offset)),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn find(folder: &Path, attachments: Option<&Value>, url: &str) -> (Located, Vec<String>) {
        let mut missing = Vec::new();
        let found = Pictures { folder, attachments, missing: &mut missing }.find(url);
        (found, missing)
    }

    #[test]
    fn files_and_attachments_are_found_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("pics")).unwrap();
        for name in ["a b.png", "größe.JPG", "100%.png", "q?.png"] {
            std::fs::write(folder.path().join("pics").join(name), b"hi").unwrap();
        }
        let attachments = json!({ "my pic.png": { "image/png": ["aG", "k="] }, "a%20b.png": { "image/png": "aGk=" } });
        for url in [
            "pics/a b.png",
            "pics/a%20b.png",
            "./pics/a%20b.png?raw=true",
            "pics/../pics/a b.png#x",
            "pics/gr%C3%B6%C3%9Fe.JPG",
            "pics/100%.png",
            "pics/q?.png",
            "attachment:my%20pic.png",
            "attachment:my pic.png",
            "attachment:a%20b.png",
            "data:image/png;base64,aGk=",
        ] {
            let (found, missing) = find(folder.path(), Some(&attachments), url);
            assert!(matches!(&found, Located::Inside(data) if data.ends_with(";base64,aGk=")), "{url}: {found:?}");
            assert!(missing.is_empty());
        }
    }

    #[test]
    fn what_lies_elsewhere_stays_there() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("deep")).unwrap();
        std::fs::write(folder.path().join("above.png"), b"hi").unwrap();
        std::fs::write(folder.path().join("deep/notes.txt"), b"hi").unwrap();
        let deep = folder.path().join("deep");
        for url in ["https://example.org/x.png", "//example.org/x.png", "http://x.png", "blob:x"] {
            assert_eq!(find(&deep, None, url).0, Located::Elsewhere, "{url}");
        }
        for (url, why) in [
            ("../above.png", "outside of the notebook's folder"),
            ("%2e%2e/above.png", "outside of the notebook's folder"),
            ("/etc/hostname.png", "outside of the notebook's folder"),
            ("file:///etc/hostname.png", "outside of the notebook's folder"),
            ("absent.png", "no such file"),
            ("notes.txt", "its ending"),
            ("attachment:absent.png", "not attached"),
        ] {
            let (found, missing) = find(&deep, None, url);
            assert_eq!(found, Located::Missing, "{url}");
            assert!(missing.len() == 1 && missing[0].contains(why) && missing[0].contains(url), "{missing:?}");
        }
    }

    #[test]
    fn tags_in_html_name_what_is_in_the_page() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a b.png"), b"hi").unwrap();
        std::fs::write(folder.path().join("dot.png"), b"hi").unwrap();
        let mut missing = Vec::new();
        let mut pictures = Pictures { folder: folder.path(), attachments: None, missing: &mut missing };
        for (html, expected) in [
            ("<img src=\"dot.png\" width=\"3\">", "<img src=\"DATA\" width=\"3\">"),
            ("<IMG width=3 SRC = 'a b.png' />", "<IMG width=3 SRC = \"DATA\" />"),
            ("<img alt=\"a > b\" src=dot.png>", "<img alt=\"a > b\" src=\"DATA\">"),
            ("<p><img\n  src=\"a%20b.png\"></p>", "<p><img\n  src=\"DATA\"></p>"),
            (
                "<img src=\"https://e.org/x.png?a=1&amp;b\" alt=\"far\">",
                "<a href=\"https://e.org/x.png?a=1&amp;b\">far</a>",
            ),
            ("<img src=\"absent.png\">", "<img src=\"absent.png\">"),
            ("<img src=\"absent.png\"> again", "<img src=\"absent.png\"> again"),
            ("<image src=\"dot.png\"> <img hidden> <img", "<image src=\"dot.png\"> <img hidden> <img"),
            ("<img data-src=\"dot.png\">", "<img data-src=\"dot.png\">"),
        ] {
            let expected = expected.replace("DATA", "data:image/png;base64,aGk=");
            assert_eq!(pictures.in_html(html), expected, "{html}");
        }
        assert_eq!(missing.len(), 1, "{missing:?}");
    }

    #[test]
    fn names_with_spaces_are_names() {
        for (text, expected) in [
            ("![x](pics/a b.png)", "![x](<pics/a b.png>)"),
            (
                "![x](attachment:my pic.png) and ![y](b c (1).png)",
                "![x](<attachment:my pic.png>) and ![y](<b c (1).png>)",
            ),
            ("![x](a.png \"a title\")", "![x](a.png \"a title\")"),
            ("![x](<a b.png>)", "![x](<a b.png>)"),
            ("`![x](a b.png)`", "`![x](a b.png)`"),
            ("```\n![x](a b.png)\n```", "```\n![x](a b.png)\n```"),
            ("no picture (a b)", "no picture (a b)"),
            ("![never closed](a b", "![never closed](a b"),
        ] {
            assert_eq!(with_spaces(text, Options::empty()), expected, "{text}");
        }
    }
}
