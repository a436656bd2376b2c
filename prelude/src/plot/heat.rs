//! How much each place of a picture counts, as heat over it.

use super::Figure;
use super::canvas::{Align, INK, PALE, Rgb};
use super::grid::Laid;
use image::RgbImage;

/// Matplotlib's `viridis` at even steps from 0 to 1: even in lightness, and told apart by everyone, also in grey.
const COLORS: [Rgb; 9] = [
    [68, 1, 84],
    [71, 44, 122],
    [59, 81, 139],
    [44, 113, 142],
    [33, 144, 141],
    [39, 173, 129],
    [92, 200, 99],
    [170, 220, 50],
    [253, 231, 37],
];

/// How much each cell of a grid over a picture counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Heat {
    /// From 0 to 1, row by row.
    pub values: Vec<f32>,
    /// Cells in a row.
    pub columns: usize,
    /// Left, top, right, bottom of the part of the picture that the grid lies on, in pixels; it may reach beyond the picture.
    pub area: [f32; 4],
}

impl Heat {
    /// The heat at a place of the picture, between the cells' middles linear; `None` outside of the grid.
    fn at(&self, x: f32, y: f32) -> Option<f32> {
        let [x0, y0, x1, y1] = self.area;
        if self.columns == 0 || !(x0..x1).contains(&x) || !(y0..y1).contains(&y) {
            return None;
        }
        let rows = self.values.len() / self.columns;
        let along = |place: f32, cells: usize| {
            let place = (place * cells as f32 - 0.5).clamp(0.0, cells.saturating_sub(1) as f32);
            let low = (place as usize).min(cells.saturating_sub(1));
            (low, (low + 1).min(cells.saturating_sub(1)), place - low as f32)
        };
        let (left, right, across) = along((x - x0) / (x1 - x0), self.columns);
        let (top, bottom, down) = along((y - y0) / (y1 - y0), rows);
        let cell = |row: usize, column: usize| self.values.get(row * self.columns + column).copied().unwrap_or(0.0);
        let row = |row: usize| cell(row, left) * (1.0 - across) + cell(row, right) * across;
        Some((row(top) * (1.0 - down) + row(bottom) * down).clamp(0.0, 1.0))
    }
}

fn color(heat: f32) -> Rgb {
    let heat = if heat.is_finite() { heat.clamp(0.0, 1.0) } else { 0.0 };
    let place = heat * (COLORS.len() - 1) as f32;
    let low = (place as usize).min(COLORS.len() - 2);
    let part = place - low as f32;
    std::array::from_fn(|c| {
        (f32::from(COLORS[low][c]) * (1.0 - part) + f32::from(COLORS[low + 1][c]) * part).round() as u8
    })
}

/// A picture with heat over it: the picture stays visible in grey, what lies outside of the grid is pale.
pub fn warmed(picture: &RgbImage, heat: &Heat) -> RgbImage {
    let mut warm = picture.clone();
    for (x, y, pixel) in warm.enumerate_pixels_mut() {
        let [r, g, b] = pixel.0.map(f32::from);
        let grey = 0.299 * r + 0.587 * g + 0.114 * b;
        pixel.0 = match heat.at(x as f32 + 0.5, y as f32 + 0.5) {
            Some(value) if value.is_finite() => {
                // the hue says how much, the light is mostly the picture's
                let (hue, cover) = (color(value), 0.42 + 0.2 * value);
                hue.map(|hue| (grey * (1.0 - cover) + f32::from(hue) * cover).round() as u8)
            }
            _ => [(grey * 0.5 + 120.0).round().min(255.0) as u8; 3],
        };
    }
    warm
}

/// Pictures in rows, each with a caption below, and what the colours of their heat mean.
pub fn warm_grid(pictures: &[RgbImage], captions: &[String]) -> Figure {
    let largest = if pictures.len() < 3 { 480 } else { 288 };
    let mut laid = Laid::of(pictures, captions, largest, 44);
    let (width, foot) = (laid.canvas.width() as f32, laid.canvas.height() as f32);
    let (bar, y) = ((width * 0.4).min(360.0), foot - 44.0);
    let left = (width - bar) / 2.0;
    for step in 0..64 {
        let at = |step: usize| left + bar * step as f32 / 64.0;
        laid.canvas.rect([at(step), y, at(step + 1) + 0.5, y + 18.0], color(step as f32 / 63.0), 1.0);
    }
    laid.canvas.text("nothing", left - 12.0, y + 17.0, 22.0, PALE, Align::Right);
    laid.canvas.text("most", left + bar + 12.0, y + 17.0, 22.0, INK, Align::Left);
    laid.figure()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_lies_where_its_cells_do() {
        let heat = Heat { values: vec![0.0, 1.0, 0.0, 0.0], columns: 2, area: [10.0, 0.0, 30.0, 20.0] };
        assert_eq!((heat.at(5.0, 5.0), heat.at(30.0, 5.0)), (None, None));
        // the middles of the cells are their own, between them it is linear
        assert_eq!((heat.at(15.0, 5.0), heat.at(25.0, 5.0), heat.at(20.0, 5.0)), (Some(0.0), Some(1.0), Some(0.5)));
        assert_eq!((heat.at(29.9, 0.1), heat.at(25.0, 10.0)), (Some(1.0), Some(0.5)));
        let picture = RgbImage::from_pixel(40, 20, image::Rgb([200, 200, 200]));
        let warm = warmed(&picture, &heat);
        assert_eq!(warm.get_pixel(2, 5).0, [220; 3]);
        assert!(warm.get_pixel(26, 3)[2] < 120 && warm.get_pixel(26, 3)[0] > 200, "yellow");
        assert_eq!((color(0.0), color(1.0), color(f32::NAN)), ([68, 1, 84], [253, 231, 37], [68, 1, 84]));
        for odd in [vec![], vec![0.5], vec![f32::NAN; 4]] {
            warmed(&picture, &Heat { values: odd, columns: 2, area: [0.0, 0.0, 40.0, 20.0] });
        }
        warmed(&picture, &Heat { values: vec![], columns: 0, area: [0.0; 4] });
    }
}
