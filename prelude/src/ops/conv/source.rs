//! What a convolution reads: numbers as they lie, or what BatchNorm in training makes of them, worked out as they are read.

use super::super::cpu::Float;
use super::super::graph::recipe_of;
use super::super::norm::{Moments, Normed};
use super::plan::Plan;
use candle_core::{Result, Tensor};
use std::sync::Arc;

/// The input of a convolution.
pub(super) struct Source<T>(Option<Arc<Normed<T>>>);

/// The numbers that a kernel reads, and BatchNorm where it is to be done to them on the way.
pub(super) struct SourceNumbers<'a, T> {
    pub x: Tensor,
    pub before: Option<&'a Moments<T>>,
}

/// A convolution's gradients, each where it is wanted.
pub(super) struct ConvGradients<T> {
    pub dx: Option<Vec<T>>,
    pub dw: Option<Vec<T>>,
    /// dγ and dβ, where the way back went through BatchNorm: then dx is that of what BatchNorm read.
    pub norm: Option<(Vec<T>, Vec<T>)>,
}

impl<T: Float> Source<T> {
    pub fn of(x: &Tensor) -> Source<T> {
        let normed: Option<Arc<Normed<T>>> = recipe_of(x);
        if let Some(normed) = &normed {
            normed.read();
        }
        Source(normed)
    }

    /// What the plan's kernel reads; `x` is what came in.
    pub fn seen(&self, plan: &Plan, x: &Tensor) -> Result<SourceNumbers<'_, T>> {
        Ok(match &self.0 {
            None => SourceNumbers { x: x.clone(), before: None },
            Some(normed) if plan.reads_runs() => SourceNumbers { x: normed.x.clone(), before: Some(&normed.moments) },
            Some(normed) => SourceNumbers { x: normed.whole()?, before: None },
        })
    }

    /// BatchNorm, where a convolution of each channel by itself may go its way back too.
    pub fn alone(&self, plan: &Plan) -> Option<&Normed<T>> {
        self.0.as_deref().filter(|normed| plan.is_depthwise() && normed.has_one_reader())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::norm::{TrainNorm, batch_norm_train_as};
    use super::super::super::{Activation, Conv2dOptions, backward_from, conv2d, conv2d_measured};
    use candle_core::{DType, Device, Result, Tensor, Var};

    /// Numbers without pattern, the same in each run.
    fn numbers(dims: &[usize], step: f64) -> Result<Tensor> {
        let count = dims.iter().product::<usize>() as f64;
        (Tensor::arange(0f64, count, &Device::Cpu)? * step)?.sin()?.reshape(dims)
    }

    /// The gradients of all parameters and of the input, where a convolution reads what BatchNorm made of another's value.
    fn gradients(
        dims: [usize; 4],
        window: (usize, Conv2dOptions),
        then: Activation,
        deferred: bool,
        readers: usize,
        by_candle: bool,
    ) -> Result<Vec<Vec<f64>>> {
        let [n, c, h, w] = dims;
        let (kernel, options) = window;
        let out = if options.groups > 1 { c } else { 5 };
        let x = Var::from_tensor(&numbers(&[n, 3, h, w], 0.37)?)?;
        let first = Var::from_tensor(&numbers(&[c, 3, 1, 1], 1.7)?)?;
        let gamma = Var::from_tensor(&(numbers(&[c], 0.9)? + 1.5)?)?;
        let beta = Var::from_tensor(&numbers(&[c], 0.6)?)?;
        let second = Var::from_tensor(&numbers(&[out, c / options.groups, kernel, kernel], 2.3)?)?;
        let (y, measured) = conv2d_measured(&x, &first, None, Conv2dOptions::default())?;
        assert_eq!(measured.is_some(), h * w >= 196);
        let how = TrainNorm { eps: 1e-5, then, measured, deferred };
        let (y, ..) = batch_norm_train_as(&y, [&gamma, &beta], how)?;
        let mut loss = conv2d(&y, &second, None, options)?;
        for _ in 1..readers {
            loss = (loss + conv2d(&y, &second, None, options)?)?;
        }
        let grad = numbers(loss.dims(), 0.77)?;
        let found = if by_candle { (loss * grad)?.sum_all()?.backward()? } else { backward_from(&loss, &grad)? };
        let all = [&x, &first, &gamma, &beta, &second];
        all.iter().map(|var| found.get(var).expect("each has one").flatten_all()?.to_vec1::<f64>()).collect()
    }

    #[test]
    fn what_batch_norm_defers_has_the_gradients_of_what_it_gives() -> Result<()> {
        let depthwise = |stride: usize| Conv2dOptions {
            stride: (stride, stride),
            padding: (1, 1),
            groups: 6,
            ..Conv2dOptions::default()
        };
        let square = Conv2dOptions { padding: (1, 1), ..Conv2dOptions::default() };
        for (dims, window) in [
            ([2, 6, 16, 18], (1, Conv2dOptions::default())), // a pixel, a part of a picture at a time
            ([5, 6, 4, 3], (1, Conv2dOptions::default())),   // a pixel, pictures together
            ([2, 6, 16, 18], (3, depthwise(1))),
            ([2, 6, 15, 9], (3, depthwise(2))),
            ([3, 6, 7, 7], (3, depthwise(1))), // narrow
            ([2, 6, 9, 9], (3, square)),       // worked out whole
        ] {
            for then in [Activation::Identity, Activation::Relu6, Activation::Silu] {
                let expected = gradients(dims, window, then, false, 1, false)?;
                for (readers, by_candle) in [(1, false), (1, true), (2, false)] {
                    let found = gradients(dims, window, then, true, readers, by_candle)?;
                    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                        let found = found / readers as f64;
                        assert!(
                            (found - expected).abs() < 1e-9 * (1.0 + expected.abs()),
                            "{dims:?} {window:?} {then:?} {readers} {by_candle}: {found} {expected}"
                        );
                    }
                }
            }
        }
        Ok(())
    }

    #[test]
    fn where_nothing_trains_the_value_is_there() -> Result<()> {
        let (x, gamma) = (numbers(&[2, 3, 4, 4], 0.37)?, Tensor::ones(3, DType::F64, &Device::Cpu)?);
        let how = |deferred| TrainNorm { eps: 1e-5, then: Activation::Relu, measured: None, deferred };
        let value =
            |deferred| batch_norm_train_as(&x, [&gamma, &gamma], how(deferred))?.0.flatten_all()?.to_vec1::<f64>();
        assert_eq!(value(true)?, value(false)?);
        Ok(())
    }
}
