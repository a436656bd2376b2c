//! Parts unfrozen one after the other; BatchNorm that trains in frozen parts.

use super::*;
use crate::show::Show;

/// Notes how many parts are frozen while each epoch runs.
#[derive(Clone, Default)]
struct Frozen(std::sync::Arc<std::sync::Mutex<Vec<usize>>>);

impl Callback for Frozen {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        if when == When::EpochBegins {
            self.0.lock().expect("nobody panicked").push(fit.network().frozen_parts());
        }
        Ok(Next::Go)
    }
}

#[test]
fn each_epoch_trains_one_part_more() -> Result<()> {
    let data = bars(32, 90)?.batch(16);
    let mut learner = learner(&data)?;
    // blocks.0 to blocks.3, head
    assert_eq!(learner.network().parts().len(), 5);
    let frozen = Frozen::default();
    learner.add(frozen.clone());
    let first = learner.network().params().under("blocks.0");
    let before = values(&first)?;
    let report = learner.unfreeze_gradually(3, 1e-4..1e-2)?;
    assert_eq!(*frozen.0.lock().expect("nobody panicked"), [4, 3, 2]);
    let stages: Vec<(usize, &str)> =
        learner.history().stages.iter().map(|stage| (stage.batch, stage.label.as_str())).collect();
    let rates = "1.0e-4 to 1.0e-2";
    let (head, one, two) =
        (format!("head · {rates}"), format!("from blocks.3 · {rates}"), format!("from blocks.2 · {rates}"));
    assert_eq!(stages, [(0, head.as_str()), (2, one.as_str()), (4, two.as_str())]);
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    assert!(report.notes[0].starts_with("blocks.0 to blocks.1 stayed frozen: 3 epochs"), "{}", report.notes[0]);
    assert!(report.notes[0].contains("5 unfreeze all") && report.notes[0].ends_with("`.unfreezing(2)`"));
    assert_eq!(values(&first)?, before);
    // two parts more an epoch, in one cycle
    let schedule = Schedule::one_cycle().unfreezing(2);
    let plot = learner.plot_schedule(3, 1e-3, schedule.clone())?;
    let starts: Vec<usize> =
        plot.rates.iter().map(|(_, rates)| rates.iter().position(|rate| *rate > 0.0).unwrap_or(9)).collect();
    assert_eq!(starts, [4, 4, 2, 2, 0]);
    let report = learner.fit_with(3, 1e-3, schedule)?;
    assert_eq!(frozen.0.lock().expect("nobody panicked")[3..], [4, 2, 0]);
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    assert_ne!(values(&first)?, before);
    Ok(())
}

#[test]
fn batch_norm_of_frozen_parts_trains_where_asked() -> Result<()> {
    let data = bars(32, 91)?.batch(16);
    let mut learner = learner(&data)?;
    learner.train_bn(true).freeze();
    let params = learner.network().params().clone();
    let norms = params.trainable().into_iter().filter(|param| !param.name().starts_with("head")).collect::<Vec<_>>();
    assert!(
        norms.len() >= 8
            && norms.iter().all(|param| param.name().contains(".bn") || param.name().contains(".downsample.1.")),
        "{norms:?}"
    );
    let others: Vec<Param> = params.params().into_iter().filter(Param::frozen).collect();
    let (before, old) = (values(&norms)?, values(&others)?);
    let means: Vec<Vec<f32>> =
        params.buffers().iter().map(|buffer| buffer.value().to_vec1()).collect::<candle_core::Result<_>>()?;
    let summary = learner.summary()?;
    assert!(summary.bundle().as_text().is_some_and(|text| text.contains("BatchNorm trains in frozen parts too")));
    assert_eq!(summary.rows[0].state(), "partly frozen");
    learner.fit(1, 1e-2)?;
    assert_eq!(learner.history().stages[0].label, "head and BatchNorm · 1.0e-2");
    assert_eq!(values(&others)?, old, "what is frozen stays so");
    for ((name, before), (_, after)) in before.iter().zip(values(&norms)?) {
        assert_ne!(*before, after, "{name}");
    }
    for (buffer, before) in params.buffers().iter().zip(means) {
        assert_ne!(buffer.value().to_vec1::<f32>()?, before, "{}", buffer.name());
    }
    // it holds for every way to freeze, a file has it, and it can be taken back
    learner.unfreeze_from("blocks.2")?;
    assert_eq!(learner.network().frozen_parts(), 0);
    let file = tempfile::NamedTempFile::new()?;
    learner.save(file.path())?;
    let mut again = self::learner(&data)?;
    again.load(file.path())?;
    again.freeze();
    assert_eq!(again.network().frozen_parts(), 0);
    again.train_bn(false);
    assert_eq!(again.network().frozen_parts(), 4);
    learner.train_bn(false);
    assert_eq!(learner.network().frozen_parts(), 2);
    assert_eq!(learner.network().params().in_group(2).iter().filter(|param| param.frozen()).count(), 0);
    Ok(())
}
