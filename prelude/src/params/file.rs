//! Parameters in safetensors files: read, write, and the report of a partial loading.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use candle_core::{Device, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use crate::{Error, Result};

/// A parameter whose shape is another one in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct WrongShape {
    /// The parameter's name.
    pub name: String,
    /// The model's shape.
    pub expected: Vec<usize>,
    /// The file's shape.
    pub found: Vec<usize>,
}

/// What a partial loading did with each name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadReport {
    /// Taken over.
    pub loaded: Vec<String>,
    /// In the model but not in the file: they keep their first values.
    pub new: Vec<String>,
    /// In the file but not in the model.
    pub ignored: Vec<String>,
    /// In both, with another shape: they keep their first values.
    pub wrong_shape: Vec<WrongShape>,
}

impl LoadReport {
    pub(super) fn wrong_shape(&mut self, name: &str, expected: &[usize], found: &[usize]) {
        self.wrong_shape.push(WrongShape { name: name.into(), expected: expected.into(), found: found.into() });
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let plain = self.loaded.iter().chain(&self.new).map(String::as_str);
        plain.chain(self.wrong_shape.iter().map(|wrong| wrong.name.as_str()))
    }

    /// Whether every name of the model was found with its shape.
    pub fn complete(&self) -> bool {
        self.new.is_empty() && self.wrong_shape.is_empty()
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[String]| {
            let some = names.iter().take(6).map(String::as_str).collect::<Vec<_>>().join(", ");
            if names.len() > 6 { format!("{some}, … ({} in all)", names.len()) } else { some }
        };
        write!(f, "loaded {}", self.loaded.len())?;
        if !self.new.is_empty() {
            write!(f, "\nnew: {}", list(&self.new))?;
        }
        if !self.ignored.is_empty() {
            write!(f, "\nignored: {}", list(&self.ignored))?;
        }
        for wrong in &self.wrong_shape {
            write!(f, "\nwrong shape: {} is {:?} here, {:?} in the file", wrong.name, wrong.expected, wrong.found)?;
        }
        Ok(())
    }
}

/// Tensors with their names.
pub type NamedTensors = Vec<(String, Tensor)>;

/// The tensors (by name) and the metadata of a safetensors file's bytes.
///
/// # Errors
/// When the bytes are no whole safetensors file; `origin` says in the message where they come from.
pub fn read_tensors(bytes: &[u8], origin: &str) -> Result<(NamedTensors, HashMap<String, String>)> {
    let damaged = |error: safetensors::SafeTensorError| {
        Error::new(format!("{origin} is no whole safetensors file ({} bytes)", bytes.len()))
            .caused_by(error)
            .remedy("it may be cut off or of another format: copy or download it again")
    };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let metadata = header.metadata().clone().unwrap_or_default();
    SafeTensors::deserialize(bytes).map_err(damaged)?;
    let mut tensors: Vec<_> = candle_core::safetensors::load_buffer(bytes, &Device::Cpu)?.into_iter().collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    Ok((tensors, metadata))
}

/// Writes tensors and metadata as a safetensors file, by way of a neighbouring file that is renamed when whole.
///
/// # Errors
/// When the file cannot be written.
pub fn write_tensors(path: &Path, tensors: &[(String, Tensor)], metadata: HashMap<String, String>) -> Result<()> {
    let mut bytes = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let values = tensor.flatten_all()?.to_dtype(candle_core::DType::F32)?.to_vec1::<f32>()?;
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        bytes.push((name.as_str(), tensor.dims().to_vec(), data));
    }
    let mut views = Vec::with_capacity(bytes.len());
    for (name, dims, data) in &bytes {
        let view = TensorView::new(safetensors::Dtype::F32, dims.clone(), data)
            .map_err(|error| Error::new(format!("`{name}` cannot be written")).caused_by(error))?;
        views.push((*name, view));
    }
    let failed = |error: &dyn fmt::Display| {
        Error::new(format!("{} cannot be written: {error}", path.display()))
            .remedy("check that the folder exists, may be written to and has room")
    };
    let whole = safetensors::serialize(views, Some(metadata)).map_err(|error| failed(&error))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let part = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = std::fs::write(&part, whole).and_then(|()| std::fs::rename(&part, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&part);
        failed(&error)
    })
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
            assert!(error.contains("a.safetensors is no whole safetensors file"), "{error}");
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
