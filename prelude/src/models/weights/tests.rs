//! Weights by name: shelf, hub, checksum.

use std::path::PathBuf;

use super::*;
use crate::models::hub::tests::{Faults, OwnHub};

/// A store whose hub is at `endpoint`, in a folder of its own.
fn store(folder: &Path, endpoint: &str) -> Sources {
    let hub = Hub::at(endpoint, folder.join("hub"));
    Sources { shelf: Shelf::at(folder.join("weights")), hub }
}

/// A small weights file whose first value is `value`.
fn file(folder: &Path, value: f32) -> Result<PathBuf> {
    let path = folder.join("some.bin");
    let tensors = [("conv1.weight".to_owned(), Tensor::new(&[value, 2.0], &candle_core::Device::Cpu)?)];
    crate::params::write_tensors(&path, &tensors, HashMap::new())?;
    Ok(path)
}

fn first(trained: &Trained) -> Result<f32> {
    Ok(trained.tensors[0].1.to_vec1::<f32>()?[0])
}

#[test]
fn what_is_on_the_shelf_comes_before_the_hub_and_is_verified() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = store(folder.path(), "http://127.0.0.1:9");
    store.shelf.add(&file(folder.path(), 5.0)?, "resnet18")?;
    assert_eq!(first(&store.open("resnet18")?)?, 5.0);
    let path = store.shelf.get("resnet18").expect("it was added").path;
    std::fs::copy(file(folder.path(), 6.0)?, &path)?;
    let says = store.open("resnet18").unwrap_err().to_string();
    assert!(
        says.contains("is not what it was") && says.contains("candlewick weights add FILE --as resnet18"),
        "{says}"
    );
    let says = store.open("mine").unwrap_err().to_string();
    assert!(says.contains("no weights are named `mine`") && says.contains("--as mine"), "{says}");
    Ok(())
}

#[test]
fn a_file_put_there_by_hand_is_recorded_when_it_is_first_loaded() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = store(folder.path(), "http://127.0.0.1:9");
    std::fs::create_dir_all(store.shelf.folder())?;
    std::fs::copy(file(folder.path(), 5.0)?, store.shelf.folder().join("mine.pt"))?;
    assert_eq!(first(&store.open("mine")?)?, 5.0);
    assert!(store.shelf.get("mine").is_some_and(|item| item.sha256.is_some()));
    Ok(())
}

#[test]
fn what_the_hub_gives_is_checked_recorded_and_then_needs_no_hub() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let content = std::fs::read(file(folder.path(), 7.0)?)?;
    let sum = sha256_of(&content);
    let hub = OwnHub::new(&content, &"0".repeat(64), Faults::default())?;
    let online = store(folder.path(), &hub.endpoint);
    let says = online.open("resnet18").unwrap_err().to_string();
    assert!(says.contains("damaged on the way") && says.contains(&sum), "{says}");
    assert_eq!(online.shelf.get("resnet18"), None);
    hub.set(&sum, Faults::default());
    assert_eq!(first(&online.open("resnet18")?)?, 7.0);
    assert_eq!(hub.starts().len(), 2, "the damaged one was fetched anew");
    assert_eq!(online.shelf.get("resnet18").and_then(|item| item.sha256), Some(sum));
    assert_eq!(first(&store(folder.path(), "http://127.0.0.1:9").open("resnet18")?)?, 7.0);
    Ok(())
}

#[test]
fn a_new_head_is_remarked_and_so_is_what_does_not_fit() -> Result<()> {
    let zeros = |dims: &[usize]| Tensor::zeros(dims, candle_core::DType::F32, &candle_core::Device::Cpu);
    let tensors = vec![("fc.bias".to_owned(), zeros(&[1000])?), ("fc.weight".to_owned(), zeros(&[1000, 512])?)];
    let trained = Trained { origin: "x.pth".into(), tensors, metadata: HashMap::new() };
    let fine =
        LoadReport { loaded: vec!["a".into()], ignored: vec!["head.linear.weight".into()], ..Default::default() };
    assert_eq!(trained.remark(&fine, 1000), None);
    let says = trained.remark(&fine, 3).unwrap_or_default();
    assert_eq!(says, "weights from x.pth: the head is new: it tells 3 classes apart, theirs 1000");
    let partial = LoadReport { new: vec!["b".into()], ..fine };
    assert!(trained.remark(&partial, 1000).is_some_and(|says| says.contains("new: b")));
    Ok(())
}
