//! Two-dimensional convolution as a layer.

use candle_core::Tensor;

use super::{Layer, Pass, adapted, dims3};
use crate::onnx::{OnnxAttribute, OnnxGraph, OnnxValue};
use crate::params::{Init, Param, Scope, Slot};
use crate::{Error, Result, limits, ops};

/// A convolution: `weight` (out, in / groups, height, width), perhaps `bias` (out). `torch.nn.Conv2d`.
#[derive(Clone, Debug)]
pub struct Conv2d {
    weight: Param,
    bias: Option<Param>,
    options: ops::Conv2dOptions,
    same: bool,
    channels: usize,
    slot: Slot,
}

/// What a convolution is made of, before it is made.
#[derive(Clone, Debug)]
pub struct Conv2dBuilder {
    scope: Scope,
    channels: (usize, usize),
    kernel: (usize, usize),
    bias: bool,
    bias_init: Option<Init>,
    init: Option<Init>,
    options: ops::Conv2dOptions,
    same: bool,
}

impl Conv2d {
    /// A square kernel from so many channels to so many, without bias: stride 1, no padding.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(scope: &Scope, channels_in: usize, channels_out: usize, kernel: usize) -> Conv2dBuilder {
        Conv2dBuilder {
            scope: scope.clone(),
            channels: (channels_in, channels_out),
            kernel: (kernel, kernel),
            bias: false,
            bias_init: None,
            init: None,
            options: ops::Conv2dOptions::default(),
            same: false,
        }
    }

    /// How the window moves over a picture of this size.
    fn options(&self, height: usize, width: usize) -> ops::Conv2dOptions {
        let (dims, mut options) = (self.weight.var().dims(), self.options);
        if self.same {
            let along = |size: usize, kernel: usize, stride: usize, dilation: usize| {
                let reach = (size.div_ceil(stride) - 1) * stride + dilation * (kernel - 1) + 1;
                let total = reach.saturating_sub(size);
                (total / 2, total % 2)
            };
            let down = along(height, dims[2], options.stride.0, options.dilation.0);
            let right = along(width, dims[3], options.stride.1, options.dilation.1);
            (options.padding, options.extra) = ((down.0, right.0), (down.1, right.1));
        }
        options
    }

    /// The layer, BatchNorm with stored statistics (mean, variance, γ, β) and an activation, in one.
    pub(super) fn forward_norm(
        &self,
        x: &Tensor,
        pass: &Pass,
        (four, eps): (&[Tensor; 4], f64),
        then: ops::Activation,
    ) -> Result<Tensor> {
        if pass.training() && self.slot.active().is_some() {
            return Ok(ops::batch_norm_eval_then(&self.forward(x, pass)?, four.each_ref(), eps, then)?);
        }
        let bias = self.bias.as_ref().map(|bias| pass.value(bias));
        let (_, _, h, w) = x.dims4()?;
        let (weight, options) = (self.weight_in(pass)?, self.options(h, w));
        Ok(ops::conv2d_norm_eval_then(x, &weight, bias.as_ref(), options, four.each_ref(), eps, then)?)
    }

    /// The weight in this run; where nothing trains, with what an adapter adds to it.
    fn weight_in(&self, pass: &Pass) -> Result<Tensor> {
        if pass.training() { Ok(pass.value(&self.weight)) } else { self.slot.effective() }
    }

    /// The layer in training, and the moments of its value where gathering them pays.
    pub(super) fn forward_measured(&self, x: &Tensor, pass: &Pass) -> Result<(Tensor, Option<ops::BatchMoments>)> {
        if pass.mixes() || self.slot.active().is_some() {
            return Ok((self.forward(x, pass)?, None));
        }
        let bias = self.bias.as_ref().map(|bias| pass.value(bias));
        let (_, _, h, w) = x.dims4()?;
        Ok(ops::conv2d_measured(x, &self.weight_in(pass)?, bias.as_ref(), self.options(h, w))?)
    }

    /// Whether the layer, in training, can work out what BatchNorm deferred as it reads it.
    pub(super) fn reads_deferred(&self, pass: &Pass) -> bool {
        let (dims, o) = (self.weight.var().dims(), self.options);
        let pixel = dims[2..] == [1, 1] && o.stride == (1, 1) && o.padding == (0, 0);
        !pass.mixes() && self.slot.active().is_none() && (pixel || (dims[1] == 1 && o.groups > 1))
    }

    /// The number of channels that come out.
    pub fn channels(&self) -> usize {
        self.weight.var().dims()[0]
    }
}

impl Conv2dBuilder {
    /// Steps of so many pixels, 1 or more.
    pub fn stride(mut self, stride: usize) -> Self {
        self.options.stride = (stride, stride);
        self
    }

    /// So many zeros at each edge.
    pub fn padding(mut self, padding: usize) -> Self {
        self.options.padding = (padding, padding);
        self
    }

    /// As many zeros as give one output for each step, the odd one at the bottom and the right: TensorFlow's `SAME`.
    pub fn same(mut self) -> Self {
        self.same = true;
        self
    }

    /// So many groups of channels that do not see each other; as many as channels is depthwise.
    pub fn groups(mut self, groups: usize) -> Self {
        self.options.groups = groups;
        self
    }

    /// With a bias.
    pub fn bias(mut self) -> Self {
        self.bias = true;
        self
    }

    /// With a bias of these first values.
    pub fn bias_of(mut self, init: Init) -> Self {
        self.bias_init = Some(init);
        self.bias()
    }

    /// Other first values for the weight, and zeros for the bias.
    pub fn init(mut self, init: Init) -> Self {
        self.init = Some(init);
        self
    }

    /// Makes the parameters; unless told otherwise, Kaiming-normal over the fan-out as torchvision's ResNet, and the
    /// bias as `torch.nn.Conv2d`.
    ///
    /// # Errors
    /// When kernel or stride is 0, the groups do not divide the channels, or the name is taken.
    pub fn build(self) -> Result<Conv2d> {
        let ((from, to), (kh, kw), groups) = (self.channels, self.kernel, self.options.groups);
        let remedy = "a convolution looks at 1 pixel at least: `Conv2d::new(&scope, 3, 8, 3)`";
        limits::some("the `kernel` of the convolution", kh, "pixels", remedy)?;
        let remedy = "1 looks at every pixel: `.stride(1)`";
        limits::some("the `stride` of the convolution", self.options.stride.0, "pixels", remedy)?;
        if groups == 0 || from % groups != 0 || to % groups != 0 {
            let what = format!("`{}`: {groups} groups do not divide {from} and {to} channels", self.scope.prefix());
            return Err(Error::new(what).remedy("choose a number of groups that divides both"));
        }
        let weight = self.init.unwrap_or(Init::Kaiming { fan: to / groups * kh * kw });
        let weight = self.scope.param("weight", (to, from / groups, kh, kw), weight)?;
        let bias = self.init.map_or(Init::Uniform { fan: from / groups * kh * kw }, |_| Init::Zeros);
        let bias = self.bias_init.unwrap_or(bias);
        let bias = self.bias.then(|| self.scope.param("bias", to, bias)).transpose()?;
        let slot = self.scope.slot(&weight, groups);
        Ok(Conv2d { weight, bias, options: self.options, same: self.same, channels: from, slot })
    }
}

impl Layer for Conv2d {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let bias = self.bias.as_ref().map(|bias| pass.value(bias));
        let (_, _, h, w) = x.dims4()?;
        let (weight, options) = (self.weight_in(pass)?, self.options(h, w));
        let y = pass.product([x, &weight], bias.as_ref(), |x, w, bias| ops::conv2d(x, w, bias, options))?;
        match self.slot.active().filter(|_| pass.training()) {
            Some(adapter) => adapted::conv2d(&adapter, x, &y, options, pass),
            None => Ok(y),
        }
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let dims = self.output(x.dims())?;
        let o = self.options(x.dims()[1], x.dims()[2]);
        let mut inputs = vec![x.clone(), graph.weight(self.weight.name(), &self.slot.effective()?)?];
        if let Some(bias) = &self.bias {
            inputs.push(graph.weight(bias.name(), &bias.value())?);
        }
        let pair = |(a, b): (usize, usize)| OnnxAttribute::Ints(vec![a as i64, b as i64]);
        let kernel = self.weight.var().dims();
        let ends = (o.padding.0 + o.extra.0, o.padding.1 + o.extra.1);
        let pads = [o.padding.0, o.padding.1, ends.0, ends.1].map(|side| side as i64).to_vec();
        let how = [
            ("kernel_shape", pair((kernel[2], kernel[3]))),
            ("strides", pair(o.stride)),
            ("dilations", pair(o.dilation)),
            ("pads", OnnxAttribute::Ints(pads)),
            ("group", OnnxAttribute::Int(o.groups as i64)),
        ];
        Ok(graph.node("Conv", &inputs.iter().collect::<Vec<_>>(), &how, &dims))
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        let (channels, h, w) = dims3(input, "a convolution")?;
        if channels != self.channels {
            let name = self.weight.name();
            return Err(Error::new(format!("`{name}` expects {} channels, found {channels}", self.channels)));
        }
        let dims = self.weight.var().dims();
        let o = self.options(h, w);
        let along = |size: usize, kernel: usize, stride: usize, padding: usize, dilation: usize| {
            (size + padding)
                .checked_sub(dilation * (kernel - 1) + 1)
                .map(|room| room / stride + 1)
                .ok_or_else(|| Error::new(format!("an input of {h}×{w} is smaller than the kernel {kernel}")))
        };
        let height = along(h, dims[2], o.stride.0, 2 * o.padding.0 + o.extra.0, o.dilation.0)?;
        let width = along(w, dims[3], o.stride.1, 2 * o.padding.1 + o.extra.1, o.dilation.1)?;
        Ok(vec![dims[0], height, width])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamSet;

    #[test]
    fn steps_and_kernels_of_no_pixels_are_refused() {
        let scope = ParamSet::new(0).scope("conv", 0);
        for (wrong, text) in [
            (Conv2d::new(&scope, 3, 8, 3).stride(0), "the `stride` of the convolution is 0; expected 1 or more pixels"),
            (Conv2d::new(&scope, 3, 8, 0), "the `kernel` of the convolution is 0; expected 1 or more pixels"),
            (Conv2d::new(&scope, 3, 8, 3).groups(0), "0 groups do not divide 3 and 8 channels"),
        ] {
            let says = wrong.build().unwrap_err().to_string();
            assert!(says.contains(text) && says.contains("\n  → "), "{says}");
        }
    }
}
