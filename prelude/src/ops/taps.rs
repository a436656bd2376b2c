//! Sliding windows as a composition of candle's own operations: what runs where there is no kernel of ours.

use candle_core::{Result, Tensor};

/// The geometry of a sliding window over height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub kernel: (usize, usize),
    pub stride: (usize, usize),
    pub padding: (usize, usize),
    /// More padding at the bottom and the right.
    pub extra: (usize, usize),
    pub dilation: (usize, usize),
}

impl Window {
    /// The size of the output for an input of this size; an error where the window does not fit or a step is zero.
    pub fn output(&self, name: &str, height: usize, width: usize) -> Result<(usize, usize)> {
        let side = |size: usize, kernel: usize, stride: usize, padding: usize, dilation: usize| {
            if kernel == 0 || stride == 0 || dilation == 0 {
                candle_core::bail!("{name}: kernel, stride and dilation are at least 1, found {self:?}");
            }
            let reach = dilation * (kernel - 1) + 1;
            if size + padding < reach {
                candle_core::bail!(
                    "{name}: a window that reaches over {reach} does not fit into {height}×{width} with padding {:?}",
                    self.padding
                );
            }
            Ok((size + padding - reach) / stride + 1)
        };
        Ok((
            side(height, self.kernel.0, self.stride.0, 2 * self.padding.0 + self.extra.0, self.dilation.0)?,
            side(width, self.kernel.1, self.stride.1, 2 * self.padding.1 + self.extra.1, self.dilation.1)?,
        ))
    }

    /// What each place of the kernel sees.
    ///
    /// # Shapes
    /// `x` (n, c, h, w), already padded → (n, c, kernel places, oh, ow)
    pub fn taps(&self, x: &Tensor, output: (usize, usize)) -> Result<Tensor> {
        let pick = |x: &Tensor, dim: usize, start: usize, stride: usize, count: usize| {
            if stride == 1 {
                return x.narrow(dim, start, count);
            }
            let index: Vec<u32> = (0..count).map(|i| (start + i * stride) as u32).collect();
            x.index_select(&Tensor::new(index, x.device())?, dim)
        };
        let mut taps = Vec::with_capacity(self.kernel.0 * self.kernel.1);
        for i in 0..self.kernel.0 {
            let rows = pick(x, 2, i * self.dilation.0, self.stride.0, output.0)?;
            for j in 0..self.kernel.1 {
                taps.push(pick(&rows, 3, j * self.dilation.1, self.stride.1, output.1)?);
            }
        }
        Tensor::stack(&taps, 2)
    }
}

/// Pads height and width with a number.
pub(crate) fn pad(x: &Tensor, (ph, pw): (usize, usize), value: f64) -> Result<Tensor> {
    if value == 0. {
        return x.pad_with_zeros(2, ph, ph)?.pad_with_zeros(3, pw, pw);
    }
    let mut x = x.clone();
    for (dim, amount) in [(2, ph), (3, pw)] {
        if amount > 0 {
            let mut dims = x.dims().to_vec();
            dims[dim] = amount;
            let edge = Tensor::full(value as f32, dims, x.device())?.to_dtype(x.dtype())?;
            x = Tensor::cat(&[&edge, &x, &edge], dim)?;
        }
    }
    Ok(x)
}
