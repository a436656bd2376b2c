//! An interrupt during a fit; a process of its own, since the flag is the process's own.

use candle_core::{Device, Tensor};
use candlewick_prelude::data::{BatchIter, Data, Example, Order, Part, Spec, TensorData};
use candlewick_prelude::models::Arch;
use candlewick_prelude::train::Learner;
use candlewick_prelude::{Result, interrupt};

#[test]
fn it_ends_after_the_running_step_and_the_next_fit_goes_on() -> Result<()> {
    let images = Tensor::rand(0f32, 1.0, (64, 3, 32, 32), &Device::Cpu)?;
    let labels = (0..64).map(|index| index % 2).collect();
    let inner = TensorData::new(images, labels, &["even", "odd"])?.split(0.25, 15)?.batch(16);
    let mut learner = Learner::vision_untrained(Arch::default(), &Stopping { inner: inner.clone(), after: 2 })?;
    learner.quiet();
    let report = learner.fit(5, 1e-3)?;
    assert!(interrupt::requested(), "the flag stays up until the cell ends");
    let by_hand = || -> candle_core::Result<()> { Ok(interrupt::check()?) };
    assert!(interrupt::check().unwrap_err().is_interrupted());
    // With RUST_BACKTRACE, candle writes a backtrace behind its errors.
    assert!(by_hand().unwrap_err().to_string().starts_with("interrupted"));
    let again = learner.fit(5, 1e-3).unwrap_err();
    assert!(again.is_interrupted(), "a later fit of the same cell ends it: {again:?}");
    interrupt::clear();
    interrupt::check()?;
    assert!(report.interrupted && report.epochs == (1, 5), "{report:?}");
    assert!(report.notes[0].contains("interrupted after 1 of 5 epochs and 4 steps"), "{:?}", report.notes);
    assert_eq!(report.batches, 4, "three of the first epoch, one of the second");
    assert_eq!(learner.history().batches.len(), 4);
    assert_eq!(learner.history().epochs.len(), 1);
    let steps = learner.optimizer_state().state().values().map(|state| state.step).max();
    assert_eq!(steps, Some(4));
    let next = learner.set_data(&inner)?.fit(1, 1e-3)?;
    assert!(!next.interrupted);
    assert_eq!(learner.history().batches.len(), 7);
    let steps = learner.optimizer_state().state().values().map(|state| state.step).max();
    assert_eq!(steps, Some(7));
    Ok(())
}

/// Data during whose second epoch the user interrupts, after so many batches.
#[derive(Clone)]
struct Stopping {
    inner: TensorData,
    after: usize,
}

impl Data for Stopping {
    fn spec(&self) -> Spec {
        self.inner.spec()
    }
    fn count(&self, part: Part) -> usize {
        self.inner.count(part)
    }
    fn batches(&self, part: Part, order: Order) -> Result<BatchIter> {
        let after = self.after;
        Ok(Box::new(Data::batches(&self.inner, part, order)?.enumerate().map(move |(index, batch)| {
            if order == Order::Epoch(1) && index + 1 >= after {
                interrupt::request();
            }
            batch
        })))
    }
    fn example(&self, id: usize) -> Result<Example> {
        self.inner.example(id)
    }
}
