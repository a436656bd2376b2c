//! What was drawn on a canvas as SVG: lines are lines and text is text, so that it can be searched, and stays sharp at any size.

use super::lettering::{is_own, text_width};
use base64::Engine;
use image::{DynamicImage, ImageFormat, RgbImage};
use std::fmt::Write;
use std::io::Cursor;

/// An opaque colour: red, green, blue.
pub(super) type Rgb = [u8; 3];

/// Where text stands beside its point.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Align {
    Left,
    Center,
    Right,
}

/// One thing that was drawn.
pub(super) enum Element {
    /// Left, top, right and bottom, and the corners' radius.
    Rect([f32; 4], f32, Rgb, f32),
    /// Centre and radius.
    Disc([f32; 3], Rgb, f32),
    Polygon(Vec<(f32, f32)>, Rgb, f32),
    /// Points, width, and lengths that are drawn and free in turn.
    Line(Vec<(f32, f32)>, f32, Rgb, f32, Vec<f32>),
    /// Words, where they stand, size, and whether they run upwards.
    Text(String, [f32; 2], f32, Rgb, Align, bool),
    Picture(RgbImage, i64, i64),
}

/// All of it, of a canvas of some pixels, shown at `shown` CSS pixels.
pub(super) fn svg(canvas: (u32, u32), shown: (u32, u32), inks: &[Element]) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\" \
         font-family=\"DejaVu Sans, Verdana, sans-serif\">\n",
        shown.0, shown.1, canvas.0, canvas.1
    );
    inks.iter().for_each(|ink| element(&mut out, ink));
    out + "</svg>\n"
}

fn element(out: &mut String, ink: &Element) {
    let fill = |color: &Rgb, alpha: &f32| format!("fill=\"{}\"{}", hex(color), opacity("fill", *alpha));
    // Writing to a String cannot fail.
    let _ = match ink {
        Element::Rect([x0, y0, x1, y1], radius, color, alpha) => {
            let round = if *radius > 0.0 { format!(" rx=\"{}\"", short(*radius)) } else { String::new() };
            let (x, y, width, height) = (short(*x0), short(*y0), short(x1 - x0), short(y1 - y0));
            writeln!(
                out,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"{round} {}/>",
                fill(color, alpha)
            )
        }
        Element::Disc([x, y, radius], color, alpha) => {
            let (x, y, radius) = (short(*x), short(*y), short(*radius));
            writeln!(out, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" {}/>", fill(color, alpha))
        }
        Element::Polygon(points, color, alpha) => {
            writeln!(out, "<polygon points=\"{}\" {}/>", listed(points), fill(color, alpha))
        }
        Element::Line(points, width, color, alpha, dash) => {
            let dashes: Vec<String> = dash.iter().map(|length| short(*length)).collect();
            let ends = match dash.is_empty() {
                true => " stroke-linecap=\"round\"".to_owned(),
                false => format!(" stroke-dasharray=\"{}\"", dashes.join(" ")),
            };
            writeln!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\"{} stroke-width=\"{}\" stroke-linejoin=\"round\"{ends}/>",
                listed(points),
                hex(color),
                opacity("stroke", *alpha),
                short(*width)
            )
        }
        Element::Text(words, [x, y], size, color, align, upwards) => {
            let anchor = match align {
                Align::Left => "start",
                Align::Center => "middle",
                Align::Right => "end",
            };
            let turn = if *upwards {
                format!(" transform=\"rotate(-90 {} {})\"", short(*x), short(*y))
            } else {
                String::new()
            };
            // Whoever shows it has other letters, which are to be as wide; what another font drew here may be of any width there.
            let width = match is_own(words) {
                true => {
                    format!(" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\"", short(text_width(words, *size)))
                }
                false => String::new(),
            };
            writeln!(
                out,
                "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\" text-anchor=\"{anchor}\"{width} \
                 xml:space=\"preserve\"{turn}>{}</text>",
                short(*x),
                short(*y),
                short(*size),
                hex(color),
                escaped(words)
            )
        }
        Element::Picture(picture, x, y) => {
            let (width, height) = picture.dimensions();
            writeln!(
                out,
                "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" href=\"{}\"/>",
                link(picture)
            )
        }
    };
}

/// A picture within the file.
fn link(picture: &RgbImage) -> String {
    let mut bytes = Vec::new();
    let picture = DynamicImage::from(picture.clone());
    // Writing to memory cannot fail for a picture that has pixels.
    let _ = picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png);
    format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes))
}

fn hex([red, green, blue]: &Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn opacity(what: &str, alpha: f32) -> String {
    if alpha >= 1.0 { String::new() } else { format!(" {what}-opacity=\"{}\"", short(alpha)) }
}

fn short(number: f32) -> String {
    format!("{}", (f64::from(number) * 100.0).round() / 100.0)
}

fn listed(points: &[(f32, f32)]) -> String {
    points.iter().map(|(x, y)| format!("{},{}", short(*x), short(*y))).collect::<Vec<_>>().join(" ")
}

/// Text as XML takes it: characters that it forbids are left out.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            c => out.push(c),
        }
    }
    out
}
