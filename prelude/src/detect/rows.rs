//! What a head says of a picture's cells, number by number, and what of it is found.

/// The numbers of one picture: rows of one number a cell.
pub(super) struct CellRows<'a> {
    pub numbers: &'a [f32],
    pub cells: usize,
}

impl CellRows<'_> {
    pub fn at(&self, row: usize, cell: usize) -> f32 {
        self.numbers[row * self.cells + cell]
    }
}

/// Something that a head found on a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighting {
    /// `[centre x, centre y, width, height]` in pixels of the picture that the network saw.
    pub bbox: [f32; 4],
    /// The index of its class.
    pub class: usize,
    /// How likely it is, from 0 to 1.
    pub score: f32,
}

pub(super) fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// ln(1 + eˣ)
pub(super) fn softplus(x: f32) -> f64 {
    let x = f64::from(x);
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
