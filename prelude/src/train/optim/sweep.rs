//! One sweep over numbers: what makes a step of f32 on the CPU one pass through memory.

use std::cell::RefCell;

use candle_core::{CpuStorage, InplaceOp1, InplaceOp3, Layout, Storage, Tensor};
use rayon::prelude::*;

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

/// So many numbers are one thread's at a time.
const RUN: usize = 1 << 15;

/// Changes each number of three tensors by that at the same place in a fourth one, all of one shape: in one pass over memory, in parallel;
/// contiguous f32 on the CPU.
pub(super) fn sweep_three(
    [a, b, c]: [&Tensor; 3],
    by: &Tensor,
    change: impl Fn([&mut f32; 3], f32) + Sync,
) -> candle_core::Result<()> {
    let by = by.contiguous()?;
    let (storage, layout) = by.storage_and_layout();
    let (Storage::Cpu(CpuStorage::F32(all)), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
        candle_core::bail!("the optimiser's fused step is for f32 on the CPU");
    };
    let by = &all[start..end];
    lend(a, &mut |a| {
        lend(b, &mut |b| {
            lend(c, &mut |c| {
                let runs = a.par_chunks_mut(RUN).zip(b.par_chunks_mut(RUN)).zip(c.par_chunks_mut(RUN));
                runs.zip(by.par_chunks(RUN)).for_each(|(((a, b), c), by)| {
                    for (((a, b), c), by) in a.iter_mut().zip(b).zip(c).zip(by) {
                        change([a, b, c], *by);
                    }
                });
                Ok(())
            })
        })
    })
}

type WithNumbers<'a> = dyn FnMut(&mut [f32]) -> candle_core::Result<()> + 'a;

/// Lends a tensor's numbers to be changed in place.
fn lend(tensor: &Tensor, f: &mut WithNumbers) -> candle_core::Result<()> {
    struct ByHand<'a, 'b>(RefCell<&'a mut WithNumbers<'b>>);

    impl InplaceOp1 for ByHand<'_, '_> {
        fn name(&self) -> &'static str {
            "optimiser"
        }

        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
            match (storage, layout.contiguous_offsets()) {
                (CpuStorage::F32(all), Some((start, end))) => (self.0.borrow_mut())(&mut all[start..end]),
                _ => candle_core::bail!("the optimiser's fused step is for contiguous f32"),
            }
        }
    }
    tensor.inplace_op1(&ByHand(RefCell::new(f)))
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
