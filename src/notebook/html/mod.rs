//! A document as one HTML page that loads nothing: text, code, figures and styles are all within it.

pub mod ansi;
pub mod code;
mod pictures;

use crate::document::{self, Notebook, joined};
use pictures::{Located, Pictures};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

const STYLE: &str = include_str!("style.css");

/// What the page may load: nothing but itself. Scripts in outputs do not run.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; media-src data:";

/// A page, and what it lacks.
#[derive(Clone, Debug)]
pub struct Page {
    /// The HTML.
    pub html: String,
    /// A line for each picture that was not found.
    pub missing: Vec<String>,
}

/// The page. Pictures that its text names by a path are looked for in `folder` and put into the page.
pub fn page(notebook: &Notebook, title: &str, folder: &Path) -> Page {
    let mut body = String::new();
    let mut missing = Vec::new();
    for cell in notebook.cells().iter().filter(|cell| !document::has_tag(cell, "remove-cell")) {
        let attachments = cell.get("attachments");
        let mut pictures = Pictures { folder, attachments, missing: &mut missing };
        match document::kind(cell) {
            "markdown" => {
                let text = markdown(&document::source(cell), &mut pictures);
                let _ = writeln!(body, "<section class=\"cell markdown\">\n{text}</section>");
            }
            "code" => code_cell(cell, &mut pictures, &mut body),
            _ => {}
        }
    }
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"generator\" content=\"candlewick\">\n<title>{}</title>\n\
         <style>\n{}{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escape(title),
        code::css(),
    );
    Page { html, missing }
}

/// Text for HTML, within elements and attributes.
pub fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            c => html.push(c),
        }
    }
    html
}

fn code_cell(cell: &Value, pictures: &mut Pictures<'_>, body: &mut String) {
    let hidden = |which: &str| cell["metadata"]["jupyter"][which] == true;
    let source = document::source(cell);
    let outputs = cell.get("outputs").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    body.push_str("<section class=\"cell code\">\n");
    if !source.trim().is_empty() && !document::has_tag(cell, "remove-input") && !hidden("source_hidden") {
        if let Some(count) = cell.get("execution_count").and_then(Value::as_u64) {
            let _ = writeln!(body, "<span class=\"count\">[{count}]</span>");
        }
        let _ = writeln!(body, "<pre class=\"source\"><code>{}</code></pre>", code::to_html(&source, "rust"));
    }
    if !outputs.is_empty() && !document::has_tag(cell, "remove-output") && !hidden("outputs_hidden") {
        body.push_str("<div class=\"outputs\">\n");
        outputs.iter().for_each(|output| body.push_str(&one_output(output, pictures)));
        body.push_str("</div>\n");
    }
    body.push_str("</section>\n");
}

fn one_output(output: &Value, pictures: &mut Pictures<'_>) -> String {
    match output["output_type"].as_str().unwrap_or("") {
        "stream" => {
            let name = if output["name"] == "stderr" { "stderr" } else { "stdout" };
            format!("<div class=\"output {name}\"><pre>{}</pre></div>\n", ansi::to_html(&joined(&output["text"])))
        }
        "error" => {
            let lines = output["traceback"].as_array().map_or(&[][..], Vec::as_slice);
            let mut text = lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n");
            if text.is_empty() {
                let part = |key: &str| output[key].as_str().unwrap_or("").to_owned();
                text = format!("{}: {}", part("ename"), part("evalue"));
            }
            format!("<div class=\"output error\"><pre>{}</pre></div>\n", ansi::to_html(&text))
        }
        "display_data" | "execute_result" => {
            let html = rich(&output["data"], &output["metadata"], pictures);
            if html.is_empty() { html } else { format!("<div class=\"output\">{html}</div>\n") }
        }
        _ => String::new(),
    }
}

/// The richest content that a page without scripts can show.
fn rich(data: &Value, metadata: &Value, pictures: &mut Pictures<'_>) -> String {
    let text = |mime: &str| data.get(mime).map(joined).filter(|text| !text.trim().is_empty());
    if let Some(html) = text("text/html") {
        return pictures.in_html(&html);
    }
    if let Some(svg) = text("image/svg+xml") {
        return svg_element(&svg);
    }
    for mime in ["image/png", "image/jpeg", "image/gif", "image/webp"] {
        if let Some(base64) = text(mime) {
            let base64: String = base64.split_whitespace().collect();
            let size = |key: &str| {
                let size = metadata.get(mime).and_then(|notes| notes.get(key)).and_then(Value::as_u64);
                size.map(|size| format!(" {key}=\"{size}\"")).unwrap_or_default()
            };
            let alt = text("text/plain").map(|plain| escape(plain.lines().next().unwrap_or(""))).unwrap_or_default();
            let src = format!("data:{mime};base64,{}", escape(&base64));
            return format!("<img src=\"{src}\" alt=\"{alt}\"{}{}>", size("width"), size("height"));
        }
    }
    if let Some(source) = text("text/markdown") {
        return format!("<div class=\"markdown\">{}</div>", markdown(&source, pictures));
    }
    let plain = text("text/plain").or_else(|| text("text/latex")).unwrap_or_default();
    if plain.is_empty() { plain } else { format!("<pre>{}</pre>", ansi::to_html(&plain)) }
}

/// The `svg` element alone, without the prologue that only a file of its own may have.
fn svg_element(svg: &str) -> String {
    svg.find("<svg").map_or_else(|| format!("<pre>{}</pre>", escape(svg)), |start| svg[start..].trim().to_owned())
}

/// Markdown as HTML, its pictures put into the page, its code coloured, its formulas kept as they are.
fn markdown(text: &str, pictures: &mut Pictures<'_>) -> String {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_MATH;
    let text = pictures::with_spaces(text, options);
    let mut events: Vec<Event<'_>> = Vec::new();
    let mut block: Option<(String, String)> = None;
    let mut outside = Vec::new();
    // A tag may stand in several lines, each an event of its own.
    let mut html = String::new();
    for event in Parser::new_ext(&text, options) {
        match &event {
            Event::Html(part) => {
                html.push_str(part);
                continue;
            }
            _ if !html.is_empty() => events.push(Event::Html(pictures.in_html(&std::mem::take(&mut html)).into())),
            _ => {}
        }
        match event {
            Event::InlineHtml(part) => events.push(Event::InlineHtml(pictures.in_html(&part).into())),
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match &kind {
                    CodeBlockKind::Fenced(info) => info.split([',', ' ']).next().unwrap_or("").to_owned(),
                    CodeBlockKind::Indented => String::new(),
                };
                block = Some((language, String::new()));
            }
            Event::Text(part) if block.is_some() => {
                if let Some((_, code)) = &mut block {
                    code.push_str(&part);
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                let (language, code) = block.take().unwrap_or_default();
                let html = format!("<pre><code>{}</code></pre>\n", code::to_html(code.trim_end(), &language));
                events.push(Event::Html(html.into()));
            }
            Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
                let found = pictures.find(&dest_url);
                outside.push(found == Located::Elsewhere);
                // A picture from elsewhere becomes a link: the page loads nothing.
                events.push(Event::Start(match found {
                    Located::Inside(url) => Tag::Image { link_type, dest_url: url.into(), title, id },
                    Located::Missing => Tag::Image { link_type, dest_url, title, id },
                    Located::Elsewhere => Tag::Link { link_type, dest_url, title, id },
                }));
            }
            Event::End(TagEnd::Image) => {
                let end = if outside.pop().unwrap_or(false) { TagEnd::Link } else { TagEnd::Image };
                events.push(Event::End(end));
            }
            event => events.push(event),
        }
    }
    if !html.is_empty() {
        events.push(Event::Html(pictures.in_html(&html).into()));
    }
    let mut page = String::new();
    pulldown_cmark::html::push_html(&mut page, events.into_iter());
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page's part, and how many pictures were not found.
    fn shown(text: &str, attachments: Option<&Value>, folder: &Path) -> (String, usize) {
        let mut missing = Vec::new();
        let html = markdown(text, &mut Pictures { folder, attachments, missing: &mut missing });
        (html, missing.len())
    }

    #[test]
    fn markdown_keeps_tables_formulas_and_code() {
        let (html, _) =
            shown("|a|b|\n|-|-|\n|1|2|\n\n$x_1 * y_1 * z$\n\n```rust\nlet x = 1;\n```\n", None, Path::new(""));
        assert!(html.contains("<td>1</td>"), "{html}");
        assert!(html.contains("x_1 * y_1 * z"), "{html}");
        assert!(html.contains("s-storage"), "{html}");
    }

    #[test]
    fn pictures_come_into_the_page_or_become_links() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("dot.png"), b"hi").unwrap();
        let attachments = serde_json::json!({ "a.png": { "image/png": "aGk=" } });
        let (html, missing) = shown(
            "![d](dot.png) ![a](attachment:a.png) ![far](https://example.org/x.png)",
            Some(&attachments),
            folder.path(),
        );
        assert_eq!((html.matches("<img src=\"data:image/png;base64,aGk=\"").count(), missing), (2, 0), "{html}");
        assert!(html.contains("<a href=\"https://example.org/x.png\">far</a>"), "{html}");
    }

    #[test]
    fn tags_and_names_with_spaces_come_into_the_page() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("pics")).unwrap();
        std::fs::write(folder.path().join("pics/a b.png"), b"hi").unwrap();
        let attachments = serde_json::json!({ "my pic.png": { "image/png": "aGk=" } });
        for text in [
            "![x](pics/a b.png)",
            "![x](pics/a%20b.png)",
            "![x][ref]\n\n[ref]: <pics/a b.png>",
            "![x](attachment:my%20pic.png)",
            "![x](attachment:my pic.png)",
            "<img src=\"pics/a b.png\" width=\"10\">",
            "text <img src='pics/a%20b.png'/> text",
            "<div>\n<img\n  src=\"pics/a b.png\"\n  alt=\"x\">\n</div>",
            "| a |\n|---|\n| <img src=\"attachment:my%20pic.png\"> |",
        ] {
            let (html, missing) = shown(text, Some(&attachments), folder.path());
            assert!(html.contains("src=\"data:image/png;base64,aGk=\"") && missing == 0, "{text}: {html}");
        }
        let (html, missing) = shown("![x](absent.png) <img src=\"absent.png\">", None, folder.path());
        assert!(html.matches("absent.png").count() == 2 && missing == 1, "{html}");
        let (html, _) = shown("`<img src=\"pics/a b.png\">`", None, folder.path());
        assert!(!html.contains("data:"), "{html}");
    }

    #[test]
    fn the_richest_content_is_shown() {
        let none = Value::Null;
        let show = |data: Value| {
            let mut missing = Vec::new();
            rich(&data, &none, &mut Pictures { folder: Path::new(""), attachments: None, missing: &mut missing })
        };
        let svg = "<?xml version=\"1.0\"?>\n<!DOCTYPE svg>\n<svg viewBox=\"0 0 1 1\"/>\n";
        assert_eq!(
            show(serde_json::json!({ "image/svg+xml": [svg], "text/plain": "p" })),
            "<svg viewBox=\"0 0 1 1\"/>"
        );
        assert_eq!(show(serde_json::json!({ "text/plain": ["<", "\n"] })), "<pre>&lt;\n</pre>");
        assert_eq!(show(serde_json::json!({ "text/html": "<b>x</b>", "text/plain": "p" })), "<b>x</b>");
        let png = show(serde_json::json!({ "image/png": "aG\nk=\n", "text/plain": "a \"figure\"" }));
        assert_eq!(png, "<img src=\"data:image/png;base64,aGk=\" alt=\"a &quot;figure&quot;\">");
    }
}
