//! Tensors in files: what is read, of which format, and safetensors written.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candlewick_wire::weights::Format;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use super::named::unwrap;
use super::{NamedTensors, pth};
use crate::{Error, Result};

/// The folder that paths begin from.
fn here() -> String {
    std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default()
}

/// The bytes of a file that stays as it is while it is read.
///
/// # Errors
/// When it cannot be read, or grows or shrinks meanwhile.
pub fn read_whole(path: &Path) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| {
        Error::new(format!("no weights could be read from {}", path.display()))
            .caused_by(error)
            .remedy(format!("check the path; cells run in `{}`, or give it in full", here()))
    };
    let mut file = File::open(path).map_err(failed)?;
    let before = file.metadata().map_err(failed)?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(before).unwrap_or_default());
    // one byte more shows that it grew; to chase its end could take for ever
    (&mut file).take(before + 1).read_to_end(&mut bytes).map_err(failed)?;
    let after = file.metadata().map_err(failed)?.len();
    if bytes.len() as u64 != before || after != before {
        let what = format!("{} changed while it was read: {before} bytes at first, {after} at last", path.display());
        return Err(Error::new(what)
            .remedy("it may still be copied or downloaded: wait until that is done, then run the cell again"));
    }
    Ok(bytes)
}

/// The tensors (by name) and the metadata of a weights file's bytes: safetensors, or what `torch.save` wrote. The
/// bytes say which it is. Nothing of a PyTorch file is executed.
///
/// # Errors
/// When the bytes are no whole file of either format, or hold values that are no numbers; `origin` says in the message
/// where they come from.
pub fn read_tensors(bytes: &[u8], origin: &str) -> Result<(NamedTensors, HashMap<String, String>)> {
    let (mut tensors, metadata) = match Format::of(bytes) {
        Format::Safetensors => read_safetensors(bytes, origin)?,
        Format::Torch | Format::OldTorch => (pth::read(bytes, origin)?, HashMap::new()),
        other => return Err(Error::new(format!("{origin} is {}", other.describe()))),
    };
    unwrap(&mut tensors);
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    check_finite(&tensors, origin)?;
    Ok((tensors, metadata))
}

fn read_safetensors(bytes: &[u8], origin: &str) -> Result<(NamedTensors, HashMap<String, String>)> {
    let damaged = |error: safetensors::SafeTensorError| {
        Error::new(format!("{origin} is no whole safetensors file ({} bytes)", bytes.len()))
            .caused_by(error)
            .remedy("it is cut off or damaged: copy or download it again")
    };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let metadata = header.metadata().clone().unwrap_or_default();
    SafeTensors::deserialize(bytes).map_err(damaged)?;
    Ok((candle_core::safetensors::load_buffer(bytes, &Device::Cpu)?.into_iter().collect(), metadata))
}

/// Refuses tensors that hold NaN or infinity, and names them.
fn check_finite(tensors: &[(String, Tensor)], origin: &str) -> Result<()> {
    let mut lost = Vec::new();
    for (name, tensor) in tensors.iter().filter(|(_, tensor)| tensor.dtype().is_float()) {
        let values = tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
        let count = values.iter().filter(|value| !value.is_finite()).count();
        if count > 0 {
            lost.push(format!("`{name}` ({count} of {})", values.len()));
        }
    }
    if lost.is_empty() {
        return Ok(());
    }
    let more = if lost.len() > 3 { format!(" and {} more", lost.len() - 3) } else { String::new() };
    lost.truncate(3);
    Err(Error::new(format!("{origin} holds values that are no numbers in {}{more}", lost.join(", ")))
        .remedy("the training that wrote it went astray: go back to an earlier file"))
}

/// Writes tensors and metadata as a safetensors file, by way of a neighbouring file that is renamed when whole.
///
/// # Errors
/// When the file cannot be written.
pub fn write_tensors(path: &Path, tensors: &[(String, Tensor)], metadata: HashMap<String, String>) -> Result<()> {
    let mut bytes = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let values = tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        bytes.push((name.as_str(), tensor.dims().to_vec(), data));
    }
    let mut views = Vec::with_capacity(bytes.len());
    for (name, dims, data) in &bytes {
        let view = TensorView::new(safetensors::Dtype::F32, dims.clone(), data)
            .map_err(|error| Error::new(format!("`{name}` cannot be written")).caused_by(error))?;
        views.push((*name, view));
    }
    let whole = safetensors::serialize(views, Some(metadata)).map_err(|error| unwritable(path, &error))?;
    write_whole(path, &whole)
}

/// Writes a file by way of a neighbouring one that is renamed when whole: a file that was there before stays until then.
///
/// # Errors
/// When the file cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let part = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&part);
        unwritable(path, &error)
    })
}

fn unwritable(path: &Path, error: &dyn fmt::Display) -> Error {
    Error::new(format!("{} cannot be written: {error}", path.display()))
        .remedy("check that the folder exists, may be written to and has room")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Init, ParamSet};

    #[test]
    fn what_is_written_is_read() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("a.safetensors");
        let set = ParamSet::new(3);
        set.scope("a", 0).param("weight", (2, 2), Init::Normal(1.0))?;
        set.scope("a", 0).buffer("mean", 2, Init::Constant(0.5))?;
        let metadata = HashMap::from([("classes".to_owned(), "[\"car\"]".to_owned())]);
        write_tensors(&path, &set.snapshot()?, metadata.clone())?;
        let (tensors, found) = read_tensors(&std::fs::read(&path)?, "a.safetensors")?;
        assert_eq!(found, metadata);
        let other = ParamSet::new(4);
        other.scope("a", 0).param("weight", (2, 2), Init::Normal(1.0))?;
        other.scope("a", 0).buffer("mean", 2, Init::Zeros)?;
        assert!(other.load(&tensors, None)?.complete());
        let values = |set: &ParamSet| set.get("a.weight").expect("made").value().to_vec2::<f32>();
        assert_eq!(values(&other)?, values(&set)?);
        assert_eq!(other.buffers()[0].value().to_vec1::<f32>()?, [0.5, 0.5]);
        Ok(())
    }

    #[test]
    fn a_truncated_file_is_named() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("a.safetensors");
        let set = ParamSet::new(3);
        set.scope("a", 0).param("weight", (20, 20), Init::Normal(1.0))?;
        write_tensors(&path, &set.snapshot()?, HashMap::new())?;
        let bytes = std::fs::read(&path)?;
        for cut in [0, 5, 60, bytes.len() - 1] {
            let error = read_tensors(&bytes[..cut], "a.safetensors").unwrap_err().to_string();
            assert!(error.contains("a.safetensors is "), "{error}");
            assert!(error.contains("copy or download it again"), "{error}");
        }
        Ok(())
    }

    #[test]
    fn a_folder_that_is_missing_is_named() {
        let error = write_tensors(Path::new("no/such/folder/a.safetensors"), &[], HashMap::new()).unwrap_err();
        assert!(error.to_string().contains("no/such/folder/a.safetensors cannot be written"), "{error}");
    }
}
