//! Figures of a small network, trained for a moment on drawn vehicles.

use candlewick_prelude::plot::{Figure, compare};
use candlewick_prelude::prelude::*;

/// All of them, with a name each.
pub fn all() -> Result<Vec<(String, Figure)>> {
    let mut all: Vec<(String, Figure)> = Vec::new();
    let mut add = |name: &str, figure: Figure| all.push((name.to_owned(), figure));
    let folder = std::env::temp_dir().join("candlewick-figures");
    let drawn = datasets::vehicles().classes(&["car", "bus", "truck", "van"]).per_class(40).seed(3);
    let data = drawn.write_to(folder.join("vehicles"))?.split(0.5, 1)?.size(64).batch(16).augment(Augment::standard());
    add("learned-batch", data.show_batch(6)?);
    add("learned-augmented", data.show_augmented(0, 8)?);
    add("learned-augmentations", data.show_augmentations(0)?);
    let mut learner = Learner::vision(Arch::default(), &data)?;
    learner.quiet();
    add("learned-rates", learner.lr_find()?.figure());
    learner.freeze();
    learner.fit_one_cycle(3, 1e-2)?;
    let frozen = learner.history().run("frozen");
    learner.unfreeze();
    learner.fit_one_cycle(3, 1e-4..3e-3)?;
    add("learned-compare", compare(&[frozen, learner.history().run("and thawed")]));
    add("learned-confusion", learner.confusion()?);
    add("learned-roc", learner.roc()?);
    add("learned-precision-recall", learner.precision_recall()?);
    add("learned-calibration", learner.calibration()?);
    add("learned-map", learner.embedding_map()?.figure);
    add("learned-tsne", learner.embedding_tsne()?.figure);
    if let Some(figure) = learner.top_losses(6)?.figure {
        add("learned-top-losses", figure);
    }

    let photographs = datasets::scenes::photographs(folder.join("scenes"), 24, 160, 7)?;
    let scenes = Boxes::open(photographs)?.split(0.5, 1)?.size(160).batch(8);
    add("scenes-batch", scenes.show_batch(6)?);
    let mut finder = Learner::detection(Detector::scenes(), &scenes)?;
    finder.quiet();
    finder.freeze();
    finder.fit(2, 1e-3)?;
    add("scenes-precision-recall", finder.precision_recall()?);
    add("scenes-f1", finder.f1_curve()?);
    add("scenes-scores", finder.score_histogram()?);
    add("scenes-confusion", finder.confusion()?);
    add("scenes-mistakes", finder.mistakes(6)?);
    if let Some(figure) = finder.top_losses(4)?.figure {
        add("scenes-top-losses", figure);
    }
    let before = finder.predict(&scenes.sample(0).path)?;
    add("scenes-compare", finder.compare(&scenes.sample(0).path, &before)?);
    Ok(all)
}
