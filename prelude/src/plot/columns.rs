//! Small pictures in columns, a head above each.

use super::Figure;
use super::canvas::{Align, Canvas, INK};
use super::grid::scaled;
use super::lettering::fit_text;
use super::lines::DENSITY;
use image::RgbImage;

/// Columns beside each other at most; more stand below, in rows that are alike.
const ABREAST: usize = 7;
const SIDE: u32 = 208;
const GAP: u32 = 16;
const HEAD: u32 = 44;

/// Small pictures in columns, each with a head: what the same picture becomes in several ways.
pub fn columns(columns: &[(String, Vec<RgbImage>)]) -> Figure {
    let bands = columns.len().div_ceil(ABREAST).max(1);
    let abreast = columns.len().div_ceil(bands).max(1);
    let bands: Vec<&[(String, Vec<RgbImage>)]> = columns.chunks(abreast).collect();
    let rows = |band: &[(String, Vec<RgbImage>)]| band.iter().map(|(_, own)| own.len()).max().unwrap_or(0) as u32;
    let tall = |band: &&[(String, Vec<RgbImage>)]| HEAD + rows(band) * (SIDE + GAP);
    let width = GAP + abreast as u32 * (SIDE + GAP);
    let height = GAP + bands.iter().map(tall).sum::<u32>().max(HEAD);
    let mut canvas = Canvas::card(width, height);
    let (mut top, mut text) = (GAP, String::new());
    for band in &bands {
        for (at, (head, pictures)) in band.iter().enumerate() {
            let left = GAP + at as u32 * (SIDE + GAP);
            let words = fit_text(head, 23.0, SIDE as f32);
            canvas.text(&words, (left + SIDE / 2) as f32, (top + 26) as f32, 23.0, INK, Align::Center);
            for (row, picture) in pictures.iter().enumerate() {
                let small = scaled(picture, SIDE);
                let y = top + HEAD + row as u32 * (SIDE + GAP) + (SIDE - small.height()) / 2;
                canvas.picture(&small, i64::from(left + (SIDE - small.width()) / 2), i64::from(y));
            }
        }
        let heads: Vec<&str> = band.iter().map(|(head, _)| head.as_str()).collect();
        text += &(heads.join(" | ") + "\n");
        top += tall(band);
    }
    canvas.into_figure(width / DENSITY, height / DENSITY, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_beyond_seven_stand_below() {
        let column = |at: usize| (format!("kind {at}"), vec![RgbImage::new(20, 10 + at as u32); 2]);
        let all: Vec<_> = (0..9).map(column).collect();
        let figure = columns(&all);
        assert_eq!(figure.text().lines().count(), 2);
        assert!(figure.text().starts_with("kind 0 | kind 1 |") && figure.text().ends_with("kind 7 | kind 8\n"));
        assert_eq!(figure.pixels().width(), GAP + 5 * (SIDE + GAP));
        assert_eq!(columns(&all[..2]).pixels().height(), GAP + HEAD + 2 * (SIDE + GAP));
        columns(&[]);
    }
}
