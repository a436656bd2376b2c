//! PyTorch files from before version 1.6: pickles one after another, then the numbers of each storage.

use std::collections::HashMap;

use candle_core::pickle::{Object, Stack, TensorInfo};
use candle_core::{Device, Tensor};

use super::NamedTensors;
use crate::{Error, Result};

/// The pickled number that such files begin with.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

/// Whether the bytes begin as PyTorch before version 1.6 wrote them.
pub fn is_legacy(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The tensors of a state dictionary that PyTorch before version 1.6 saved. Data only: nothing in it is executed.
///
/// # Errors
/// When the file is not whole, or holds something else than tensors by name.
pub fn read_legacy(bytes: &[u8], origin: &str) -> Result<NamedTensors> {
    let damaged = |why: String| {
        Error::new(format!("{origin} is no whole PyTorch file ({} bytes): {why}", bytes.len()))
            .remedy("it is cut off or damaged: copy or download it again")
    };
    let mut rest = bytes.strip_prefix(MAGIC).ok_or_else(|| damaged("its first bytes are others".into()))?;
    let mut next = || -> candle_core::Result<Object> {
        let mut stack = Stack::empty();
        stack.read_loop(&mut rest)?;
        stack.finalize()
    };
    let mut parts = Vec::new();
    // protocol version, system, state dictionary, keys of the storages
    for _ in 0..4 {
        parts.push(next().map_err(|error| damaged(error.to_string()))?);
    }
    let (Some(Object::List(keys)), Some(Object::Dict(entries))) = (parts.pop(), parts.pop()) else {
        return Err(Error::new(format!("{origin} holds no tensors by name"))
            .remedy("write the weights alone, in Python: `torch.save(model.state_dict(), path)`"));
    };
    let mut infos = Vec::new();
    for (name, object) in entries {
        infos.extend(object.into_tensor_info(name, "".as_ref()).map_err(|error| damaged(error.to_string()))?);
    }
    let storages = storages(rest, keys, &infos).ok_or_else(|| damaged("numbers are missing".into()))?;
    let mut tensors = Vec::with_capacity(infos.len());
    for info in infos {
        let tensor = tensor(&info, &storages).ok_or_else(|| damaged(format!("`{}` has no place in it", info.name)))?;
        tensors.push((info.name, tensor?));
    }
    Ok(tensors)
}

/// The bytes of each storage by its key: in the keys' order, each after its count of numbers.
fn storages<'a>(mut rest: &'a [u8], keys: Vec<Object>, infos: &[TensorInfo]) -> Option<HashMap<String, &'a [u8]>> {
    let widths: HashMap<&str, usize> = infos.iter().map(|info| (key(info), info.dtype.size_in_bytes())).collect();
    let mut storages = HashMap::new();
    for object in keys {
        let name = object.unicode().ok()?;
        let (count, after) = rest.split_first_chunk::<8>()?;
        let size = usize::try_from(i64::from_le_bytes(*count)).ok()?.checked_mul(*widths.get(name.as_str())?)?;
        let (numbers, after) = after.split_at_checked(size)?;
        storages.insert(name, numbers);
        rest = after;
    }
    Some(storages)
}

/// The storage's key, which candle gives as a path.
fn key(info: &TensorInfo) -> &str {
    info.path.trim_start_matches('/')
}

/// A tensor of its storage; `None` where it lies beyond it.
fn tensor(info: &TensorInfo, storages: &HashMap<String, &[u8]>) -> Option<Result<Tensor>> {
    let (width, dims, strides) = (info.dtype.size_in_bytes(), info.layout.dims(), info.layout.stride());
    let storage = storages.get(key(info))?;
    let count = dims.iter().try_fold(1usize, |count, dim| count.checked_mul(*dim))?;
    // row after row, whatever the order it is stored in
    let mut numbers = Vec::with_capacity(count.min(storage.len()) * width);
    for index in 0..count {
        let (mut rest, mut at) = (index, info.layout.start_offset());
        for (dim, stride) in dims.iter().zip(strides).rev() {
            at = at.checked_add((rest % dim).checked_mul(*stride)?)?;
            rest /= dim;
        }
        let from = at.checked_mul(width)?;
        numbers.extend_from_slice(storage.get(from..from.checked_add(width)?)?);
    }
    Some(Tensor::from_raw_buffer(&numbers, info.dtype, dims, &Device::Cpu).map_err(Error::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `torch.save({"a.weight": torch.tensor([[1., 4.], [2., 5.], [3., 6.]]).T, "n": torch.tensor(7)}, path,
    /// _use_new_zipfile_serialization=False)`
    const FILE: &[u8] = include_bytes!("../../tests/fixtures/legacy.pth");

    #[test]
    fn tensors_are_read_by_name() -> Result<()> {
        assert!(is_legacy(FILE));
        let tensors: HashMap<_, _> = read_legacy(FILE, "legacy.pth")?.into_iter().collect();
        assert_eq!(tensors["a.weight"].to_vec2::<f32>()?, [[1., 2., 3.], [4., 5., 6.]]);
        assert_eq!(tensors["n"].to_scalar::<i64>()?, 7);
        Ok(())
    }

    #[test]
    fn a_file_cut_anywhere_is_named() {
        for cut in 0..FILE.len() {
            let error = read_legacy(&FILE[..cut], "legacy.pth").unwrap_err().to_string();
            assert!(error.contains("legacy.pth is no whole PyTorch file"), "{cut}: {error}");
        }
    }
}
