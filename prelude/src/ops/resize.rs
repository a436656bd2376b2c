//! Upsampling and downsampling: pictures by nearest and bilinear, position embeddings by bicubic interpolation.

use super::cpu::{Float, on_cpu, parallel, read, shared};
use super::graph::{attach, attach_vec};
use candle_core::{Device, Result, Tensor, bail};

/// Each output pixel is the nearest input pixel, ⌊i · h / oh⌋ (PyTorch's `nearest`).
///
/// # Shapes
/// `x` (n, c, h, w) → (n, c, oh, ow)
///
/// # Errors
/// An output side of zero.
pub fn upsample_nearest2d(x: &Tensor, (oh, ow): (usize, usize)) -> Result<Tensor> {
    let (_, _, h, w) = x.dims4()?;
    sides("upsample_nearest2d", oh, ow)?;
    let nearest = |size: usize, out: usize| -> Vec<u32> { (0..out).map(|i| (i * size / out) as u32).collect() };
    let (rows, columns) = (nearest(h, oh), nearest(w, ow));
    if let Some(result) = on_cpu!(x, repeated(x, &rows, &columns)) {
        return result;
    }
    let (rows, columns) = (Tensor::new(rows, x.device())?, Tensor::new(columns, x.device())?);
    x.contiguous()?.index_select(&rows, 2)?.index_select(&columns, 3)
}

/// Each output pixel a copy of the input pixel of its row and column, on the CPU.
fn repeated<T: Float>(x: &Tensor, rows: &[u32], columns: &[u32]) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    let (rows, columns) = (rows.to_vec(), columns.to_vec());
    let (plane, pixels) = (h * w, rows.len() * columns.len());
    let least = (1 << 13) / pixels.max(plane).max(1) + 1;
    let y = read::<T, _, 1>([x], |[x]| {
        let mut y = vec![T::ZERO; n * c * pixels];
        let out = shared(&mut y);
        parallel(n * c, least, |part| {
            for i in part {
                // SAFETY: each plane belongs to one thread.
                repeat_plane(w, &rows, &columns, &x[i * plane..][..plane], unsafe { out.slice(i * pixels, pixels) });
            }
        });
        Ok(y)
    })?;
    attach_vec("upsample_nearest2d", &[x], y, (n, c, rows.len(), columns.len()), move |context| {
        let dx = read::<T, _, 1>([context.grad], |[dy]| {
            let mut dx = vec![T::ZERO; n * c * plane];
            let out = shared(&mut dx);
            parallel(n * c, least, |part| {
                for i in part {
                    // SAFETY: each plane belongs to one thread.
                    let dx = unsafe { out.slice(i * plane, plane) };
                    for (row, dy) in rows.iter().zip(dy[i * pixels..][..pixels].chunks_exact(columns.len())) {
                        let dx = &mut dx[*row as usize * w..][..w];
                        for (column, dy) in columns.iter().zip(dy) {
                            dx[*column as usize] += *dy;
                        }
                    }
                }
            });
            Ok(dx)
        })?;
        Ok(vec![Some(Tensor::from_vec(dx, context.args[0].shape(), &Device::Cpu)?)])
    })
}

fn repeat_plane<T: Float>(w: usize, rows: &[u32], columns: &[u32], x: &[T], y: &mut [T]) {
    let wide = columns.len();
    for (i, row) in rows.iter().enumerate() {
        if i > 0 && rows[i - 1] == *row {
            y.copy_within((i - 1) * wide..i * wide, i * wide);
            continue;
        }
        let x = &x[*row as usize * w..][..w];
        for (y, column) in y[i * wide..][..wide].iter_mut().zip(columns) {
            *y = x[*column as usize];
        }
    }
}

/// Bilinear interpolation; with `align_corners` the corners' centres coincide, else the pixels' edges do (half-pixel).
///
/// # Shapes
/// `x` (n, c, h, w) → (n, c, oh, ow)
///
/// # Errors
/// An output side of zero.
pub fn upsample_bilinear2d(x: &Tensor, (oh, ow): (usize, usize), align_corners: bool) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    sides("upsample_bilinear2d", oh, ow)?;
    let rows = interpolation(h, oh, align_corners, x.device())?.to_dtype(x.dtype())?;
    let columns = interpolation(w, ow, align_corners, x.device())?.to_dtype(x.dtype())?;
    let turned = (rows.t()?.contiguous()?, columns.t()?.contiguous()?);
    let tall = rows.broadcast_matmul(&x.detach().reshape((n * c, h, w))?)?;
    let value = tall.broadcast_matmul(&turned.1)?.reshape((n, c, oh, ow))?;
    attach("upsample_bilinear2d", &[x], value, move |context| {
        let tall = turned.0.broadcast_matmul(&context.grad.reshape((n * c, oh, ow))?)?;
        Ok(vec![Some(tall.broadcast_matmul(&columns)?.reshape((n, c, h, w))?)])
    })
}

/// Position embeddings fitted to another grid, by bicubic interpolation with antialiasing as timm's
/// `resample_abs_pos_embed`; the first one belongs to the class token and stays.
///
/// # Shapes
/// `places` (1, 1 + a · b, c) with `from` (a, b) and `to` (h, w) → (1, 1 + h · w, c)
///
/// # Errors
/// Places that are no such grid.
pub fn fit_places(places: &Tensor, from: (usize, usize), to: (usize, usize)) -> Result<Tensor> {
    let (one, count, c) = places.dims3()?;
    if one != 1 || count != 1 + from.0 * from.1 {
        bail!("fit_places: expected (1, 1 + {} · {}, c), found {:?}", from.0, from.1, places.dims());
    }
    sides("fit_places", to.0, to.1)?;
    let (rows, columns) = (cubic(from.0, to.0), cubic(from.1, to.1));
    let mut matrix = vec![0f32; (1 + to.0 * to.1) * count];
    matrix[0] = 1.;
    for (i, row) in rows.iter().enumerate() {
        for (j, column) in columns.iter().enumerate() {
            let line = &mut matrix[(1 + i * to.1 + j) * count + 1..][..count - 1];
            for (place, weight) in line.iter_mut().enumerate() {
                *weight = (row[place / from.1] * column[place % from.1]) as f32;
            }
        }
    }
    let matrix = Tensor::from_vec(matrix, (1 + to.0 * to.1, count), places.device())?.to_dtype(places.dtype())?;
    let value = matrix.matmul(&places.detach().reshape((count, c))?)?.unsqueeze(0)?;
    attach("fit_places", &[places], value, move |context| {
        Ok(vec![Some(matrix.t()?.matmul(&context.grad.squeeze(0)?)?.unsqueeze(0)?)])
    })
}

fn sides(name: &str, oh: usize, ow: usize) -> Result<()> {
    if oh == 0 || ow == 0 {
        bail!("{name}: expected an output of at least 1×1, found {oh}×{ow}");
    }
    Ok(())
}

/// Where an output place looks: the lower neighbour, the upper one, and the upper one's weight.
pub(crate) fn neighbours(i: usize, size: usize, out: usize, align_corners: bool) -> (usize, usize, f64) {
    let place = if align_corners {
        if out > 1 { i as f64 * (size - 1) as f64 / (out - 1) as f64 } else { 0. }
    } else {
        ((i as f64 + 0.5) * size as f64 / out as f64 - 0.5).max(0.)
    };
    let low = (place as usize).min(size - 1);
    (low, (low + 1).min(size - 1), place - low as f64)
}

/// The interpolation along one side as a matrix.
///
/// # Shapes
/// (out, size) of f64
fn interpolation(size: usize, out: usize, align_corners: bool, device: &Device) -> Result<Tensor> {
    let mut matrix = vec![0f32; out * size];
    for i in 0..out {
        let (low, high, weight) = neighbours(i, size, out, align_corners);
        matrix[i * size + low] += 1. - weight as f32;
        matrix[i * size + high] += weight as f32;
    }
    Tensor::from_vec(matrix, (out, size), device)
}

/// The weights of the old places for each new one along a side; when shrinking, the curve is as wide as the step.
fn cubic(size: usize, out: usize) -> Vec<Vec<f64>> {
    // Keys 1981, with a = -½ as Pillow has it
    let curve = |x: f64| match x.abs() {
        x if x < 1. => (1.5 * x - 2.5) * x * x + 1.,
        x if x < 2. => ((-0.5 * x + 2.5) * x - 4.) * x + 2.,
        _ => 0.,
    };
    let step = size as f64 / out as f64;
    let wide = step.max(1.);
    let row = |i: usize| {
        let centre = (i as f64 + 0.5) * step;
        let weights: Vec<f64> = (0..size).map(|j| curve((j as f64 + 0.5 - centre) / wide)).collect();
        let total: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / total).collect()
    };
    (0..out).map(row).collect()
}
