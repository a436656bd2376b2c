//! Rows of many numbers on a plane: principal components, and t-SNE.

use std::sync::Arc;

use bhtsne::tSNE;

use crate::{Error, Result};

/// Rows on a plane.
pub(super) struct Plane {
    pub points: Vec<[f64; 2]>,
    /// Of principal components, the share of the variance that each of the two axes has.
    pub explained: Option<[f64; 2]>,
}

/// Vectors that are iterated together: more than two, so that the first two come out soon.
const BLOCK: usize = 8;
/// Iterations at most; what has not settled by then differs in its last digits.
const ROUNDS: usize = 300;

/// Rows of one length, centred, one after another.
struct Centred {
    values: Vec<f64>,
    width: usize,
}

impl Centred {
    fn of(rows: &[Vec<f32>]) -> Centred {
        let width = rows.first().map_or(0, Vec::len);
        let mut means = vec![0.0; width];
        for row in rows {
            means.iter_mut().zip(row).for_each(|(mean, value)| *mean += f64::from(*value) / rows.len() as f64);
        }
        let values = rows.iter().flat_map(|row| row.iter().zip(&means).map(|(value, mean)| f64::from(*value) - mean));
        Centred { values: values.collect(), width }
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// What each row is along a vector.
    fn along(&self, vector: &[f64]) -> Vec<f64> {
        self.rows().map(|row| dot(row, vector)).collect()
    }

    /// The sum of the rows, each weighted.
    fn back(&self, weights: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.width];
        for (row, weight) in self.rows().zip(weights) {
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
        }
        sum
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The rows on their first two principal components, as scikit-learn's `PCA(2)`: each axis points to where its largest loading is positive.
pub(super) fn principal(rows: &[Vec<f32>]) -> Plane {
    let x = Centred::of(rows);
    let total = dot(&x.values, &x.values);
    let block = BLOCK.min(rows.len()).min(x.width);
    // any start will do that no data are at right angles to
    let start = |k: usize| (0..x.width).map(move |at| ((at * 2 + 1) as f64 * (k + 1) as f64 * 0.754_877_666).sin());
    let mut axes: Vec<Vec<f64>> = (0..block).map(|k| start(k).collect()).collect();
    let mut along: Vec<Vec<f64>> = Vec::new();
    let mut spread = vec![0.0; block];
    for _ in 0..ROUNDS {
        orthogonal(&mut axes);
        along = axes.iter().map(|axis| x.along(axis)).collect();
        let products: Vec<Vec<f64>> = along.iter().map(|a| along.iter().map(|b| dot(a, b)).collect()).collect();
        let (values, turns) = eigen(products);
        axes = turned(&axes, &turns);
        along = turned(&along, &turns);
        let next: Vec<Vec<f64>> = along.iter().map(|weights| x.back(weights)).collect();
        let off = |k: usize| -> f64 {
            let gap = next[k].iter().zip(&axes[k]).map(|(next, axis)| (next - values[k] * axis).powi(2)).sum::<f64>();
            gap.sqrt()
        };
        let settled = (0..block.min(2)).all(|k| off(k) <= 1e-9 * values[0].abs());
        spread = values;
        if settled {
            break;
        }
        axes = next;
    }
    for (axis, along) in axes.iter().zip(&mut along) {
        let largest =
            axis.iter().copied().fold(0.0, |most: f64, value| if value.abs() > most.abs() { value } else { most });
        if largest < 0.0 {
            along.iter_mut().for_each(|value| *value = -*value);
        }
    }
    let place = |row: usize, axis: usize| along.get(axis).and_then(|values| values.get(row)).copied().unwrap_or(0.0);
    let share = |axis: usize| if total > 0.0 { spread.get(axis).map_or(0.0, |value| value / total) } else { 0.0 };
    let points = (0..rows.len()).map(|row| [place(row, 0), place(row, 1)]).collect();
    Plane { points, explained: Some([share(0), share(1)]) }
}

/// Makes vectors of length 1 at right angles to each other; one that is a mixture of those before it becomes 0.
fn orthogonal(vectors: &mut [Vec<f64>]) {
    for at in 0..vectors.len() {
        let (before, rest) = vectors.split_at_mut(at);
        let own = &mut rest[0];
        let length = dot(own, own).sqrt();
        for _ in 0..2 {
            for other in before.iter() {
                let part = dot(own, other);
                own.iter_mut().zip(other).for_each(|(own, other)| *own -= part * other);
            }
        }
        let left = dot(own, own).sqrt();
        let scale = if left > 1e-12 * length && left > 0.0 { 1.0 / left } else { 0.0 };
        own.iter_mut().for_each(|value| *value *= scale);
    }
}

/// Mixtures of vectors: the columns of `turns` are the weights.
fn turned(vectors: &[Vec<f64>], turns: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let length = vectors.first().map_or(0, Vec::len);
    let mixed = |column: usize| {
        let mut sum = vec![0.0; length];
        for (vector, row) in vectors.iter().zip(turns) {
            sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += row[column] * value);
        }
        sum
    };
    (0..vectors.len()).map(mixed).collect()
}

/// Eigenvalues, the largest first, and eigenvectors (columns) of a small symmetric matrix, by Jacobi's rotations.
fn eigen(mut a: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = a.len();
    let mut v: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..60 {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i][j] * a[i][j]).sum();
        let size: f64 = (0..n).map(|i| a[i][i] * a[i][i]).sum();
        if off <= 1e-30 * size {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q] == 0.0 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = if theta >= 0.0 { 1.0 } else { -1.0 } / (theta.abs() + (theta * theta + 1.0).sqrt());
                let (c, s) = (1.0 / (t * t + 1.0).sqrt(), t / (t * t + 1.0).sqrt());
                for row in a.iter_mut().chain(&mut v) {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
                let (before, rest) = a.split_at_mut(q);
                for (x, y) in before[p].iter_mut().zip(&mut rest[0]) {
                    (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| a[*j][*j].total_cmp(&a[*i][*i]));
    let values = order.iter().map(|i| a[*i][*i]).collect();
    (values, v.iter().map(|row| order.iter().map(|i| row[*i]).collect()).collect())
}

/// More rows than this are placed by Barnes and Hut's approximation.
const EXACT: usize = 400;
/// What the map tries to keep about this many neighbours of each row: scikit-learn's, less where there are few rows.
const PERPLEXITY: f64 = 30.0;

/// The rows by t-SNE (van der Maaten and Hinton 2008), which begins with the principal components, as scikit-learn's; the same rows give
/// the same map.
pub(super) fn neighbours(rows: &[Vec<f32>]) -> Result<Plane> {
    let count = rows.len();
    if count < 5 {
        return Err(Error::new(format!("t-SNE needs 5 examples or more, there are {count}"))
            .remedy("`learner.embedding_map()?` places any number of them"));
    }
    let perplexity = PERPLEXITY.min((count - 1) as f64 / 3.0);
    let start = principal(rows).points;
    let largest = (start.iter().map(|[x, _]| x * x).sum::<f64>() / count as f64).sqrt();
    let scale = if largest > 0.0 { 1e-4 / largest } else { 0.0 };
    let start: Vec<f64> = start.iter().flatten().map(|at| at * scale).collect();
    let rows: Vec<Arc<[f64]>> = rows.iter().map(|row| row.iter().map(|value| f64::from(*value)).collect()).collect();
    let squared = |a: &Arc<[f64]>, b: &Arc<[f64]>| a.iter().zip(b.iter()).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    // one thread: sums of several come out in another order each time
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .map_err(|error| Error::new("no thread could be started").caused_by(error))?;
    let flat = pool.install(|| {
        let mut tsne: tSNE<'_, f64, Arc<[f64]>> = tSNE::new(&rows);
        tsne.perplexity(perplexity).initial_embedding(start);
        match count <= EXACT {
            true => tsne.exact(squared),
            false => tsne.barnes_hut(0.5, |a, b| squared(a, b).sqrt()),
        };
        tsne.embedding()
    });
    let points: Vec<[f64; 2]> = flat.chunks_exact(2).map(|point| [point[0], point[1]]).collect();
    if points.iter().flatten().any(|at| !at.is_finite()) {
        return Err(Error::new("t-SNE found no place for these examples: too many of them are the same")
            .remedy("`learner.embedding_map()?` places them by their principal components"));
    }
    Ok(Plane { points, explained: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three heaps of rows with numbers from a sine.
    fn heaps(count: usize, width: usize) -> Vec<Vec<f32>> {
        let number = |row: usize, at: usize| {
            let noise = ((row * width + at) as f64 * 12.9898).sin() * 43758.5453;
            let heap = if at % 3 == row % 3 { 3.0 } else { 0.0 };
            (heap + noise - noise.floor()) as f32
        };
        (0..count).map(|row| (0..width).map(|at| number(row, at)).collect()).collect()
    }

    // numpy: x -= x.mean(0); u, s, v = svd(x); the scores u[:, :2] * s[:2] of rows 0, 1 and 2, signs by v's largest; s² / Σ s²
    // (reference/plane.py)
    #[test]
    fn principal_components_as_numpy() {
        let found = principal(&heaps(40, 12));
        let expected = PCA_OF_HEAPS;
        for (row, expected) in expected.points.iter().enumerate() {
            for axis in 0..2 {
                let off = (found.points[row][axis] - expected[axis]).abs();
                assert!(off < 1e-6, "row {row}, axis {axis}: {:?} {expected:?}", found.points[row]);
            }
        }
        let explained = found.explained.unwrap();
        assert!((0..2).all(|axis| (explained[axis] - expected.explained[axis]).abs() < 1e-9), "{explained:?}");
    }

    struct Expected {
        points: [[f64; 2]; 3],
        explained: [f64; 2],
    }

    const PCA_OF_HEAPS: Expected = Expected {
        points: [
            [4.081464886480257, -2.2363510252779846],
            [-4.523240699589896, -2.863174879459045],
            [-0.5635530794271015, 5.00349049941544],
        ],
        explained: [0.5177643348988314, 0.45364239753995306],
    };

    #[test]
    fn few_rows_and_equal_rows_are_no_trouble() {
        for rows in [vec![], vec![vec![1.0, 2.0]], vec![vec![1.0, 2.0]; 5], vec![vec![1.0], vec![2.0], vec![4.0]]] {
            let found = principal(&rows);
            assert_eq!(found.points.len(), rows.len());
            assert!(found.points.iter().flatten().all(|at| at.is_finite()), "{rows:?} {:?}", found.points);
        }
        let line = principal(&[vec![1.0], vec![2.0], vec![6.0]]);
        assert!((line.points[2][0] - 3.0).abs() < 1e-12 && line.explained == Some([1.0, 0.0]), "{:?}", line.points);
        assert!(neighbours(&heaps(4, 3)).is_err_and(|error| error.to_string().contains("5 examples or more")));
    }

    #[test]
    fn heaps_stay_heaps_and_the_map_is_the_same_each_time() -> Result<()> {
        for count in [9, 60, EXACT + 20] {
            let rows = heaps(count, 12);
            let found = neighbours(&rows)?.points;
            assert_eq!(found, neighbours(&rows)?.points);
            let far = |a: usize, b: usize| (found[a][0] - found[b][0]).hypot(found[a][1] - found[b][1]);
            let nearest = |row: usize| {
                (0..count).filter(|other| *other != row).min_by(|a, b| far(row, *a).total_cmp(&far(row, *b)))
            };
            let same = (0..count).filter(|row| nearest(*row).is_some_and(|other| other % 3 == row % 3)).count();
            assert!(same * 10 >= count * 9, "{same} of {count}");
        }
        Ok(())
    }
}
