//! First values of parameters: seeded by the parameter's name, so that no layer's draw depends on another's.

use candle_core::{Device, Shape, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::Result;

/// How a parameter's first value is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All zero.
    Zeros,
    /// All one.
    Ones,
    /// All this value.
    Constant(f32),
    /// Normal with standard deviation √(2 / fan), for layers that a ReLU follows.
    /// He et al. 2015, `torch.nn.init.kaiming_normal_`.
    Kaiming {
        /// Inputs (or outputs) that meet in one value.
        fan: usize,
    },
    /// Uniform in ±1/√fan, PyTorch's default for the weight and bias of `nn.Linear` and `nn.Conv2d`.
    Uniform {
        /// Inputs that meet in one value.
        fan: usize,
    },
    /// Normal with this standard deviation.
    Normal(f32),
}

/// A seed from the set's seed and a name, the same on every machine.
pub fn name_seed(seed: u64, name: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

impl Init {
    /// A tensor of this shape, the same for the same seed.
    pub fn draw(self, shape: impl Into<Shape>, seed: u64, device: &Device) -> Result<Tensor> {
        let shape = shape.into();
        let count = shape.elem_count();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let values: Vec<f32> = match self {
            Init::Zeros => vec![0.0; count],
            Init::Ones => vec![1.0; count],
            Init::Constant(value) => vec![value; count],
            Init::Kaiming { fan } => normal(&mut rng, count, (2.0 / fan.max(1) as f32).sqrt()),
            Init::Normal(deviation) => normal(&mut rng, count, deviation),
            Init::Uniform { fan } => {
                let bound = 1.0 / (fan.max(1) as f32).sqrt();
                (0..count).map(|_| rng.random_range(-bound..=bound)).collect()
            }
        };
        Ok(Tensor::from_vec(values, shape, device)?)
    }
}

/// Normal draws by the Box–Muller transform.
fn normal(rng: &mut ChaCha8Rng, count: usize, deviation: f32) -> Vec<f32> {
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        let radius = (-2.0 * f64::ln(1.0 - rng.random::<f64>())).sqrt();
        let angle = std::f64::consts::TAU * rng.random::<f64>();
        values.push((radius * angle.cos()) as f32 * deviation);
        values.push((radius * angle.sin()) as f32 * deviation);
    }
    values.truncate(count);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_values_and_the_named_spread() -> Result<()> {
        let draw = |seed| -> Result<Vec<f32>> {
            Ok(Init::Kaiming { fan: 50 }.draw((100, 100), seed, &Device::Cpu)?.flatten_all()?.to_vec1()?)
        };
        assert_eq!(draw(3)?, draw(3)?);
        let (three, four) = (draw(3)?, draw(4)?);
        assert_ne!(three, four);
        let mean = three.iter().sum::<f32>() / 1e4;
        let variance = three.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 1e4;
        assert!(mean.abs() < 0.01, "{mean}");
        assert!((variance - 0.04).abs() < 0.003, "{variance}");
        Ok(())
    }

    #[test]
    fn uniform_stays_in_its_bound() -> Result<()> {
        let values = Init::Uniform { fan: 16 }.draw(1000, 1, &Device::Cpu)?.to_vec1::<f32>()?;
        assert!(values.iter().all(|v| v.abs() <= 0.25));
        assert!(values.iter().any(|v| *v > 0.2) && values.iter().any(|v| *v < -0.2));
        Ok(())
    }
}
