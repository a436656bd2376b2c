//! Numbers made from names, here and in `../reference` alike, and how they are compared.

use candlewick_prelude::Result;
use candlewick_prelude::candle_core::{DType, Device, Tensor};

/// The numbers that `values` in reference/models.py makes of a name.
pub fn values(name: &str, dims: &[usize]) -> Result<Tensor> {
    let seed = name.bytes().fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let scale = (6. / dims.iter().skip(1).product::<usize>() as f64).sqrt() as f32;
    let number = |i: usize| {
        let mut h = (i as u32).wrapping_mul(0x9e37_79b9).wrapping_add(seed);
        h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
        h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
        let u = ((h ^ (h >> 16)) >> 8) as f32 / (1 << 23) as f32 - 1.;
        match dims.len() {
            2.. => u * scale,
            _ if name.ends_with("weight") || name.ends_with("running_var") => 1. + 0.25 * u,
            _ => u * 0.1,
        }
    };
    Ok(Tensor::from_vec((0..dims.iter().product()).map(number).collect::<Vec<f32>>(), dims, &Device::Cpu)?)
}

pub fn picture(name: &str, dims: [usize; 4]) -> Result<Tensor> {
    let flat = values(name, &[dims.iter().product(), 1])?;
    Ok((flat * (1.5 / 6f64.sqrt()))?.reshape(&dims)?)
}

/// The numbers at the places 0, ⅓, ⅔ and the last.
pub fn four(numbers: &[f64]) -> [f64; 4] {
    std::array::from_fn(|k| numbers[k * (numbers.len() - 1) / 3])
}

pub fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(tensor.detach().to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
}

pub fn close(what: &str, found: &[f64], expected: &[f64], scale: f64, tolerance: f64) {
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (found - expected).abs() / scale.max(1e-12);
        assert!(off < tolerance, "{what}[{i}]: expected {expected}, found {found}, {off:.1e} of {scale:.1e} off");
    }
}

pub fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0f64, |most, x| most.max(x.abs()))
}
