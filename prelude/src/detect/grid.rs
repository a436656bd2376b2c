//! The cells of a pyramid's maps, and the boxes that the cells' numbers stand for.

use crate::{Error, Result};

/// The strides of the maps that heads look at.
const STRIDES: [usize; 3] = [8, 16, 32];

/// One cell of a map: its place, and how many pixels of the picture it is wide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GridCell {
    /// Its column.
    pub x: f32,
    /// Its row.
    pub y: f32,
    /// Pixels of the picture a cell.
    pub stride: f32,
}

impl GridCell {
    /// Its middle on the picture, in pixels.
    pub fn middle(&self) -> (f32, f32) {
        ((self.x + 0.5) * self.stride, (self.y + 0.5) * self.stride)
    }
}

/// The cells of all maps of a pyramid over a picture: the finest map's first, row after row.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid(pub Vec<GridCell>);

impl Grid {
    /// The cells over a picture of so many pixels, for maps of these strides.
    ///
    /// ```
    /// use candlewick_prelude::detect::Grid;
    /// assert_eq!(Grid::over((416, 416), &[8, 16, 32]).0.len(), 3549);
    /// ```
    pub fn over((height, width): (usize, usize), strides: &[usize]) -> Grid {
        let mut cells = Vec::new();
        for stride in strides {
            let (rows, columns) = (height / stride, width / stride);
            for y in 0..rows {
                let cell = |x| GridCell { x: x as f32, y: y as f32, stride: *stride as f32 };
                cells.extend((0..columns).map(cell));
            }
        }
        Grid(cells)
    }

    /// The cells of the maps of strides 8, 16 and 32, where a head says something of so many.
    pub(super) fn told(side: (usize, usize), cells: usize) -> Result<Grid> {
        let grid = Grid::over(side, &STRIDES);
        if grid.0.len() != cells {
            return Err(Error::new(format!(
                "a picture of {} × {} pixels has {} cells, the head says something of {cells}",
                side.0,
                side.1,
                grid.0.len()
            )));
        }
        Ok(grid)
    }
}
