//! A document as one HTML page that loads nothing: text, code, figures and styles are all within it.

pub mod ansi;
pub mod code;

use crate::document::{self, Notebook, joined};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

const STYLE: &str = include_str!("style.css");

/// What the page may load: nothing but itself. Scripts in outputs do not run.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; media-src data:";

/// The page. Pictures that its text names by a path are looked for in `folder` and put into the page.
pub fn page(notebook: &Notebook, title: &str, folder: &Path) -> String {
    let mut body = String::new();
    for cell in notebook.cells().iter().filter(|cell| !document::has_tag(cell, "remove-cell")) {
        match document::kind(cell) {
            "markdown" => {
                let text = markdown(&document::source(cell), cell.get("attachments"), folder);
                let _ = writeln!(body, "<section class=\"cell markdown\">\n{text}</section>");
            }
            "code" => code_cell(cell, folder, &mut body),
            _ => {}
        }
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"generator\" content=\"candlewick\">\n<title>{}</title>\n\
         <style>\n{}{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escape(title),
        code::css(),
    )
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

fn code_cell(cell: &Value, folder: &Path, body: &mut String) {
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
        outputs.iter().for_each(|output| body.push_str(&one_output(output, folder)));
        body.push_str("</div>\n");
    }
    body.push_str("</section>\n");
}

fn one_output(output: &Value, folder: &Path) -> String {
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
            let html = rich(&output["data"], &output["metadata"], folder);
            if html.is_empty() { html } else { format!("<div class=\"output\">{html}</div>\n") }
        }
        _ => String::new(),
    }
}

/// The richest content that a page without scripts can show.
fn rich(data: &Value, metadata: &Value, folder: &Path) -> String {
    let text = |mime: &str| data.get(mime).map(joined).filter(|text| !text.trim().is_empty());
    if let Some(html) = text("text/html") {
        return html;
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
        return format!("<div class=\"markdown\">{}</div>", markdown(&source, None, folder));
    }
    let plain = text("text/plain").or_else(|| text("text/latex")).unwrap_or_default();
    if plain.is_empty() { plain } else { format!("<pre>{}</pre>", ansi::to_html(&plain)) }
}

/// The `svg` element alone, without the prologue that only a file of its own may have.
fn svg_element(svg: &str) -> String {
    svg.find("<svg").map_or_else(|| format!("<pre>{}</pre>", escape(svg)), |start| svg[start..].trim().to_owned())
}

/// Markdown as HTML, its pictures put into the page, its code coloured, its formulas kept as they are.
fn markdown(text: &str, attachments: Option<&Value>, folder: &Path) -> String {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_MATH;
    let mut events = Vec::new();
    let mut block: Option<(String, String)> = None;
    let mut outside = Vec::new();
    for event in Parser::new_ext(text, options) {
        match event {
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
                let inside = data_url(&dest_url, attachments, folder);
                outside.push(inside.is_none());
                // A picture from elsewhere becomes a link: the page loads nothing.
                events.push(Event::Start(match inside {
                    Some(url) => Tag::Image { link_type, dest_url: url, title, id },
                    None => Tag::Link { link_type, dest_url, title, id },
                }));
            }
            Event::End(TagEnd::Image) => {
                let end = if outside.pop().unwrap_or(false) { TagEnd::Link } else { TagEnd::Image };
                events.push(Event::End(end));
            }
            event => events.push(event),
        }
    }
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, events.into_iter());
    html
}

/// The picture's content as a URL, if it is attached to the cell or lies in the folder.
fn data_url<'a>(url: &str, attachments: Option<&Value>, folder: &Path) -> Option<CowStr<'a>> {
    if url.starts_with("data:") {
        return Some(url.to_owned().into());
    }
    if let Some(name) = url.strip_prefix("attachment:") {
        let (mime, content) = attachments?.get(name)?.as_object()?.iter().next()?;
        return Some(format!("data:{mime};base64,{}", joined(content)).into());
    }
    let extension = Path::new(url).extension()?.to_str()?.to_ascii_lowercase();
    let mime = match extension.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        _ => return None,
    };
    let bytes = std::fs::read(folder.join(url)).ok()?;
    Some(format!("data:{mime};base64,{}", BASE64_STANDARD.encode(bytes)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_keeps_tables_formulas_and_code() {
        let html =
            markdown("|a|b|\n|-|-|\n|1|2|\n\n$x_1 * y_1 * z$\n\n```rust\nlet x = 1;\n```\n", None, Path::new(""));
        assert!(html.contains("<td>1</td>"), "{html}");
        assert!(html.contains("x_1 * y_1 * z"), "{html}");
        assert!(html.contains("s-storage"), "{html}");
    }

    #[test]
    fn pictures_come_into_the_page_or_become_links() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("dot.png"), b"hi").unwrap();
        let attachments = serde_json::json!({ "a.png": { "image/png": "aGk=" } });
        let html = markdown(
            "![d](dot.png) ![a](attachment:a.png) ![far](https://example.org/x.png)",
            Some(&attachments),
            folder.path(),
        );
        assert_eq!(html.matches("<img src=\"data:image/png;base64,aGk=\"").count(), 2, "{html}");
        assert!(html.contains("<a href=\"https://example.org/x.png\">far</a>"), "{html}");
    }

    #[test]
    fn the_richest_content_is_shown() {
        let none = Value::Null;
        let show = |data: Value| rich(&data, &none, Path::new(""));
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
