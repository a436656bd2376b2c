//! Which pixels an outline covers and by how much, and pictures of fractions that are blended and softened.

use super::curve::Outline;
use crate::boxes::BBox;
use tiny_skia::{FillRule, Mask, PathBuilder, Transform};

/// The pixels of a rectangle within the picture and how much of each is covered, from 0 to 1.
pub(super) struct Cover {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
    pub share: Vec<f32>,
}

impl Cover {
    /// What rings cover of a picture, with `spare` empty pixels around it; none where they cover nothing.
    pub fn of(rings: &[Outline], (width, height): (usize, usize), spare: usize) -> Option<Cover> {
        let points = || rings.iter().flatten();
        let (mut x0, mut y0, mut x1, mut y1) = (f32::MAX, f32::MAX, f32::MIN, f32::MIN);
        for [x, y] in points() {
            (x0, y0, x1, y1) = (x0.min(*x), y0.min(*y), x1.max(*x), y1.max(*y));
        }
        let spare = spare as f32;
        let edge = |value: f32, most: usize| value.clamp(0.0, most as f32) as usize;
        let (left, top) = (edge((x0 - spare).floor(), width), edge((y0 - spare).floor(), height));
        let (right, bottom) = (edge((x1 + spare).ceil(), width), edge((y1 + spare).ceil(), height));
        if right <= left || bottom <= top {
            return None;
        }
        let mut path = PathBuilder::new();
        for ring in rings {
            let mut points = ring.iter().map(|[x, y]| (x - left as f32, y - top as f32));
            let (x, y) = points.next()?;
            path.move_to(x, y);
            points.for_each(|(x, y)| path.line_to(x, y));
            path.close();
        }
        let mut mask = Mask::new((right - left) as u32, (bottom - top) as u32)?;
        mask.fill_path(&path.finish()?, FillRule::Winding, true, Transform::identity());
        let share = mask.data().iter().map(|byte| f32::from(*byte) / 255.0).collect();
        Some(Cover { left, top, width: right - left, height: bottom - top, share })
    }

    /// The covered pixels: place in the cover, column and row in the picture, share.
    pub fn pixels(&self) -> impl Iterator<Item = (usize, usize, usize, f32)> + '_ {
        let place = |(at, share): (usize, &f32)| (at, self.left + at % self.width, self.top + at / self.width, *share);
        self.share.iter().enumerate().filter(|(_, share)| **share > 0.0).map(place)
    }

    /// A height for every pixel, as if the shape were a cushion: highest inside, sloping towards the border.
    pub fn cushion(&self, reach: usize) -> Vec<f32> {
        let mut height = self.share.clone();
        soften(&mut height, self.width, reach);
        soften(&mut height, self.width, reach.div_ceil(2));
        height
    }

    /// The slope of a height at a pixel, to the right and downwards.
    pub fn slope(&self, height: &[f32], at: usize) -> (f32, f32) {
        let (x, y) = (at % self.width, at / self.width);
        let read = |x: usize, y: usize| height[y * self.width + x];
        let (right, below) = ((x + 1).min(self.width - 1), (y + 1).min(self.height - 1));
        (read(right, y) - read(x.saturating_sub(1), y), read(x, below) - read(x, y.saturating_sub(1)))
    }
}

/// A picture's pixels as yes or no: what one thing covers.
#[derive(Clone)]
pub(super) struct Stencil {
    width: usize,
    covered: Vec<bool>,
}

impl Stencil {
    /// What all covers together hold by half at least.
    pub fn of<'a>((width, height): (usize, usize), rings: impl Iterator<Item = &'a [Outline]>) -> Stencil {
        let mut free = vec![1.0f32; width * height];
        for cover in rings.filter_map(|rings| Cover::of(rings, (width, height), 0)) {
            cover.pixels().for_each(|(_, x, y, share)| free[y * width + x] *= 1.0 - share);
        }
        Stencil { width, covered: free.into_iter().map(|free| free <= 0.5).collect() }
    }

    /// The tight box around the covered pixels; none where nothing is.
    pub fn bounds(&self) -> Option<BBox> {
        let (mut x0, mut y0, mut x1, mut y1) = (usize::MAX, usize::MAX, 0, 0);
        for at in (0..self.covered.len()).filter(|at| self.covered[*at]) {
            let (x, y) = (at % self.width, at / self.width);
            (x0, y0, x1, y1) = (x0.min(x), y0.min(y), x1.max(x + 1), y1.max(y + 1));
        }
        (x1 > 0).then(|| BBox::new(x0 as f32, y0 as f32, x1 as f32, y1 as f32))
    }

    /// The share of this thing's pixels that none of the others covers.
    pub fn visible<'a>(&self, others: impl Iterator<Item = &'a Stencil>) -> f32 {
        let mut left = self.covered.clone();
        for other in others {
            left.iter_mut().zip(&other.covered).for_each(|(own, other)| *own &= !other);
        }
        let count = |pixels: &[bool]| pixels.iter().filter(|pixel| **pixel).count() as f32;
        count(&left) / count(&self.covered).max(1.0)
    }
}

/// A picture in fractions of red, green and blue.
#[derive(Clone, PartialEq)]
pub(super) struct Raster {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<[f32; 3]>,
}

impl Raster {
    /// A picture whose pixels a function gives.
    pub fn new((width, height): (usize, usize), pixel: impl Fn(usize, usize) -> [f32; 3]) -> Raster {
        let pixels = (0..width * height).map(|at| pixel(at % width, at / width)).collect();
        Raster { width, height, pixels }
    }

    /// Lays a colour over a pixel, by a share.
    pub fn lay(&mut self, x: usize, y: usize, colour: [f32; 3], share: f32) {
        let pixel = &mut self.pixels[y * self.width + x];
        *pixel = super::chance::mix(*pixel, colour, share);
    }

    /// Fills rings with one colour, by a share.
    pub fn fill(&mut self, rings: &[Outline], colour: [f32; 3], share: f32) {
        let Some(cover) = Cover::of(rings, (self.width, self.height), 0) else { return };
        cover.pixels().for_each(|(_, x, y, covered)| self.lay(x, y, colour, covered * share));
    }

    /// Softens all pixels by a box of `reach` pixels to each side, twice.
    pub fn soften(&mut self, reach: usize) {
        for channel in 0..3 {
            let mut plane: Vec<f32> = self.pixels.iter().map(|pixel| pixel[channel]).collect();
            soften(&mut plane, self.width, reach);
            soften(&mut plane, self.width, reach);
            self.pixels.iter_mut().zip(plane).for_each(|(pixel, value)| pixel[channel] = value);
        }
    }
}

/// Averages every pixel of a plane with those up to `reach` beside it, then with those above and below; what lies
/// beyond the border is as the border.
pub(super) fn soften(plane: &mut [f32], width: usize, reach: usize) {
    if reach == 0 || plane.is_empty() {
        return;
    }
    let height = plane.len() / width;
    let part = 1.0 / (2 * reach + 1) as f32;
    let mut line = vec![0.0; width.max(height) + 2 * reach + 1];
    for row in plane.chunks_exact_mut(width) {
        line[..reach].fill(row[0]);
        line[reach..reach + width].copy_from_slice(row);
        line[reach + width..=width + 2 * reach].fill(row[width - 1]);
        let mut sum: f32 = line[..=2 * reach].iter().sum();
        for (at, pixel) in row.iter_mut().enumerate() {
            *pixel = sum * part;
            sum += line[at + 2 * reach + 1] - line[at];
        }
    }
    // all columns at once, a row after the other
    let source = plane.to_vec();
    let row = |y: isize| {
        let start = y.clamp(0, height as isize - 1) as usize * width;
        &source[start..start + width]
    };
    let reach = reach as isize;
    let mut sums = vec![0.0f32; width];
    (-reach..=reach).for_each(|y| sums.iter_mut().zip(row(y)).for_each(|(sum, value)| *sum += value));
    for (y, out) in plane.chunks_exact_mut(width).enumerate() {
        let (enters, leaves) = (row(y as isize + reach + 1), row(y as isize - reach));
        for (x, pixel) in out.iter_mut().enumerate() {
            *pixel = sums[x] * part;
            sums[x] += enters[x] - leaves[x];
        }
    }
}
