//! One sweep over numbers: what makes a step of f32 on the CPU one pass through memory.

use candle_core::{CpuStorage, InplaceOp3, Layout, Storage, Tensor};

/// Changes each number of the first tensor by those at the same place in two others; contiguous f32 on the CPU.
pub(super) struct Sweep<F>(pub F);

impl<F: Fn(&mut f32, f32, f32) + Send + Sync> InplaceOp3 for Sweep<F> {
    fn name(&self) -> &'static str {
        "optimiser"
    }

    fn cpu_fwd(
        &self,
        a: &mut CpuStorage,
        at: &Layout,
        b: &CpuStorage,
        bt: &Layout,
        c: &CpuStorage,
        ct: &Layout,
    ) -> candle_core::Result<()> {
        let (CpuStorage::F32(a), CpuStorage::F32(b), CpuStorage::F32(c)) = (a, b, c) else {
            candle_core::bail!("the optimiser's fused step is for f32");
        };
        let part = |layout: &Layout| match layout.contiguous_offsets() {
            Some((start, end)) => Ok(start..end),
            None => candle_core::bail!("the optimiser's fused step is for contiguous tensors"),
        };
        let (a, b, c) = (&mut a[part(at)?], &b[part(bt)?], &c[part(ct)?]);
        for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
            (self.0)(a, *b, *c);
        }
        Ok(())
    }
}

/// A tensor's Euclidean norm.
pub(super) fn norm(x: &Tensor) -> candle_core::Result<f64> {
    let (storage, layout) = x.storage_and_layout();
    if let (Storage::Cpu(CpuStorage::F32(all)), Some((start, end))) = (&*storage, layout.contiguous_offsets()) {
        return Ok(all[start..end].iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt());
    }
    drop(storage);
    Ok(x.sqr()?.sum_all()?.to_dtype(candle_core::DType::F64)?.to_scalar::<f64>()?.sqrt())
}
