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
    let says = refusal(read("weights_list.pth"));
    assert!(
        says.contains("no weights by name") && says.contains("torch.save(m.float().state_dict(), 'weights.pt')"),
        "{says}"
    );
}

// torch.save(net, …), and as Ultralytics keeps it: {"epoch": 1, "model": None, "ema": net.half()}; the names are those of net.state_dict()
#[test]
fn the_weights_of_a_whole_pickled_model_are_read_and_nothing_is_run() -> Result<()> {
    let module = read("weights_module.pth")?;
    assert_eq!((module.len(), module["weight"].dims(), module["bias"].dims()), (2, &[2, 2][..], &[2][..]));
    let expected = read("weights_net_state.pth")?;
    assert_eq!(expected.len(), 9);
    for (name, exact) in [("weights_net.pth", true), ("weights_net_ema.pt", false)] {
        let found = read(name)?;
        let names =
            |tensors: &HashMap<String, Tensor>| tensors.keys().cloned().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(names(&found), names(&expected), "{name}");
        for (tensor, value) in &expected {
            let (found, value) = (numbers(&found[tensor])?, numbers(value)?);
            let far = found.iter().zip(&value).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(found.len() == value.len() && if exact { far == 0.0 } else { far < 1e-3 }, "{name} {tensor} {far}");
        }
    }
    Ok(())
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

/// The weights of a body, and one of them in another shape.
fn with(arch: Arch, name: &str, change: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Vec<(String, Tensor)>> {
    let params = ParamSet::new(7);
    arch.body(&params)?;
    let one = |(own, value): (String, Tensor)| {
        let value = if own == name { change(&value)? } else { value };
        Ok((own, value))
    };
    params.snapshot()?.into_iter().map(one).collect()
}

#[test]
fn a_vision_transformer_of_another_size_keeps_its_places() -> Result<()> {
    let normal = |side: usize| Ok(Tensor::randn(0f32, 1.0, (1, 1 + side * side, 192), &Device::Cpu)?);
    let network = Network::new(Arch::VitTiny, HeadMaker::classes(2), &Device::Cpu, 1)?;
    for side in [24, 7] {
        let tensors = with(Arch::VitTiny, "pos_embed", |_| normal(side))?;
        let report = network.load_body(&tensors, "vit.safetensors")?;
        assert!(report.complete() && report.loaded.contains(&"pos_embed".to_owned()), "{report}");
        let own = tensors.iter().find(|(name, _)| name == "pos_embed").expect("there").1.clone();
        let expected = candlewick_prelude::ops::fit_places(&own, (side, side), (14, 14))?;
        let found = network.params().get("pos_embed").expect("made").value();
        assert_eq!(numbers(&found)?, numbers(&expected)?);
    }
    // No grid of patches: it would stay random.
    let tensors = with(Arch::VitTiny, "pos_embed", |_| Ok(Tensor::zeros((1, 100, 192), DType::F32, &Device::Cpu)?))?;
    let says = refusal(network.load_body(&tensors, "vit.safetensors"));
    assert!(
        says.contains("1 of another shape (`pos_embed` is [1, 197, 192] here, [1, 100, 192] in the file)"),
        "{says}"
    );
    assert!(says.contains("of another size or variant"), "{says}");
    Ok(())
}

#[test]
fn a_part_of_another_shape_is_refused_and_a_part_that_lacks_is_told() -> Result<()> {
    let network = Network::new(Arch::ResNet18, HeadMaker::classes(2), &Device::Cpu, 1)?;
    let grey = with(Arch::ResNet18, "conv1.weight", |_| Ok(Tensor::zeros((64, 1, 7, 7), DType::F32, &Device::Cpu)?))?;
    let says = refusal(network.load_body(&grey, "grey.safetensors"));
    assert!(says.contains("`conv1.weight` is [64, 3, 7, 7] here, [64, 1, 7, 7] in the file"), "{says}");
    for lacks in ["layer3.1.conv1.weight", "layer4.0.conv1.weight", "bn1.weight"] {
        let mut tensors = with(Arch::ResNet18, "", |value| Ok(value.clone()))?;
        tensors.retain(|(name, _)| name != lacks);
        assert_eq!(network.load_body(&tensors, "most.safetensors")?.new, [lacks]);
    }
    Ok(())
}

#[test]
fn eight_bit_floats_are_read() -> Result<()> {
    // 1, -2 and 0.5 as E4M3
    let data = [0x38u8, 0xc0, 0x30, 0x00];
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F8_E4M3, vec![2, 2], &data).expect("fits");
    let bytes = safetensors::serialize([("a", view)], None).expect("written");
    let tensors: HashMap<String, Tensor> = read_tensors(&bytes, "f8.safetensors")?.0.into_iter().collect();
    assert_eq!(numbers(&tensors["a"])?, [1.0, -2.0, 0.5, 0.0]);
    let set = ParamSet::new(1);
    set.scope("", 0).param("a", (2, 2), Init::Zeros)?;
    assert!(set.load(&tensors.into_iter().collect::<Vec<_>>(), None)?.complete());
    assert_eq!(numbers(&set.get("a").expect("made").value())?, [1.0, -2.0, 0.5, 0.0]);
    Ok(())
}

/// The same archive with every entry packed.
fn deflated(stored: &[u8]) -> Vec<u8> {
    use std::io::{Cursor, Read, Write};
    use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};
    let mut from = ZipArchive::new(Cursor::new(stored)).expect("an archive");
    let mut to = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..from.len() {
        let mut entry = from.by_index(index).expect("an entry");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("read");
        let packed = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        to.start_file(entry.name().expect("a name").into_owned(), packed).expect("begun");
        to.write_all(&bytes).expect("written");
    }
    to.finish().expect("whole").into_inner()
}

#[test]
fn packed_files_are_read_and_files_of_others_are_named() -> Result<()> {
    let packed = deflated(&fixture("weights_state.pth")?);
    every_layout_and_type(&read_tensors(&packed, "packed.pth")?.0.into_iter().collect())?;
    for (bytes, says) in [
        (&b"\x80\x02}q\x00."[..], "`data.pkl` is a part of what `torch.save` writes"),
        (b"\x80\x04\x95\x10\x00", "a pickle alone"),
        (b"\x93NUMPY\x01\x00v\x00{'descr'", "a numpy array"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes"),
        (b"GGUF\x03\x00\x00\x00", "a GGUF file"),
        (b"\x1f\x8b\x08\x00\x00", "packed by gzip"),
    ] {
        let found = refusal(read_tensors(bytes, "file"));
        assert!(found.starts_with("file is ") && found.contains(says), "{found}");
    }
    Ok(())
}
