//! A linear map with an adapter of low rank beside a weight that does not train.

use super::cpu::{Float, on_cpu, read, threads};
use super::graph::{ArgumentGradients, Context, attach_lean};
use super::noise::mask;
use super::product::{Fixed, by_rows, multiply, transposed};
use super::{add, dropout, linear, scale};
use candle_core::{DType, Device, Result, Tensor, bail};

/// y = x wᵀ + bias + factor · (x' aᵀ) bᵀ in one, where x' is x with some of it dropped (`noise`: a share from 0 to below 1, and a seed). The weight
/// and the bias are constants: no gradient of theirs is made, and what the adapter gives is added in place. Hu et al. 2021.
///
/// # Shapes
/// `x` (…, i), `w` (o, i), `bias` (o), `a` (r, i), `b` (o, r) → (…, o)
///
/// # Errors
/// Sizes or types that do not match; a share outside 0 ≤ p < 1.
pub fn lora_linear(
    x: &Tensor,
    (w, bias): (&Tensor, Option<&Tensor>),
    [a, b]: [&Tensor; 2],
    factor: f64,
    noise: Option<(f64, u64)>,
) -> Result<Tensor> {
    let ((o, i), (r, _)) = (w.dims2()?, a.dims2()?);
    if x.dims().last() != Some(&i) || a.dims() != [r, i] || b.dims() != [o, r] {
        let (x, w, a, b) = (x.dims(), w.dims(), a.dims(), b.dims());
        bail!("lora_linear: an input {x:?}, a weight {w:?} and an adapter of {a:?} and {b:?} do not fit");
    }
    if bias.is_some_and(|bias| bias.dims() != [o]) {
        bail!("lora_linear: expected a bias of {o} numbers");
    }
    let mut all = [Some(w), Some(a), Some(b), bias].into_iter().flatten();
    if all.any(|other| other.dtype() != x.dtype() || other.device().is_cpu() != x.device().is_cpu()) {
        bail!("lora_linear: expected parameters of the input's type {:?} on its device", x.dtype());
    }
    if let Some((share, _)) = noise
        && !(0. ..1.).contains(&share)
    {
        bail!("lora_linear: expected a share of at least 0 and below 1, found {share}");
    }
    let noise = noise.filter(|(share, _)| *share > 0.);
    let (w, bias) = (w.detach(), bias.map(Tensor::detach));
    let size = Sizes { rows: x.elem_count() / i.max(1), i, o, r };
    if let Some(y) = on_cpu!(x, fused(size, x, (&w, bias.as_ref()), [a, b], factor, noise)) {
        return y;
    }
    let dropped = noise.map_or(Ok(x.clone()), |(share, seed)| dropout(x, share, true, seed))?;
    let few = scale(&linear(&dropped, a, None)?, factor)?;
    add(&linear(x, &w, bias.as_ref())?, &linear(&few, b, None)?)
}

#[derive(Clone, Copy)]
struct Sizes {
    rows: usize,
    i: usize,
    o: usize,
    r: usize,
}

/// Which numbers stay, a byte each, and what they are multiplied by.
struct Undropped<T> {
    stays: Vec<bool>,
    by: T,
}

impl<T: Float> Undropped<T> {
    fn of(x: &Tensor, (share, seed): (f64, u64)) -> Result<Undropped<T>> {
        let mask = mask(x, x.shape().clone(), share, seed)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        Ok(Undropped { stays: mask.into_iter().map(|factor| factor != 0.).collect(), by: T::of(1. / (1. - share)) })
    }

    fn apply(&self, x: &[T]) -> Vec<T> {
        let by = |(x, stays): (&T, &bool)| if *stays { *x * self.by } else { T::ZERO };
        x.iter().zip(&self.stays).map(by).collect()
    }
}

fn fused<T: Float>(
    size: Sizes,
    x: &Tensor,
    (w, bias): (&Tensor, Option<&Tensor>),
    [a, b]: [&Tensor; 2],
    factor: f64,
    noise: Option<(f64, u64)>,
) -> Result<Tensor> {
    let Sizes { rows, i, o, r } = size;
    let kept = noise.map(|noise| Undropped::<T>::of(x, noise)).transpose()?;
    let (mut y, mut few) = (vec![T::ZERO; rows * o], vec![T::ZERO; rows * r]);
    if let Some(bias) = bias {
        read::<T, _, 1>([bias], |[bias]| {
            y.chunks_exact_mut(o.max(1)).for_each(|row| row.copy_from_slice(bias));
            Ok(())
        })?;
    }
    read::<T, _, 4>([x, w, a, b], |[x, w, a, b]| {
        let dropped = kept.as_ref().map(|kept| kept.apply(x));
        let goes_in = dropped.as_deref().unwrap_or(x);
        let out = y.as_mut_ptr();
        // SAFETY: the slices hold rows × i, o × i, r × i, o × r, rows × r and rows × o numbers.
        unsafe {
            let into = by_rows(few.as_mut_ptr(), r);
            multiply(
                (rows, i, r),
                Fixed::Columns,
                by_rows(goes_in.as_ptr(), i),
                transposed(a.as_ptr(), i),
                into,
                false,
                threads(),
            );
            few.iter_mut().for_each(|few| *few *= T::of(factor));
            let (x, w) = (by_rows(x.as_ptr(), i), transposed(w.as_ptr(), i));
            multiply((rows, i, o), Fixed::Columns, x, w, by_rows(out, o), bias.is_some(), threads());
            let (few, b) = (by_rows(few.as_ptr(), r), transposed(b.as_ptr(), r));
            multiply((rows, r, o), Fixed::Columns, few, b, by_rows(out, o), true, threads());
        }
        Ok(())
    })?;
    let mut shape = x.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = o;
    }
    let w = w.clone();
    attach_lean("lora_linear", &[x, a, b], y, shape, move |context| {
        gradients::<T>(size, context, &w, &few, kept.as_ref(), factor)
    })
}

/// The gradients of x, a and b; `few` is factor · x' aᵀ.
fn gradients<T: Float>(
    size: Sizes,
    context: &Context,
    w: &Tensor,
    few: &[T],
    kept: Option<&Undropped<T>>,
    factor: f64,
) -> Result<ArgumentGradients> {
    let Sizes { rows, i, o, r } = size;
    let (needs, [x, a, b]) = (context.needs, [&context.args[0], &context.args[1], &context.args[2]]);
    read::<T, _, 5>([x, a, b, w, context.grad], |[numbers, down, up, weights, dy]| {
        let mut all = vec![None, None, None];
        let mut back = vec![T::ZERO; if needs[0] || needs[1] { rows * r } else { 0 }];
        // SAFETY: the slices hold rows × i, r × i, o × r, o × i, rows × o and rows × r numbers.
        unsafe {
            if !back.is_empty() {
                let into = by_rows(back.as_mut_ptr(), r);
                multiply(
                    (rows, o, r),
                    Fixed::Columns,
                    by_rows(dy.as_ptr(), o),
                    by_rows(up.as_ptr(), r),
                    into,
                    false,
                    threads(),
                );
                back.iter_mut().for_each(|back| *back *= T::of(factor));
            }
            if needs[0] {
                let mut dx = vec![T::ZERO; rows * i];
                let (back, down) = (by_rows(back.as_ptr(), r), by_rows(down.as_ptr(), i));
                let weights = by_rows(weights.as_ptr(), i);
                multiply(
                    (rows, o, i),
                    Fixed::Columns,
                    by_rows(dy.as_ptr(), o),
                    weights,
                    by_rows(dx.as_mut_ptr(), i),
                    false,
                    threads(),
                );
                match kept {
                    None => {
                        multiply((rows, r, i), Fixed::Columns, back, down, by_rows(dx.as_mut_ptr(), i), true, threads())
                    }
                    Some(kept) => {
                        let mut through = vec![T::ZERO; rows * i];
                        let into = by_rows(through.as_mut_ptr(), i);
                        multiply((rows, r, i), Fixed::Columns, back, down, into, false, threads());
                        for ((dx, through), stays) in dx.iter_mut().zip(&through).zip(&kept.stays) {
                            *dx += if *stays { *through * kept.by } else { T::ZERO };
                        }
                    }
                }
                all[0] = Some(Tensor::from_vec(dx, x.shape(), &Device::Cpu)?);
            }
            if needs[1] {
                let mut da = vec![T::ZERO; r * i];
                let dropped = kept.map(|kept| kept.apply(numbers));
                let goes_in = by_rows(dropped.as_deref().unwrap_or(numbers).as_ptr(), i);
                let into = by_rows(da.as_mut_ptr(), i);
                multiply((r, rows, i), Fixed::Both, transposed(back.as_ptr(), r), goes_in, into, false, threads());
                all[1] = Some(Tensor::from_vec(da, (r, i), &Device::Cpu)?);
            }
            if needs[2] {
                let mut db = vec![T::ZERO; o * r];
                let dy = transposed(dy.as_ptr(), o);
                let into = by_rows(db.as_mut_ptr(), r);
                multiply((o, rows, r), Fixed::Both, dy, by_rows(few.as_ptr(), r), into, false, threads());
                all[2] = Some(Tensor::from_vec(db, (o, r), &Device::Cpu)?);
            }
        }
        Ok(all)
    })
}
