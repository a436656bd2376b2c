//! A disk without room, played by the process's limit on the size of files; a process of its own, for that reason.
#![cfg(unix)]

use candlewick_prelude::Result;
use candlewick_prelude::candle_core::{DType, Device, Tensor};
use candlewick_prelude::params::{read_tensors, write_tensors};
use std::collections::HashMap;

#[test]
fn a_file_that_has_no_room_leaves_the_old_one_as_it_was() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.safetensors");
    let tensors =
        |count: usize| -> Result<_> { Ok([("a".to_owned(), Tensor::ones(count, DType::F32, &Device::Cpu)?)]) };
    write_tensors(&path, &tensors(10)?, HashMap::new())?;
    let limit_files = |bytes| {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: both calls only set attributes of this process, which runs this one test.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
        }
    };
    limit_files(10_000);
    let written = write_tensors(&path, &tensors(10_000)?, HashMap::new());
    // What the test itself says may go into a file that is longer.
    limit_files(libc::RLIM_INFINITY);
    let says = written.unwrap_err().to_string();
    assert!(says.contains("a.safetensors cannot be written") && says.contains("has room"), "{says}");
    assert_eq!(read_tensors(&std::fs::read(&path)?, "a")?.0[0].1.dims(), [10]);
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 1, "no half-written file is left");
    Ok(())
}
