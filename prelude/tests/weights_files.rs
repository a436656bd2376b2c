//! Weights from files that are as they should be, and from files that are not.

use candlewick_prelude::candle_core::{DType, Device, Tensor};
use candlewick_prelude::data::TensorData;
use candlewick_prelude::models::{Arch, HeadMaker, Network};
use candlewick_prelude::params::{Init, ParamSet, read_tensors, write_tensors};
use candlewick_prelude::train::Learner;
use candlewick_prelude::{Error, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// A file written by tests/reference/weights.py.
fn fixture(name: &str) -> Result<Vec<u8>> {
    Ok(std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name))?)
}

fn read(name: &str) -> Result<HashMap<String, Tensor>> {
    Ok(read_tensors(&fixture(name)?, name)?.0.into_iter().collect())
}

fn numbers(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}

/// What a refused file says.
fn refusal<T>(result: Result<T>) -> String {
    result.err().map_or_else(|| "accepted".to_owned(), |error: Error| error.to_string())
}

// torch.load("weights_state.pth"): arange(12).reshape(3, 4) as it is, transposed, and [1:, 1:3]
#[test]
fn every_layout_and_type_of_pytorch_is_read() -> Result<()> {
    every_layout_and_type(&read("weights_state.pth")?)?;
    // torch.save(…, _use_new_zipfile_serialization=False)
    every_layout_and_type(&read("weights_old.pth")?)
}

fn every_layout_and_type(tensors: &HashMap<String, Tensor>) -> Result<()> {
    assert_eq!(numbers(&tensors["plain"])?, (0..12).map(|n| n as f32).collect::<Vec<_>>());
    assert_eq!(tensors["turned"].dims(), [4, 3]);
    assert_eq!(numbers(&tensors["turned"])?, [0., 4., 8., 1., 5., 9., 2., 6., 10., 3., 7., 11.]);
    assert_eq!(numbers(&tensors["inner"])?, [5., 6., 9., 10.]);
    for (name, dtype) in [("half", DType::F16), ("brain", DType::BF16)] {
        assert_eq!((tensors[name].dtype(), numbers(&tensors[name])?), (dtype, vec![0.5, -2.0]));
    }
    assert_eq!(tensors["double"].to_vec1::<f64>()?, [0.1, 1e-3]);
    assert_eq!(tensors["scalar"].to_scalar::<f32>()?, 7.0);
    assert_eq!(tensors["empty"].dims(), [0, 3]);
    assert_eq!(tensors["mask"].to_vec1::<u8>()?, [1, 0]);
    assert_eq!(tensors["bn.num_batches_tracked"].to_scalar::<i64>()?, 5);
    Ok(())
}

#[test]
fn weights_within_a_checkpoint_are_found_and_unwrapped() -> Result<()> {
    for name in ["weights_checkpoint.pth", "weights_checkpoint_old.pth"] {
        let tensors = read(name)?;
        assert_eq!(tensors.len(), 2, "the optimiser's tensors are no weights");
        assert_eq!((numbers(&tensors["a"])?, numbers(&tensors["b"])?), (vec![0., 1.], vec![0., 1., 2.]));
    }
    Ok(())
}

#[test]
fn pytorch_files_without_plain_weights_say_how_to_write_them_again() {
    let says = refusal(read("weights_module.pth"));
    assert!(says.contains("whole pickled model") && says.contains("torch.save(model.state_dict(), path)"), "{says}");
}

#[test]
fn a_truncated_pytorch_file_is_refused_wherever_it_ends() -> Result<()> {
    for name in ["weights_state.pth", "weights_old.pth"] {
        let whole = fixture(name)?;
        for cut in 0..whole.len() {
            let says = refusal(read_tensors(&whole[..cut], "cut.pth"));
            assert!(says.contains("cut.pth is") && says.contains("copy or download it again"), "{cut}: {says}");
        }
    }
    Ok(())
}

#[test]
fn a_corrupted_pytorch_file_is_refused_or_reads_the_same() -> Result<()> {
    // the old format has no checksums: whatever its bytes, reading them ends
    let old = fixture("weights_old.pth")?;
    for at in 0..old.len() {
        let mut bytes = old.clone();
        bytes[at] ^= 0x55;
        let _ = read_tensors(&bytes, "spoiled.pth");
    }
    let whole = fixture("weights_state.pth")?;
    let before = read_tensors(&whole, "whole.pth")?.0;
    let mut refused = 0;
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        // a byte of padding or of an entry's time says nothing on weights
        match read_tensors(&bytes, "spoiled.pth") {
            Err(error) => {
                assert!(error.to_string().contains("spoiled.pth"), "{at}: {error}");
                refused += 1;
            }
            Ok((tensors, _)) => {
                for ((name, value), (expected_name, expected)) in tensors.iter().zip(&before) {
                    assert_eq!((name, numbers(value)?), (expected_name, numbers(expected)?), "byte {at}");
                }
            }
        }
    }
    assert!(refused > whole.len() / 4, "{refused} of {}", whole.len());
    Ok(())
}

fn small_weights(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("small.safetensors");
    let model = Network::new(Arch::Small, HeadMaker::classes(2), &Device::Cpu, 1)?;
    write_tensors(&path, &model.params().snapshot()?, HashMap::new())?;
    Ok(path)
}

fn pictures(classes: &[&str]) -> Result<TensorData> {
    let count = 2 * classes.len();
    let images = Tensor::rand(0f32, 1.0, (count, 3, 32, 32), &Device::Cpu)?;
    TensorData::new(images, (0..count).map(|n| (n % classes.len()) as u32).collect(), classes)
}

#[test]
fn a_corrupted_safetensors_header_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let whole = std::fs::read(small_weights(folder.path())?)?;
    // the header's length, its first name, a shape, a type, an offset
    for (from, to) in
        [("{", "["), ("shape", "shade"), ("[24,3,3,3]", "[24,3,3,9]"), ("F32", "F99"), ("data_off", "data_of_")]
    {
        let at = whole.windows(from.len()).position(|window| window == from.as_bytes()).expect("a header has it");
        let bytes = [&whole[..at], to.as_bytes(), &whole[at + from.len()..]].concat();
        let says = refusal(read_tensors(&bytes, "x.safetensors"));
        assert!(says.contains("x.safetensors is") && says.contains("copy or download it again"), "{from}: {says}");
    }
    let mut long = whole.clone();
    long[..8].copy_from_slice(&(1u64 << 40).to_le_bytes());
    assert!(refusal(read_tensors(&long, "x.safetensors")).contains("x.safetensors is"));
    Ok(())
}

#[test]
fn values_that_are_no_numbers_are_named_with_their_parameter() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("spoiled.safetensors");
    let model = Network::new(Arch::Small, HeadMaker::classes(2), &Device::Cpu, 1)?;
    let bias = model.params().get("blocks.1.bn1.bias").expect("the small body has it");
    let mut values = bias.value().to_vec1::<f32>()?;
    (values[3], values[7]) = (f32::NAN, f32::INFINITY);
    bias.set(&Tensor::new(values, &Device::Cpu)?)?;
    write_tensors(&path, &model.params().snapshot()?, HashMap::new())?;
    let says = refusal(Learner::vision(Arch::Small.weights(&path), &pictures(&["a", "b"])?));
    assert!(says.contains("no numbers in `blocks.1.bn1.bias` (2 of 48)") && says.contains("earlier file"), "{says}");
    Ok(())
}

#[test]
fn weights_of_another_architecture_are_refused_with_what_they_look_like() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("other.safetensors");
    let set = ParamSet::new(0);
    for (name, shape) in [
        ("conv1.weight".to_owned(), vec![64, 3, 7, 7]),
        ("layer1.0.conv3.weight".to_owned(), vec![256, 64, 1, 1]),
        ("layer4.0.conv1.weight".to_owned(), vec![1]),
    ]
    .into_iter()
    .chain((0..6).map(|block| (format!("layer3.{block}.conv1.weight"), vec![1])))
    {
        set.scope("", 0).param(&name, shape, Init::Zeros)?;
    }
    write_tensors(&path, &set.snapshot()?, HashMap::new())?;
    let says = refusal(Learner::vision(Arch::Small.weights(&path), &pictures(&["a", "b"])?));
    assert!(says.contains("other.safetensors does not fit `small`: 0 of 50 parameters found"), "{says}");
    assert!(says.contains("look like those of resnet50"), "{says}");
    let unknown = folder.path().join("unknown.safetensors");
    write_tensors(&unknown, &[("w".to_owned(), Tensor::zeros(2, DType::F32, &Device::Cpu)?)], HashMap::new())?;
    let says = refusal(Learner::vision(Arch::Small.weights(&unknown), &pictures(&["a", "b"])?));
    assert!(says.contains("no architecture known here") && says.contains(".untrained()"), "{says}");
    Ok(())
}

#[test]
fn a_head_for_other_classes_is_left_new_and_the_body_taken() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = small_weights(folder.path())?;
    // both formats by content: the same bytes under PyTorch's extension
    let renamed = folder.path().join("small.pth");
    std::fs::copy(&path, &renamed)?;
    let three = Learner::vision(Arch::Small.weights(&renamed), &pictures(&["a", "b", "c"])?)?;
    let report = three.load_report().expect("it began from a file");
    assert!(report.complete() && report.ignored == ["head.linear.bias", "head.linear.weight"], "{report}");
    assert_eq!(three.classes().len(), 3);
    let source = Network::new(Arch::Small, HeadMaker::classes(2), &Device::Cpu, 1)?;
    for param in source.params().under("blocks") {
        let taken = three.network().params().get(param.name()).expect("the same body");
        assert_eq!(taken.fingerprint()?, param.fingerprint()?, "{}", param.name());
    }
    Ok(())
}

#[test]
fn a_file_that_grows_while_it_is_read_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("growing.safetensors");
    std::fs::write(&path, vec![0; 16 << 20])?;
    let done = AtomicBool::new(false);
    let says = std::thread::scope(|scope| -> Result<String> {
        scope.spawn(|| {
            use std::io::Write;
            let mut file = std::fs::OpenOptions::new().append(true).open(&path).expect("it was written above");
            while !done.load(Ordering::Relaxed) {
                file.write_all(&[0; 4096]).expect("there is room");
            }
        });
        let mut says = String::new();
        for _ in 0..50 {
            says = refusal(Learner::vision(Arch::Small.weights(&path), &pictures(&["a", "b"])?));
            if says.contains("changed while it was read") {
                break;
            }
        }
        done.store(true, Ordering::Relaxed);
        Ok(says)
    })?;
    assert!(says.contains("growing.safetensors changed while it was read") && says.contains("wait"), "{says}");
    Ok(())
}
