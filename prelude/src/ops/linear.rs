//! Linear maps and look-ups in a table.

use super::activation::filled;
use super::cpu::{Float, on_cpu, parallel, read, shared, threads};
use super::graph::attach_lean;
use super::product::{Fixed, Matrix, by_rows, multiply, multiply_onto, transposed};
use candle_core::{DType, Device, Result, Tensor, bail};
use std::mem::MaybeUninit;

/// y = x wᵀ + b.
///
/// # Shapes
/// `x` (…, i), `w` (o, i), `b` (o) → (…, o)
///
/// # Errors
/// Sizes that do not match.
pub fn linear(x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor> {
    let (o, i) = w.dims2()?;
    if x.dims().last() != Some(&i) {
        bail!("linear: expected an input of {i} numbers in its last dimension, found {:?}", x.dims());
    }
    for other in [Some(w), b].into_iter().flatten() {
        if other.dtype() != x.dtype() || other.device().is_cpu() != x.device().is_cpu() {
            bail!("linear: expected parameters of the input's type {:?} on its device", x.dtype());
        }
    }
    if let Some(b) = b
        && b.dims() != [o]
    {
        bail!("linear: expected a bias of {o} numbers, found {:?}", b.dims());
    }
    let mut shape = x.dims().to_vec();
    let rows = x.elem_count() / i.max(1);
    *shape.last_mut().expect("checked above") = o;
    let size = LinearSize { rows, i, o };
    if let Some(y) = on_cpu!(x, product(size, x, w, b, shape.clone())) {
        return y;
    }
    let y = x.reshape((rows, i))?.matmul(&w.t()?)?;
    let y = match b {
        Some(b) => y.broadcast_add(b)?,
        None => y,
    };
    y.reshape(shape)
}

#[derive(Clone, Copy)]
struct LinearSize {
    rows: usize,
    i: usize,
    o: usize,
}

fn product<T: Float>(
    size: LinearSize,
    x: &Tensor,
    w: &Tensor,
    b: Option<&Tensor>,
    shape: Vec<usize>,
) -> Result<Tensor> {
    let LinearSize { rows, i, o } = size;
    let y = read::<T, _, 2>([x, w], |[x, w]| {
        let (x, w) = (by_rows(x.as_ptr(), i), transposed(w.as_ptr(), i));
        // SAFETY: the slices hold rows × i and o × i numbers.
        match b {
            None => Ok(unsafe { fresh((rows, i, o), Fixed::Columns, x, w, threads()) }),
            Some(b) => read::<T, _, 1>([b], |[b]| {
                // SAFETY: as above, and b holds o.
                Ok(unsafe { multiply_onto((rows, i, o), x, w, b, threads()) })
            }),
        }
    })?;
    let backward = move |context: &super::graph::Context| {
        let (x, w, needs) = (&context.args[0], &context.args[1], context.needs);
        read::<T, _, 3>([x, w, context.grad], |[numbers, weights, dy]| {
            let mut gradients = vec![None, None, None];
            if needs[0] {
                let (dy, w) = (by_rows(dy.as_ptr(), o), by_rows(weights.as_ptr(), i));
                // SAFETY: the slices hold rows × o and o × i numbers.
                let dx = unsafe { fresh((rows, o, i), Fixed::Columns, dy, w, threads()) };
                gradients[0] = Some(Tensor::from_vec(dx, x.shape(), &Device::Cpu)?);
            }
            if needs[1] {
                let (dy, x) = (transposed(dy.as_ptr(), o), by_rows(numbers.as_ptr(), i));
                // SAFETY: the slices hold rows × o and rows × i numbers.
                let dw = unsafe { fresh((o, rows, i), Fixed::Both, dy, x, threads()) };
                gradients[1] = Some(Tensor::from_vec(dw, (o, i), &Device::Cpu)?);
            }
            if needs.get(2) == Some(&true) {
                gradients[2] = Some(Tensor::from_vec(column_sums(o, dy), o, &Device::Cpu)?);
            }
            gradients.truncate(needs.len());
            Ok(gradients)
        })
    };
    match b {
        Some(b) => attach_lean("linear", &[x, w, b], y, shape, backward),
        None => attach_lean("linear", &[x, w], y, shape, backward),
    }
}

/// The product of two matrices, in memory that nobody has filled with zeros before.
///
/// # Safety
/// The pointers reach over m × k and k × n elements.
unsafe fn fresh<T: Float>(
    (m, k, n): (usize, usize, usize),
    fixed: Fixed,
    lhs: Matrix<*const T>,
    rhs: Matrix<*const T>,
    parts: usize,
) -> Vec<T> {
    let mut out: Vec<T> = Vec::with_capacity(m * n);
    // SAFETY: the caller's; all elements are written, and none is read before.
    unsafe {
        multiply((m, k, n), fixed, lhs, rhs, by_rows(out.as_mut_ptr(), n), false, parts);
        out.set_len(m * n);
    }
    out
}

/// The sum of each column; each belongs to one thread, so that the sums are the same whatever their number.
fn column_sums<T: Float>(wide: usize, numbers: &[T]) -> Vec<T> {
    let mut sums = vec![T::ZERO; wide];
    let out = shared(&mut sums);
    parallel(wide, (1 << 14) / (numbers.len() / wide.max(1)).max(1) + 1, |columns| {
        // SAFETY: each part belongs to one thread.
        let sums = unsafe { out.slice(columns.start, columns.len()) };
        for row in numbers.chunks_exact(wide.max(1)) {
            sums.iter_mut().zip(&row[columns.clone()]).for_each(|(sum, number)| *sum += *number);
        }
    });
    sums
}

/// The table's rows that the indices name.
///
/// # Shapes
/// `table` (rows, c), `index` any, u32 or i64 → (index…, c)
///
/// # Errors
/// An index that the table has no row for.
pub fn embedding(table: &Tensor, index: &Tensor) -> Result<Tensor> {
    let (rows, c) = table.dims2()?;
    let mut shape = index.dims().to_vec();
    shape.push(c);
    let wanted = index.to_dtype(DType::I64)?.flatten_all()?.to_vec1::<i64>()?;
    if let Some(past) = wanted.iter().find(|row| !(0..rows as i64).contains(row)) {
        bail!("embedding: a table of {rows} rows has no row {past}");
    }
    let wanted: Vec<usize> = wanted.into_iter().map(|row| row as usize).collect();
    match on_cpu!(table, looked_up(table, wanted, c, shape.clone())) {
        Some(y) => y,
        None => table.index_select(&index.flatten_all()?.contiguous()?, 0)?.reshape(shape),
    }
}

fn looked_up<T: Float>(table: &Tensor, wanted: Vec<usize>, c: usize, shape: Vec<usize>) -> Result<Tensor> {
    let mut y: Vec<T> = Vec::with_capacity(wanted.len() * c);
    read::<T, _, 1>([table], |[table]| {
        wanted.iter().for_each(|row| y.extend_from_slice(&table[row * c..][..c]));
        Ok(())
    })?;
    attach_lean("embedding", &[table], y, shape, move |context| {
        let table = &context.args[0];
        let mut grad = filled(table.elem_count(), |_, out| out.fill(MaybeUninit::new(T::ZERO)));
        read::<T, _, 1>([context.grad], |[dy]| {
            for (row, dy) in wanted.iter().zip(dy.chunks_exact(c.max(1))) {
                grad[row * c..][..c].iter_mut().zip(dy).for_each(|(grad, dy)| *grad += *dy);
            }
            Ok(())
        })?;
        Ok(vec![Some(Tensor::from_vec(grad, table.shape(), &Device::Cpu)?)])
    })
}
