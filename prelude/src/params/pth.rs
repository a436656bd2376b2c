//! Tensors in PyTorch files: candle's pickle machine reads the data, nothing is executed.

use std::io::{Cursor, Read};

use candle_core::pickle::{Object, Stack};
use candle_core::{DType, Device, Tensor};
use zip::ZipArchive;

use super::NamedTensors;
use crate::{Error, Result};

/// Where checkpoints of the field keep their weights, the likeliest first.
const KEYS: [&str; 6] = ["state_dict", "model_state_dict", "model", "state_dict_ema", "model_ema", "net"];
/// What wrappers put before every name: `DataParallel`, `torch.compile`.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// The tensors of a file that `torch.save(model.state_dict(), path)` wrote (PyTorch 1.6 or later), or of one that
/// holds the weights below one of the usual keys.
///
/// # Errors
/// When the file is cut off or damaged, or holds no weights by name.
pub(super) fn read(bytes: &[u8], origin: &str) -> Result<NamedTensors> {
    let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(origin, bytes.len(), error))?;
    let mut archive = Archive { zip, origin, size: bytes.len() };
    let Some(pickle) = archive.zip.file_names_raw().map(String::from_utf8_lossy).find(|name| is_pickle(name)) else {
        return Err(Error::new(format!("{origin} is a zip archive, but not one of PyTorch: it holds no `data.pkl`"))
            .remedy("give the weights file itself: `.safetensors`, or what `torch.save` wrote"));
    };
    let pickle = pickle.into_owned();
    let data = archive.entry(&pickle)?;
    let folder = pickle.trim_end_matches("data.pkl");
    let mut stack = Stack::empty();
    let root = stack.read_loop(&mut data.as_slice()).and_then(|()| stack.finalize()).map_err(|error| {
        Error::new(format!("{origin} holds more than weights: its pickle cannot be read as plain data"))
            .caused_by(error)
            .remedy(REWRITE)
    })?;
    let Some(weights) = find_weights(root) else {
        let what = format!("{origin} holds no weights by name: it may be a whole pickled model, or compiled code");
        return Err(Error::new(what).remedy(REWRITE));
    };
    let mut tensors = Vec::with_capacity(weights.len());
    for (name, value) in weights {
        if let (Object::Unicode(name), Some(stored)) = (name, Stored::of(value)) {
            let tensor = archive.tensor(&name, stored, folder)?;
            tensors.push((name, tensor));
        }
    }
    for wrapper in WRAPPERS {
        if tensors.iter().all(|(name, _)| name.starts_with(wrapper)) {
            tensors.iter_mut().for_each(|(name, _)| drop(name.drain(..wrapper.len())));
        }
    }
    Ok(tensors)
}

const REWRITE: &str = "write the weights alone, in Python: `torch.save(model.state_dict(), path)`";

fn is_pickle(name: &str) -> bool {
    name == "data.pkl" || name.ends_with("/data.pkl")
}

fn damaged(origin: &str, size: usize, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(format!("{origin} is no whole PyTorch file ({size} bytes)"))
        .caused_by(error)
        .remedy("it is cut off or damaged: copy or download it again")
}

struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    origin: &'a str,
    size: usize,
}

impl Archive<'_> {
    /// An entry's bytes, its checksum verified.
    fn entry(&mut self, name: &str) -> Result<Vec<u8>> {
        let damaged = |error: std::io::Error| damaged(self.origin, self.size, error);
        let mut entry = self.zip.by_name(name).map_err(|error| damaged(error.into()))?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(damaged)?;
        Ok(bytes)
    }

    fn tensor(&mut self, name: &str, stored: Stored, folder: &str) -> Result<Tensor> {
        let origin = self.origin;
        let faulty = |what: String| {
            Error::new(format!("{origin}: `{name}` {what}")).remedy("convert it in Python, or leave it out there")
        };
        let Some((dtype, bytes)) = dtype(&stored.kind) else {
            return Err(faulty(format!("is stored as `{}`, which has no counterpart here", stored.kind)));
        };
        // where the last value lies, in values; nothing where a dimension is 0
        let reach = stored
            .dims
            .iter()
            .zip(&stored.stride)
            .try_fold(0usize, |at, (dim, stride)| at.checked_add(dim.saturating_sub(1).checked_mul(*stride)?));
        let count = stored.dims.iter().try_fold(1usize, |count, dim| count.checked_mul(*dim));
        let data = self.entry(&format!("{folder}data/{}", stored.key))?;
        let end = reach.and_then(|reach| stored.offset.checked_add(reach)?.checked_add(1)?.checked_mul(bytes));
        let (Some(count), Some(end)) = (count, end) else {
            return Err(faulty(format!("has an impossible shape: {:?}", stored.dims)));
        };
        if count > 0 && (end > data.len() || stored.dims.len() != stored.stride.len()) {
            return Err(faulty(format!("of shape {:?} lies beyond its storage", stored.dims)));
        }
        let from = (stored.offset * bytes).min(data.len());
        let dims = stored.dims.as_slice();
        if stored.is_contiguous() {
            return Ok(Tensor::from_raw_buffer(&data[from..from + count * bytes], dtype, dims, &Device::Cpu)?);
        }
        // any other layout: value by value in the order of the dimensions
        let mut values = Vec::with_capacity(count * bytes);
        for index in 0..count {
            let (mut rest, mut at) = (index, stored.offset);
            for (dim, stride) in stored.dims.iter().zip(&stored.stride).rev() {
                at += rest % dim * stride;
                rest /= dim;
            }
            values.extend_from_slice(&data[at * bytes..(at + 1) * bytes]);
        }
        Ok(Tensor::from_raw_buffer(&values, dtype, dims, &Device::Cpu)?)
    }
}

/// The type of a storage class, and the bytes of one value.
fn dtype(kind: &str) -> Option<(DType, usize)> {
    let dtype = match kind {
        "FloatStorage" => DType::F32,
        "DoubleStorage" => DType::F64,
        "HalfStorage" => DType::F16,
        "BFloat16Storage" => DType::BF16,
        "LongStorage" => DType::I64,
        "IntStorage" => DType::I32,
        "ShortStorage" => DType::I16,
        "ByteStorage" | "BoolStorage" => DType::U8,
        _ => return None,
    };
    Some((dtype, dtype.size_in_bytes()))
}

/// The dictionary that holds tensors by name: the root, or what lies below one of the usual keys.
fn find_weights(root: Object) -> Option<Vec<(Object, Object)>> {
    let Object::Dict(mut entries) = root else { return None };
    if entries.iter().any(|(_, value)| Stored::of(value.clone()).is_some()) {
        return Some(entries);
    }
    KEYS.iter().find_map(|key| {
        let at = entries.iter().position(|(name, _)| *name == Object::Unicode((*key).to_owned()))?;
        find_weights(std::mem::replace(&mut entries[at].1, Object::None))
    })
}

/// How a tensor is stored: which values of which storage.
#[derive(Debug)]
struct Stored {
    kind: String,
    key: String,
    offset: usize,
    dims: Vec<usize>,
    stride: Vec<usize>,
}

impl Stored {
    /// The arguments of `torch._utils._rebuild_tensor_v2`: storage, offset, size, stride, …; wrapped in
    /// `_rebuild_parameter` where the value is a `torch.nn.Parameter`.
    fn of(value: Object) -> Option<Stored> {
        let (callable, args) = value.reduce().ok()?;
        let (_, class) = callable.class().ok()?;
        let mut args = args.tuple().ok()?.into_iter();
        match class.as_str() {
            "_rebuild_parameter" => Stored::of(args.next()?),
            "_rebuild_tensor_v2" => {
                let mut storage = args.next()?.persistent_load().ok()?.tuple().ok()?.into_iter().skip(1);
                let offset = number(args.next()?)?;
                let (dims, stride) = (numbers(args.next()?)?, numbers(args.next()?)?);
                let (_, kind) = storage.next()?.class().ok()?;
                let key = storage.next()?.unicode().ok()?;
                Some(Stored { kind, key, offset, dims, stride })
            }
            _ => None,
        }
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1usize;
        self.dims.iter().zip(&self.stride).rev().all(|(dim, stride)| {
            let fits = *dim == 1 || *stride == expected;
            expected = dim.saturating_mul(expected);
            fits
        })
    }
}

fn number(value: Object) -> Option<usize> {
    usize::try_from(value.int_or_long().ok()?).ok()
}

fn numbers(value: Object) -> Option<Vec<usize>> {
    value.tuple().ok()?.into_iter().map(number).collect()
}
