//! Where learners compute.

use std::sync::OnceLock;

use candle_core::Device;

use crate::{Error, Result, show};

/// The device that new learners compute on: the first GPU, where the prelude was built for one and the machine has it,
/// else the CPU. The environment's `CANDLEWICK_DEVICE` chooses: `cpu`, `cuda`, `cuda:1` or `metal`.
///
/// # Errors
/// When `CANDLEWICK_DEVICE` names a device that there is not.
///
/// ```
/// let device = candlewick_prelude::models::device()?;
/// assert!(device.is_cpu() || cfg!(any(feature = "cuda", feature = "metal")));
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
pub fn device() -> Result<Device> {
    // one for all: tensors of two handles to the same GPU do not mix
    static CHOSEN: OnceLock<Device> = OnceLock::new();
    if let Some(device) = CHOSEN.get() {
        return Ok(device.clone());
    }
    let wanted = std::env::var("CANDLEWICK_DEVICE").ok().filter(|wanted| !wanted.is_empty());
    let device = match wanted {
        Some(wanted) => named(&wanted)?,
        None => best(),
    };
    Ok(CHOSEN.get_or_init(|| device).clone())
}

fn best() -> Device {
    let found = if cfg!(feature = "cuda") {
        cuda(0)
    } else if cfg!(feature = "metal") {
        Device::new_metal(0)
    } else {
        return Device::Cpu;
    };
    found.unwrap_or_else(|error| {
        show::note(&format!("no GPU can be used, so that learners compute on the CPU: {error}"));
        Device::Cpu
    })
}

/// A GPU whose work is in one order whichever thread asks for it. candle's `Device::new_cuda` takes CUDA's stream of the
/// calling thread; our passes run in the threads of a pool, and would read what another thread's stream has not written yet.
fn cuda(number: usize) -> candle_core::Result<Device> {
    Device::new_cuda_with_stream(number)
}

fn named(wanted: &str) -> Result<Device> {
    let (kind, number) = wanted.split_once(':').unwrap_or((wanted, "0"));
    let unknown = || {
        Error::new(format!("CANDLEWICK_DEVICE is `{wanted}`, which is no device"))
            .remedy("set it to cpu, cuda, cuda:1 (the second one) or metal, and restart the kernel")
    };
    let number: usize = number.parse().map_err(|_| unknown())?;
    let (built, device) = match kind {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => (cfg!(feature = "cuda"), cuda(number)),
        "metal" => (cfg!(feature = "metal"), Device::new_metal(number)),
        _ => return Err(unknown()),
    };
    if !built {
        return Err(Error::new(format!("CANDLEWICK_DEVICE is `{wanted}`, but this prelude was built without {kind}"))
            .remedy(format!("run `./install.sh --features {kind}`, or set it to cpu; then restart the kernel")));
    }
    device.map_err(|error| {
        Error::new(format!("CANDLEWICK_DEVICE is `{wanted}`, which cannot be used"))
            .caused_by(error)
            .remedy("set it to cpu or to a device that the machine has, and restart the kernel")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_there_is_not_is_named_with_the_remedy() -> Result<()> {
        assert!(named("cpu")?.is_cpu());
        for (wanted, part) in [("gpu", "which is no device"), ("cuda:first", "which is no device")] {
            let says = named(wanted).unwrap_err().to_string();
            assert!(says.contains(part) && says.contains("set it to cpu, cuda, cuda:1"), "{says}");
        }
        if cfg!(not(feature = "cuda")) {
            let says = named("cuda:1").unwrap_err().to_string();
            assert!(says.contains("built without cuda") && says.contains("--features cuda"), "{says}");
            assert!(best().is_cpu() || cfg!(feature = "metal"));
        }
        Ok(())
    }
}
