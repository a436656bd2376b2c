//! Tensors in PyTorch files: candle's pickle machine reads the data, nothing is executed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Cursor, Read};

use candle_core::pickle::{Object, Stack};
use candle_core::{DType, Device, Tensor};
use zip::ZipArchive;
use zip::result::ZipError;

use super::NamedTensors;
use crate::{Error, Result};

/// Where checkpoints of the field keep their weights, the likeliest first.
const KEYS: [&str; 7] = ["state_dict", "model_state_dict", "model", "state_dict_ema", "model_ema", "ema", "net"];
/// Modules within modules, at most.
const DEEPEST: usize = 64;
/// The pickled number that files of before PyTorch 1.6 begin with.
const OLD: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

/// The tensors of a file that `torch.save(model.state_dict(), path)` wrote, or of one that holds the weights below one
/// of the usual keys: a zip archive, or pickles one after another (before PyTorch 1.6). Of a whole model (`torch.save(model, path)`, and what
/// Ultralytics writes) the parameters and buffers that its pickle lists are read; its code is not run.
///
/// # Errors
/// When the file is cut off or damaged, or holds no weights by name.
pub(super) fn read(bytes: &[u8], origin: &str) -> Result<NamedTensors> {
    let file = File { bytes, origin };
    if bytes.starts_with(&OLD[..4]) { file.old() } else { file.archive() }
}

#[derive(Clone, Copy)]
struct File<'a> {
    bytes: &'a [u8],
    origin: &'a str,
}

impl<'a> File<'a> {
    fn damaged(self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::new(format!("{} is no whole PyTorch file ({} bytes)", self.origin, self.bytes.len()))
            .caused_by(error)
            .remedy("it is cut off or damaged: copy or download it again")
    }

    fn foreign(self, what: &str) -> Error {
        let remedy = "write the weights alone, in Python, where the model's code is: `m = torch.load(path, weights_only=False); \
                      m = (m.get('ema') or m['model']) if isinstance(m, dict) else m; torch.save(m.float().state_dict(), 'weights.pt')`";
        Error::new(format!("{} {what}", self.origin)).remedy(remedy)
    }

    /// PyTorch 1.6 and later: `NAME/data.pkl` and a file `NAME/data/KEY` for each storage, with checksums.
    fn archive(self) -> Result<NamedTensors> {
        let mut zip = ZipArchive::new(Cursor::new(self.bytes)).map_err(|error| self.damaged(error))?;
        let is_pickle = |name: &str| name == "data.pkl" || name.ends_with("/data.pkl");
        let pickle =
            zip.file_names_raw().map(String::from_utf8_lossy).find(|name| is_pickle(name)).map(Cow::into_owned);
        let Some(pickle) = pickle else {
            let is_numpy = zip.file_names_raw().any(|name| name.ends_with(b".npy"));
            return Err(match is_numpy {
                true => Error::new(format!("{} is numpy's `.npz`, not weights of PyTorch", self.origin))
                    .remedy("in Python: `safetensors.numpy.save_file(dict(numpy.load(path)), new)`"),
                false => self.foreign("is a zip archive, but not one of PyTorch: it holds no `data.pkl`"),
            });
        };
        let mut entry = |name: &str| -> Result<Vec<u8>> {
            let mut entry = zip.by_name(name).map_err(|error| match error {
                ZipError::UnsupportedArchive(_) => {
                    Error::new(format!("{} is packed in a way that is not read here", self.origin))
                        .caused_by(error)
                        .remedy("unpack it and pack it anew without compression: `zip -0 -r new.pth FOLDER`")
                }
                error => self.damaged(error),
            })?;
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(|error| self.damaged(error))?;
            Ok(bytes)
        };
        let data = entry(&pickle)?;
        let root = unpickle(&mut data.as_slice()).map_err(|error| {
            self.foreign("holds more than weights: its pickle cannot be read as plain data").caused_by(error)
        })?;
        let folder = pickle.trim_end_matches("data.pkl");
        self.tensors(root, |key| entry(&format!("{folder}data/{key}")).map(Cow::Owned))
    }

    /// Before PyTorch 1.6: four pickles (version, system, content, storage keys), then each storage: count and numbers.
    fn old(self) -> Result<NamedTensors> {
        let mut rest = self.bytes.strip_prefix(OLD).ok_or_else(|| self.damaged("it begins otherwise"))?;
        let mut next = || unpickle(&mut rest).map_err(|error| self.damaged(error));
        let (_version, _system, root, keys) = (next()?, next()?, next()?, next()?);
        let mut kinds = HashMap::new();
        storages(&root, &mut kinds);
        let Object::List(keys) = keys else { return Err(self.damaged("it does not list its storages")) };
        let mut places = HashMap::new();
        for key in keys.into_iter().filter_map(|key| key.unicode().ok()) {
            let kind = kinds.get(&key).and_then(|kind| dtype(kind));
            let stored = rest.split_first_chunk::<8>().zip(kind).and_then(|((count, after), dtype)| {
                let count = usize::try_from(i64::from_le_bytes(*count)).ok()?;
                after.split_at_checked(count.checked_mul(dtype.size_in_bytes())?)
            });
            let (numbers, after) = stored.ok_or_else(|| self.damaged(format!("storage {key} is not whole")))?;
            places.insert(key, numbers);
            rest = after;
        }
        let missing = |key: &str| self.damaged(format!("storage {key} is missing"));
        self.tensors(root, |key| places.get(key).map(|numbers| Cow::Borrowed(*numbers)).ok_or_else(|| missing(key)))
    }

    fn tensors(self, root: Object, mut storage: impl FnMut(&str) -> Result<Cow<'a, [u8]>>) -> Result<NamedTensors> {
        let Some(weights) = find_weights(root) else {
            return Err(self.foreign(
                "holds no weights by name: it may be a model that is pickled in a way of its own, or compiled code",
            ));
        };
        let mut tensors = Vec::with_capacity(weights.len());
        for (name, value) in weights {
            if let (Object::Unicode(name), Some(stored)) = (name, TensorPlace::of(value)) {
                let tensor = stored.tensor(&storage(&stored.key)?).map_err(|what| {
                    let remedy = "convert it in Python, or leave it out there";
                    Error::new(format!("{}: `{name}` {what}", self.origin)).remedy(remedy)
                })?;
                tensors.push((name, tensor));
            }
        }
        Ok(tensors)
    }
}

fn unpickle(bytes: &mut &[u8]) -> candle_core::Result<Object> {
    let mut stack = Stack::empty();
    stack.read_loop(bytes)?;
    stack.finalize()
}

/// The dictionary that holds tensors by name: the root, or what lies below one of the usual keys.
fn find_weights(root: Object) -> Option<Vec<(Object, Object)>> {
    if let Object::Build { .. } = root {
        let mut found = Vec::new();
        gather(root, "", 0, &mut found)?;
        return Some(found).filter(|found| !found.is_empty());
    }
    let Object::Dict(mut entries) = root else { return None };
    if entries.iter().any(|(_, value)| TensorPlace::of(value.clone()).is_some()) {
        return Some(entries);
    }
    KEYS.iter().find_map(|key| {
        let at = entries.iter().position(|(name, _)| *name == Object::Unicode((*key).to_owned()))?;
        find_weights(std::mem::replace(&mut entries[at].1, Object::None))
    })
}

/// The parameters and buffers of a pickled `torch.nn.Module` under their dotted names, as its `state_dict` would give them; `None` where it
/// is something else.
fn gather(module: Object, prefix: &str, depth: usize, found: &mut Vec<(Object, Object)>) -> Option<()> {
    let Object::Build { args, .. } = module else { return None };
    let Object::Dict(state) = *args else { return None };
    let mut own = HashMap::new();
    for (name, value) in state {
        if let Object::Unicode(name) = name {
            own.insert(name, value);
        }
    }
    // what is no part of the state of a module is of its own
    let transient = own.get("_non_persistent_buffers_set").map(words).unwrap_or_default();
    for kind in ["_parameters", "_buffers"] {
        let Some(Object::Dict(values)) = own.remove(kind) else { return None };
        for (name, value) in values {
            if let Object::Unicode(name) = name
                && !(kind == "_buffers" && transient.contains(&name))
            {
                found.push((Object::Unicode(format!("{prefix}{name}")), value));
            }
        }
    }
    let Some(Object::Dict(modules)) = own.remove("_modules") else { return None };
    for (name, module) in modules.into_iter().filter(|_| depth < DEEPEST) {
        if let Object::Unicode(name) = name {
            // one without parameters may be pickled otherwise
            let _ = gather(module, &format!("{prefix}{name}."), depth + 1, found);
        }
    }
    Some(())
}

/// The texts within an object, such as those of a set.
fn words(object: &Object) -> Vec<String> {
    match object {
        Object::Unicode(text) => vec![text.clone()],
        Object::Tuple(parts) | Object::List(parts) => parts.iter().flat_map(words).collect(),
        Object::Reduce { args, .. } => words(args),
        _ => Vec::new(),
    }
}

/// The kind of every storage below an object, by key.
fn storages(object: &Object, kinds: &mut HashMap<String, String>) {
    match object {
        Object::Tuple(parts) | Object::List(parts) => parts.iter().for_each(|part| storages(part, kinds)),
        Object::Dict(entries) => entries.iter().for_each(|(_, value)| storages(value, kinds)),
        Object::Reduce { callable, args } | Object::Build { callable, args } => {
            storages(callable, kinds);
            storages(args, kinds);
        }
        Object::PersistentLoad(id) => {
            if let Some((kind, key)) = storage_id((**id).clone()) {
                kinds.insert(key, kind);
            }
        }
        _ => {}
    }
}

/// Kind and key in a storage's persistent id: `("storage", kind, key, location, count)`.
fn storage_id(id: Object) -> Option<(String, String)> {
    let mut parts = id.tuple().ok()?.into_iter().skip(1);
    let (_, kind) = parts.next()?.class().ok()?;
    Some((kind, parts.next()?.unicode().ok()?))
}

/// The type of a storage class.
fn dtype(kind: &str) -> Option<DType> {
    Some(match kind {
        "FloatStorage" => DType::F32,
        "DoubleStorage" => DType::F64,
        "HalfStorage" => DType::F16,
        "BFloat16Storage" => DType::BF16,
        "LongStorage" => DType::I64,
        "IntStorage" => DType::I32,
        "ShortStorage" => DType::I16,
        "ByteStorage" | "BoolStorage" => DType::U8,
        _ => return None,
    })
}

/// How a tensor is stored: which values of which storage, counted in values.
#[derive(Debug)]
struct TensorPlace {
    kind: String,
    key: String,
    offset: usize,
    dims: Vec<usize>,
    stride: Vec<usize>,
}

impl TensorPlace {
    /// The arguments of `torch._utils._rebuild_tensor_v2`: storage, offset, size, stride, …; within
    /// `_rebuild_parameter` where the value is a `torch.nn.Parameter`.
    fn of(value: Object) -> Option<TensorPlace> {
        let (callable, args) = value.reduce().ok()?;
        let (_, class) = callable.class().ok()?;
        let mut args = args.tuple().ok()?.into_iter();
        match class.as_str() {
            "_rebuild_parameter" => TensorPlace::of(args.next()?),
            "_rebuild_tensor_v2" => {
                let (kind, key) = storage_id(args.next()?.persistent_load().ok()?)?;
                let offset = number(args.next()?)?;
                let (dims, stride) = (numbers(args.next()?)?, numbers(args.next()?)?);
                (dims.len() == stride.len()).then_some(TensorPlace { kind, key, offset, dims, stride })
            }
            _ => None,
        }
    }

    /// The tensor, or what is wrong with it.
    fn tensor(&self, data: &[u8]) -> std::result::Result<Tensor, String> {
        let dims = self.dims.as_slice();
        let kind = &self.kind;
        let dtype = dtype(kind).ok_or_else(|| format!("is stored as `{kind}`, which has no counterpart here"))?;
        let width = dtype.size_in_bytes();
        let count = dims.iter().try_fold(1usize, |count, dim| count.checked_mul(*dim));
        let last = dims
            .iter()
            .zip(&self.stride)
            .try_fold(self.offset, |at, (dim, stride)| at.checked_add(dim.saturating_sub(1).checked_mul(*stride)?));
        let end = last.and_then(|last| last.checked_add(1)?.checked_mul(width));
        let (Some(count), Some(end)) = (count, end) else { return Err(format!("has an impossible shape: {dims:?}")) };
        if count > 0 && end > data.len() {
            return Err(format!("of shape {dims:?} lies beyond its storage"));
        }
        let failed = |error: candle_core::Error| error.to_string();
        if count > 0 && self.is_contiguous() {
            let numbers = &data[self.offset * width..][..count * width];
            return Tensor::from_raw_buffer(numbers, dtype, dims, &Device::Cpu).map_err(failed);
        }
        // any other layout: value by value in the order of the dimensions
        let mut numbers = Vec::new();
        for index in 0..count {
            let (mut rest, mut at) = (index, self.offset);
            for (dim, stride) in dims.iter().zip(&self.stride).rev() {
                at += rest % dim * stride;
                rest /= dim;
            }
            numbers.extend_from_slice(&data[at * width..][..width]);
        }
        Tensor::from_raw_buffer(&numbers, dtype, dims, &Device::Cpu).map_err(failed)
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
