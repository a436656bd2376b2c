//! BatchNorm and LayerNorm as layers.

use candle_core::Tensor;

use super::{Activation, Layer, Pass};
use crate::onnx::{OnnxAttribute, OnnxGraph, OnnxValue};
use crate::params::{Buffer, Init, Param, Scope};
use crate::{Result, limits, ops};

/// BatchNorm over pictures: `weight`, `bias`, `running_mean`, `running_var` (channels). `torch.nn.BatchNorm2d`.
///
/// In training it uses the batch's statistics and moves the running ones towards them. While its parameters are
/// frozen it runs on its stored statistics and leaves them alone.
#[derive(Clone, Debug)]
pub struct BatchNorm2d {
    weight: Param,
    bias: Param,
    running_mean: Buffer,
    running_var: Buffer,
    momentum: f64,
    eps: f64,
}

impl BatchNorm2d {
    /// PyTorch's defaults: momentum 0.1, eps 1e-5.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn new(scope: &Scope, channels: usize) -> Result<BatchNorm2d> {
        Ok(BatchNorm2d {
            weight: scope.param("weight", channels, Init::Ones)?,
            bias: scope.param("bias", channels, Init::Zeros)?,
            running_mean: scope.buffer("running_mean", channels, Init::Zeros)?,
            running_var: scope.buffer("running_var", channels, Init::Ones)?,
            momentum: 0.1,
            eps: 1e-5,
        })
    }

    /// Another share of the new batch in the running statistics (PyTorch's momentum), from 0 to 1, and another eps, 0 or
    /// above; the next pass refuses others.
    pub fn with(self, momentum: f64, eps: f64) -> BatchNorm2d {
        BatchNorm2d { momentum, eps, ..self }
    }

    /// Mean, variance, γ and β where the layer runs on its stored statistics in this pass, and eps.
    pub(super) fn stored(&self, pass: &Pass) -> Option<([Tensor; 4], f64)> {
        let stored = pass.measures().is_none() && (!pass.training() || self.weight.frozen());
        stored.then(|| {
            let statistics = (self.running_mean.value(), self.running_var.value());
            ([statistics.0, statistics.1, pass.value(&self.weight), pass.value(&self.bias)], self.eps)
        })
    }

    /// Whether the layer normalises by the batch's own statistics in this pass.
    pub(super) fn trains(&self, pass: &Pass) -> bool {
        pass.measures().is_none() && pass.training() && !self.weight.frozen()
    }

    /// The layer and an activation after it, in one.
    ///
    /// # Errors
    /// When the shape does not fit, and when momentum or eps makes no sense.
    pub fn forward_then(&self, x: &Tensor, pass: &Pass, then: Activation) -> Result<Tensor> {
        self.forward_as(x, pass, then, None, false)
    }

    /// [`forward_then`](BatchNorm2d::forward_then) of an input whose moments may be known; where `deferred`, for a convolution alone that works the
    /// value out as it reads it.
    pub(super) fn forward_as(
        &self,
        x: &Tensor,
        pass: &Pass,
        then: Activation,
        measured: Option<ops::BatchMoments>,
        deferred: bool,
    ) -> Result<Tensor> {
        let (momentum, eps) = (self.momentum, self.eps);
        let (share, remedy) = ((0.0..=1.0).contains(&momentum), "PyTorch's are usual: `.with(0.1, 1e-5)`");
        limits::allow(share, "the `momentum` of BatchNorm", &momentum, "a number from 0 to 1", remedy)?;
        limits::allow(
            eps.is_finite() && eps >= 0.0,
            "the `eps` of BatchNorm",
            &eps,
            "a finite number, 0 or above",
            remedy,
        )?;
        if let Some((four, eps)) = self.stored(pass) {
            return Ok(ops::batch_norm_eval_then(x, four.each_ref(), eps, then)?);
        }
        let (weight, bias) = (pass.value(&self.weight), pass.value(&self.bias));
        if let Some(round) = pass.measures() {
            let y = ops::batch_norm_eval_then(
                x,
                [&self.running_mean.value(), &self.running_var.value(), &weight, &bias],
                self.eps,
                then,
            )?;
            self.measure(x, round)?;
            return Ok(y);
        }
        let how = ops::TrainNorm { eps: self.eps, then, measured, deferred };
        let (y, mean, var) = ops::batch_norm_train_as(x, [&weight, &bias], how)?;
        for (buffer, batch) in [(&self.running_mean, mean), (&self.running_var, var)] {
            let moved = ((buffer.value() * (1.0 - self.momentum))? + (batch.detach() * self.momentum)?)?;
            pass.later(buffer, moved);
        }
        Ok(y)
    }
}

impl BatchNorm2d {
    /// Takes over the statistics of x, as the share `1 / round`, with a scale and a bias that make up for them.
    fn measure(&self, x: &Tensor, round: usize) -> Result<()> {
        let (old_mean, old_var) = (self.running_mean.value(), self.running_var.value());
        let (weight, bias) = (self.weight.value(), self.bias.value());
        let (_, mean, var) = ops::batch_norm_train_then(x, &weight, &bias, self.eps, Activation::Identity)?;
        let share = 1.0 / round as f64;
        let moved = |old: &Tensor, new: Tensor| (old * (1.0 - share))? + (new * share)?;
        let (mean, var) = (moved(&old_mean, mean)?, moved(&old_var, var)?);
        let slope = (&weight / (old_var + self.eps)?.sqrt()?)?;
        let offset = (&bias - (old_mean * &slope)?)?;
        self.weight.set(&(&slope * (&var + self.eps)?.sqrt()?)?)?;
        self.bias.set(&(offset + (&mean * &slope)?)?)?;
        self.running_mean.set(&mean)?;
        self.running_var.set(&var)
    }
}

impl Layer for BatchNorm2d {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        self.forward_then(x, pass, Activation::Identity)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let weight = graph.weight(self.weight.name(), &self.weight.value())?;
        let bias = graph.weight(self.bias.name(), &self.bias.value())?;
        let mean = graph.weight(self.running_mean.name(), &self.running_mean.value())?;
        let var = graph.weight(self.running_var.name(), &self.running_var.value())?;
        let how = [("epsilon", OnnxAttribute::Float(self.eps as f32))];
        Ok(graph.node("BatchNormalization", &[x, &weight, &bias, &mean, &var], &how, x.dims()))
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }
}

/// LayerNorm over the last dimension: `weight`, `bias`. `torch.nn.LayerNorm`.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Param,
    bias: Param,
    eps: f64,
}

impl LayerNorm {
    /// Over so many features.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn new(scope: &Scope, features: usize, eps: f64) -> Result<LayerNorm> {
        let weight = scope.param("weight", features, Init::Ones)?;
        Ok(LayerNorm { weight, bias: scope.param("bias", features, Init::Zeros)?, eps })
    }
}

impl Layer for LayerNorm {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        Ok(ops::layer_norm(x, &pass.value(&self.weight), &pass.value(&self.bias), self.eps)?)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let weight = graph.weight(self.weight.name(), &self.weight.value())?;
        let bias = graph.weight(self.bias.name(), &self.bias.value())?;
        let how = [("axis", OnnxAttribute::Int(-1)), ("epsilon", OnnxAttribute::Float(self.eps as f32))];
        Ok(graph.node("LayerNormalization", &[x, &weight, &bias], &how, x.dims()))
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamSet;
    use candle_core::{Device, IndexOp};

    fn input() -> Result<Tensor> {
        Ok(Tensor::arange(0f32, 24.0, &Device::Cpu)?.reshape((2, 3, 2, 2))?)
    }

    #[test]
    fn shares_that_make_no_sense_are_refused() -> Result<()> {
        let params = ParamSet::new(0);
        let norm = BatchNorm2d::new(&params.scope("bn", 0), 3)?;
        for (momentum, eps, text) in [
            (2.0, 1e-5, "the `momentum` of BatchNorm is 2; expected a number from 0 to 1"),
            (f64::NAN, 1e-5, "the `momentum` of BatchNorm is NaN"),
            (0.1, -1.0, "the `eps` of BatchNorm is -1; expected a finite number, 0 or above"),
        ] {
            let says = norm.clone().with(momentum, eps).forward(&input()?, &Pass::train(0)).unwrap_err().to_string();
            assert!(says.contains(text) && says.contains("→ PyTorch's are usual"), "{says}");
        }
        Ok(())
    }

    // m = torch.nn.BatchNorm2d(3); y = m(torch.arange(24.).reshape(2, 3, 2, 2))
    // y[0, 0, 0, 0] = -1.2288; m.running_mean = [0.75, 1.15, 1.55]; m.running_var = [5.1571]*3
    #[test]
    fn training_uses_and_notes_the_batch() -> Result<()> {
        let params = ParamSet::new(0);
        let norm = BatchNorm2d::new(&params.scope("bn", 0), 3)?;
        let pass = Pass::train(0);
        let y = norm.forward(&input()?, &pass)?;
        assert!((y.i((0, 0, 0, 0))?.to_scalar::<f32>()? + 1.2288).abs() < 1e-3);
        assert_eq!(norm.running_mean.value().to_vec1::<f32>()?, [0.0; 3], "nothing is stored before commit");
        pass.commit()?;
        for (found, expected) in norm.running_mean.value().to_vec1::<f32>()?.iter().zip([0.75, 1.15, 1.55]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
        for found in norm.running_var.value().to_vec1::<f32>()? {
            assert!((found - 5.157_143).abs() < 1e-4, "{found}");
        }
        Ok(())
    }

    #[test]
    fn frozen_runs_on_stored_statistics() -> Result<()> {
        let params = ParamSet::new(0);
        let norm = BatchNorm2d::new(&params.scope("bn", 0), 3)?;
        params.freeze_before(1);
        let pass = Pass::train(0);
        let y = norm.forward(&input()?, &pass)?;
        assert!(!y.track_op());
        let difference = (y - input()?)?.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(difference < 1e-3, "mean 0 and variance 1 change nothing: {difference}");
        pass.commit()?;
        assert_eq!(norm.running_mean.value().to_vec1::<f32>()?, [0.0; 3]);
        Ok(())
    }
}
