//! A convolution's sizes, worked out once.

use super::super::taps::Window;

/// The sizes of one convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub n: usize,
    /// Channels in.
    pub c: usize,
    pub h: usize,
    pub w: usize,
    /// Channels out.
    pub o: usize,
    pub oh: usize,
    pub ow: usize,
    pub groups: usize,
    pub window: Window,
}

impl Plan {
    /// Input channels a group.
    pub fn cg(&self) -> usize {
        self.c / self.groups
    }

    /// Output channels a group.
    pub fn og(&self) -> usize {
        self.o / self.groups
    }

    /// Places of the kernel.
    pub fn places(&self) -> usize {
        self.window.kernel.0 * self.window.kernel.1
    }

    /// Output pixels a picture.
    pub fn pixels(&self) -> usize {
        self.oh * self.ow
    }

    /// How many numbers the input, the weight and the output hold.
    pub fn sizes(&self) -> (usize, usize, usize) {
        (self.n * self.c * self.h * self.w, self.o * self.cg() * self.places(), self.n * self.o * self.pixels())
    }

    /// Whether the output is a matrix product of the weight and the input as they lie.
    pub fn is_pointwise(&self) -> bool {
        let Window { kernel, stride, padding, extra, .. } = self.window;
        kernel == (1, 1) && stride == (1, 1) && padding == (0, 0) && extra == (0, 0)
    }

    /// Whether each output channel sees one input channel.
    pub fn is_depthwise(&self) -> bool {
        self.cg() == 1 && self.groups > 1
    }

    /// Whether the kernel takes a channel's numbers in as runs, each of them once: then it can normalise them on the way.
    pub fn reads_runs(&self) -> bool {
        self.is_pointwise() || self.is_depthwise()
    }

    /// The output places along one side whose sample at kernel place `tap` lies inside the picture.
    pub fn inside(
        tap: usize,
        size: usize,
        out: usize,
        stride: usize,
        padding: usize,
        dilation: usize,
    ) -> (usize, usize) {
        let shift = tap * dilation;
        // first i with i·stride + shift ≥ padding; end: first i with i·stride + shift ≥ size + padding
        let first = padding.saturating_sub(shift).div_ceil(stride).min(out);
        let end = (size + padding).saturating_sub(shift).div_ceil(stride).min(out);
        (first, end.max(first))
    }
}
