//! Upsampling and downsampling of pictures: nearest and bilinear.

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
    let rows = Tensor::new(nearest(h, oh), x.device())?;
    let columns = Tensor::new(nearest(w, ow), x.device())?;
    x.contiguous()?.index_select(&rows, 2)?.index_select(&columns, 3)
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
    let tall = rows.broadcast_matmul(&x.reshape((n * c, h, w))?)?;
    tall.broadcast_matmul(&columns.t()?.contiguous()?)?.reshape((n, c, oh, ow))
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
