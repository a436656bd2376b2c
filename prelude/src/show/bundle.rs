//! One thing to show, in several forms.

use super::picture::Encoded;
use base64::Engine;
use candlewick_wire::{Display, MimeBundle};
use serde_json::{Map, Value, json};

/// One thing to show, in several forms by MIME type; a frontend takes the richest that it can draw.
///
/// ```
/// use candlewick_prelude::show::Bundle;
/// let bundle = Bundle::new().text("2 rows").html("<table>…</table>");
/// assert_eq!(bundle.as_text(), Some("2 rows"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bundle {
    data: MimeBundle,
    metadata: Map<String, Value>,
}

impl Bundle {
    /// Nothing yet.
    pub fn new() -> Bundle {
        Bundle::default()
    }

    /// What the channel carries, under a name where it is to be updated.
    pub(super) fn as_display(&self, display_id: Option<String>) -> Display {
        Display { data: self.data.clone(), metadata: self.metadata.clone(), display_id }
    }

    /// Adds plain text, the form that every frontend can show.
    pub fn text(self, text: impl Into<String>) -> Bundle {
        self.form("text/plain", Value::String(text.into()))
    }

    /// Adds HTML.
    pub fn html(self, html: impl Into<String>) -> Bundle {
        self.form("text/html", Value::String(html.into()))
    }

    /// Adds Markdown.
    pub fn markdown(self, markdown: impl Into<String>) -> Bundle {
        self.form("text/markdown", Value::String(markdown.into()))
    }

    /// Adds an SVG picture.
    pub fn svg(self, svg: impl Into<String>) -> Bundle {
        self.form("image/svg+xml", Value::String(svg.into()))
    }

    /// Adds the bytes of a PNG picture.
    pub fn png(self, bytes: &[u8]) -> Bundle {
        let base64 = base64::engine::general_purpose::STANDARD.encode(bytes);
        self.form("image/png", Value::String(base64))
    }

    /// Adds the bytes of a PNG picture that is to be shown `width × height` CSS pixels large; with twice as many
    /// pixels of its own it stays crisp on dense screens.
    pub fn png_sized(mut self, bytes: &[u8], width: u32, height: u32) -> Bundle {
        self.metadata.insert("image/png".to_owned(), json!({ "width": width, "height": height }));
        self.png(bytes)
    }

    /// Adds the bytes of a JPEG picture.
    pub fn jpeg(self, bytes: &[u8]) -> Bundle {
        self.picture(&Encoded { mime: "image/jpeg", bytes: bytes.to_vec() })
    }

    /// Adds a picture.
    pub(crate) fn picture(self, picture: &Encoded) -> Bundle {
        let base64 = base64::engine::general_purpose::STANDARD.encode(&picture.bytes);
        self.form(picture.mime, Value::String(base64))
    }

    /// Adds a picture that is to be shown `width × height` CSS pixels large.
    pub(crate) fn picture_sized(mut self, picture: &Encoded, width: u32, height: u32) -> Bundle {
        self.metadata.insert(picture.mime.to_owned(), json!({ "width": width, "height": height }));
        self.picture(picture)
    }

    /// Adds JSON.
    pub fn json(self, value: Value) -> Bundle {
        self.form("application/json", value)
    }

    /// Adds content of any MIME type: JSON for JSON types, text for the others (base64 where binary).
    pub fn form(mut self, mime: &str, content: Value) -> Bundle {
        self.data.insert(mime.to_owned(), content);
        self
    }

    /// The plain text, where there is some.
    pub fn as_text(&self) -> Option<&str> {
        self.get("text/plain")
    }

    /// The HTML, where there is some.
    pub fn as_html(&self) -> Option<&str> {
        self.get("text/html")
    }

    /// The content of a MIME type that is text.
    pub fn get(&self, mime: &str) -> Option<&str> {
        self.data.get(mime).and_then(Value::as_str)
    }

    /// All forms by MIME type.
    pub fn data(&self) -> &MimeBundle {
        &self.data
    }

    /// Notes on the forms by MIME type, such as a picture's size.
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_notes() {
        let bundle = Bundle::new().text("t").png_sized(&[1, 2, 3], 10, 20).json(json!({ "a": 1 }));
        assert_eq!(bundle.as_text(), Some("t"));
        assert_eq!(bundle.get("image/png"), Some("AQID")); // base64.b64encode(bytes([1, 2, 3]))
        assert_eq!(bundle.metadata()["image/png"], json!({ "width": 10, "height": 20 }));
        assert_eq!(bundle.data()["application/json"], json!({ "a": 1 }));
        assert_eq!(bundle.as_html(), None);
    }
}
