//! Where the pixels of a new picture come from, as a perspective: three rows of three numbers, around the centre.

/// From a place on the new picture to the place on the old one that it shows: x, y and 1 times the rows, divided by the third.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Warp([[f32; 3]; 3]);

impl Warp {
    /// Nothing moves.
    pub const NONE: Warp = Warp([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);

    /// Straight lines stay parallel: x' = a x + b y + dx, y' = c x + d y + dy.
    pub fn affine([a, b, c, d]: [f32; 4], dx: f32, dy: f32) -> Warp {
        Warp([[a, b, dx], [c, d, dy], [0.0, 0.0, 1.0]])
    }

    /// Takes each of four places to its partner; the places are no three on a line.
    pub fn between(new: [(f32, f32); 4], old: [(f32, f32); 4]) -> Warp {
        // Two equations a corner for a, b, c, d, e, f, g, h of (ax + by + c) / (gx + hy + 1), (dx + ey + f) / (gx + hy + 1).
        let mut rows = [[0.0f64; 9]; 8];
        for (corner, (from, to)) in new.into_iter().zip(old).enumerate() {
            let (x, y, u, v) = (f64::from(from.0), f64::from(from.1), f64::from(to.0), f64::from(to.1));
            rows[2 * corner] = [x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, u];
            rows[2 * corner + 1] = [0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, v];
        }
        let [a, b, c, d, e, f, g, h] = solve(rows).map(|value| value as f32);
        Warp([[a, b, c], [d, e, f], [g, h, 1.0]])
    }

    /// This one, of what `first` gives.
    pub fn after(&self, first: &Warp) -> Warp {
        let entry = |row: usize, column: usize| (0..3).map(|i| self.0[row][i] * first.0[i][column]).sum();
        Warp(std::array::from_fn(|row| std::array::from_fn(|column| entry(row, column))))
    }

    /// The way back: the adjugate, since a factor changes nothing.
    pub fn back(&self) -> Warp {
        let m = &self.0;
        let minor = |r: [usize; 2], c: [usize; 2]| m[r[0]][c[0]] * m[r[1]][c[1]] - m[r[0]][c[1]] * m[r[1]][c[0]];
        let others = |i: usize| [[1, 2], [0, 2], [0, 1]][i];
        let sign = |i: usize| if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        Warp(std::array::from_fn(|row| {
            std::array::from_fn(|column| sign(row + column) * minor(others(column), others(row)))
        }))
    }

    /// Where a place goes.
    #[inline]
    pub fn of(&self, x: f32, y: f32) -> (f32, f32) {
        let row = |row: &[f32; 3]| row[0] * x + row[1] * y + row[2];
        let under = row(&self.0[2]);
        (row(&self.0[0]) / under, row(&self.0[1]) / under)
    }

    /// The first eight numbers, where the ninth is 1.
    #[cfg(test)]
    pub fn eight(&self) -> [f32; 8] {
        std::array::from_fn(|i| self.0[i / 3][i % 3] / self.0[2][2])
    }
}

/// Solves eight equations, a row each with its right side last; the largest number of a column leads.
fn solve(mut rows: [[f64; 9]; 8]) -> [f64; 8] {
    for lead in 0..8 {
        let most = (lead..8).max_by(|a, b| rows[*a][lead].abs().total_cmp(&rows[*b][lead].abs())).unwrap_or(lead);
        rows.swap(lead, most);
        let own = rows[lead];
        for (at, row) in rows.iter_mut().enumerate() {
            let factor = if at == lead { 0.0 } else { row[lead] / own[lead] };
            row.iter_mut().zip(own).for_each(|(value, own)| *value -= factor * own);
        }
    }
    std::array::from_fn(|at| rows[at][8] / rows[at][at])
}
