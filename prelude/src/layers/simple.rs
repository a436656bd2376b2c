//! Layers without parameters: activations, pooling, dropout, drop-path.

use candle_core::Tensor;

use super::{Activation, Layer, Pass, dims3};
use crate::onnx::{OnnxAttribute, OnnxGraph, OnnxValue};
use crate::{Result, limits, ops};

impl Layer for Activation {
    fn forward(&self, x: &Tensor, _: &Pass) -> Result<Tensor> {
        Ok(ops::activate(x, *self)?)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        Ok(match self {
            Activation::Identity => x.clone(),
            Activation::Relu => graph.unary("Relu", x),
            Activation::Relu6 => {
                let (least, most) = (graph.scalar(0.0), graph.scalar(6.0));
                graph.node("Clip", &[x, &least, &most], &[], x.dims())
            }
            Activation::Silu => {
                let gate = graph.unary("Sigmoid", x);
                graph.mul(x, &gate)
            }
            Activation::HardSwish => graph.unary("HardSwish", x),
            Activation::Gelu => {
                // x / 2 (1 + erf(x / √2)); `Gelu` itself came with version 20
                let (root, one, half) =
                    (graph.scalar(std::f32::consts::FRAC_1_SQRT_2), graph.scalar(1.0), graph.scalar(0.5));
                let scaled = graph.mul(x, &root);
                let erf = graph.unary("Erf", &scaled);
                let (sum, halved) = (graph.add(&erf, &one), graph.mul(x, &half));
                graph.mul(&halved, &sum)
            }
            Activation::GeluTanh => {
                let number = |graph: &mut OnnxGraph, value: f64| graph.scalar(value as f32);
                let (root, bend) = (number(graph, (2.0 / std::f64::consts::PI).sqrt()), number(graph, 0.044715));
                let (one, half) = (number(graph, 1.0), number(graph, 0.5));
                let square = graph.mul(x, x);
                let bent = graph.mul(&square, &bend);
                let bent = graph.add(&bent, &one);
                let inner = graph.mul(x, &bent);
                let inner = graph.mul(&inner, &root);
                let tanh = graph.unary("Tanh", &inner);
                let (sum, halved) = (graph.add(&tanh, &one), graph.mul(x, &half));
                graph.mul(&halved, &sum)
            }
            Activation::Tanh => graph.unary("Tanh", x),
        })
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }
}

/// The mean of each channel.
///
/// # Shapes
/// (n, c, h, w) → (n, c)
#[derive(Clone, Copy, Debug)]
pub struct GlobalAvgPool;

impl Layer for GlobalAvgPool {
    fn forward(&self, x: &Tensor, _: &Pass) -> Result<Tensor> {
        Ok(ops::flatten(&ops::adaptive_avg_pool2d(x, (1, 1))?, 1)?)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let means = graph.adaptive_average(x, (1, 1))?;
        Ok(graph.reshape(&means, &x.dims()[..1]))
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(vec![dims3(input, "a global average pool")?.0])
    }
}

/// The largest value of each window. `torch.nn.MaxPool2d`.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2d {
    /// Side of the window.
    pub kernel: usize,
    /// Step between windows.
    pub stride: usize,
    /// Pixels added at each edge, which never win.
    pub padding: usize,
}

impl Layer for MaxPool2d {
    fn forward(&self, x: &Tensor, _: &Pass) -> Result<Tensor> {
        let pair = |side| (side, side);
        Ok(ops::max_pool2d(x, pair(self.kernel), pair(self.stride), pair(self.padding))?)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let pair = |side: usize| OnnxAttribute::Ints(vec![side as i64; 2]);
        let how = [
            ("kernel_shape", pair(self.kernel)),
            ("strides", pair(self.stride)),
            ("pads", OnnxAttribute::Ints(vec![self.padding as i64; 4])),
        ];
        Ok(graph.node("MaxPool", &[x], &how, &self.output(x.dims())?))
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        let (c, h, w) = dims3(input, "a max-pool")?;
        limits::some("the `stride` of the max-pool", self.stride, "pixels", "2 halves the sides: `stride: 2`")?;
        let along = |size: usize| (size + 2 * self.padding).saturating_sub(self.kernel) / self.stride + 1;
        Ok(vec![c, along(h), along(w)])
    }
}

/// In training, sets this share of the values, from 0 to below 1, to zero and scales the others up. `torch.nn.Dropout`.
#[derive(Clone, Copy, Debug)]
pub struct Dropout(pub f64);

impl Layer for Dropout {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        if pass.noisy() && self.0 != 0.0 { Ok(ops::dropout(x, self.0, true, pass.draw())?) } else { Ok(x.clone()) }
    }

    fn export(&self, _: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        Ok(x.clone())
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }
}

/// In training, drops the whole of an example's values with this probability and scales the others up: put at the end
/// of a residual branch, it leaves branches out (stochastic depth). Huang et al. 2016, timm's `DropPath`.
#[derive(Clone, Copy, Debug)]
pub struct DropPath(pub f64);

impl Layer for DropPath {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        if pass.noisy() && self.0 != 0.0 { Ok(ops::drop_path(x, self.0, true, pass.draw())?) } else { Ok(x.clone()) }
    }

    fn export(&self, _: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        Ok(x.clone())
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    #[test]
    fn shares_and_steps_that_make_no_sense_are_refused() -> Result<()> {
        let x = Tensor::ones((2, 3, 4, 4), DType::F32, &Device::Cpu)?;
        for share in [-0.5, 1.0, f64::NAN] {
            for layer in [&Dropout(share) as &dyn Layer, &DropPath(share)] {
                let says = layer.forward(&x, &Pass::train(1)).unwrap_err().to_string();
                assert!(says.contains(&format!("a share of at least 0 and below 1, found {share}")), "{says}");
            }
        }
        assert!(Dropout(0.0).forward(&x, &Pass::train(1)).is_ok());
        let pool = MaxPool2d { kernel: 2, stride: 0, padding: 0 };
        let says = pool.output(&[3, 4, 4]).unwrap_err().to_string();
        assert!(says.contains("the `stride` of the max-pool is 0; expected 1 or more pixels"), "{says}");
        assert!(
            pool.forward(&x, &Pass::eval()).unwrap_err().to_string().contains("stride and dilation are at least 1")
        );
        Ok(())
    }
}
