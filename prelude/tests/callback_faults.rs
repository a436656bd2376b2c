//! What callbacks write when their process is killed, has no room or is interrupted: each in a process of its own.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use candlewick_prelude::candle_core::{Device, Tensor};
use candlewick_prelude::data::{Data, ImageFolder, TensorData};
use candlewick_prelude::image::{Rgb, RgbImage};
use candlewick_prelude::models::Arch;
use candlewick_prelude::params::read_tensors;
use candlewick_prelude::train::{
    BestWeights, Checkpoints, CsvLog, EarlyStopping, Fit, Learner, NanGuard, Next, TensorBoard, When,
};
use candlewick_prelude::{Result, interrupt};

/// What a child is to do, where the process is one.
const CHILD: &str = "CANDLEWICK_TEST_CHILD";

fn data() -> Result<TensorData> {
    let images = Tensor::rand(0f32, 1.0, (16, 3, 32, 32), &Device::Cpu)?;
    TensorData::new(images, (0..16).map(|index| index % 2).collect(), &["even", "odd"])?.split(0.25, 1)
}

fn learner(data: &impl Data) -> Result<Learner> {
    let mut learner = Learner::vision_untrained(Arch::default(), data)?;
    learner.quiet().freeze();
    Ok(learner)
}

/// This program again, to run one test as a child.
fn child(test: &str, folder: &Path) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, folder);
    Ok(command)
}

/// The folder that a child is to write to.
fn given() -> Option<std::path::PathBuf> {
    std::env::var_os(CHILD).map(Into::into)
}

/// Writes one checkpoint after another until it is killed.
#[test]
fn writing_checkpoints() -> Result<()> {
    let Some(folder) = given() else { return Ok(()) };
    let mut learner = learner(&data()?)?;
    learner.add(Checkpoints::to(&folder).keep(2).best("train loss"));
    learner.add(|when: When, fit: &mut Fit| {
        if when == When::EpochEnded && fit.epoch() == 1 {
            println!("\nwriting");
        }
        Ok(Next::Go)
    });
    learner.fit(1_000_000, 1e-6)?;
    Ok(())
}

#[test]
fn whenever_a_writing_process_is_killed_whole_files_remain() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cut_off = 0;
    for round in 0..50u64 {
        let mut process = child("writing_checkpoints", folder.path())?.stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        assert!(lines.map_while(|line| line.ok()).any(|line| line.trim() == "writing"), "round {round}");
        // an epoch and its files take some ten milliseconds: fifty places over a few of them
        std::thread::sleep(Duration::from_micros(round * 1300));
        process.kill()?;
        process.wait()?;
        let mut whole = 0;
        for entry in std::fs::read_dir(folder.path())? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "safetensors") {
                read_tensors(&std::fs::read(&path)?, &path.display().to_string())?;
                whole += 1;
            } else {
                cut_off += 1;
            }
        }
        // those of earlier rounds are there too: how many depends on where each was cut off
        assert!(whole >= 2, "round {round}: {whole} files");
        let mut again = Learner::open(Checkpoints::newest(folder.path())?)?;
        assert!(again.set_data(&data()?)?.quiet().history().epochs.iter().all(|epoch| epoch.train_loss.is_finite()));
    }
    println!("{cut_off} half-written files were seen after a kill");
    // what they left half written goes with the next fit
    let mut last = learner(&data()?)?;
    last.add(Checkpoints::to(folder.path())).fit(1, 1e-6)?;
    let left = std::fs::read_dir(folder.path())?.flatten();
    assert!(left.map(|entry| entry.file_name()).all(|name| !name.to_string_lossy().ends_with(".part")));
    Ok(())
}

/// A fit whose files have no room from its second epoch on.
#[test]
fn running_out_of_room() -> Result<()> {
    let Some(folder) = given() else { return Ok(()) };
    let mut learner = learner(&data()?)?;
    learner.add(BestWeights::new("loss")).add(|when: When, fit: &mut Fit| {
        if when == When::EpochBegins && fit.epoch() == 2 {
            let limit = libc::rlimit { rlim_cur: 64, rlim_max: libc::RLIM_INFINITY };
            // SAFETY: both calls only set attributes of this process, which runs this one test.
            unsafe {
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
            }
        }
        Ok(Next::Go)
    });
    learner.add(CsvLog::to(folder.join("log.csv"))).add(TensorBoard::to(folder.join("runs")));
    learner.add(Checkpoints::to(&folder).keep(2));
    let report = learner.fit(3, 1e-3)?;
    assert_eq!((report.epochs, learner.history().epochs.len()), ((3, 3), 3));
    let notes = report.notes.join("\n");
    for expected in [
        "no checkpoint of epoch 2",
        "no checkpoint of epoch 3",
        "the log has no row of epoch 2, 3",
        "no events in `",
        "best weights",
    ] {
        assert!(notes.contains(expected), "{notes}");
    }
    Ok(())
}

#[test]
fn a_full_disk_ends_no_fit_and_spoils_no_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    assert!(child("running_out_of_room", folder.path())?.stdout(Stdio::null()).status()?.success());
    let newest = Checkpoints::newest(folder.path())?;
    assert!(newest.ends_with("epoch-0001.safetensors"));
    assert_eq!(Learner::open(newest)?.history().epochs.len(), 1);
    let log = std::fs::read_to_string(folder.path().join("log.csv"))?;
    assert!(log.lines().count() == 2 && log.ends_with('\n'), "{log}");
    let names: Vec<String> = std::fs::read_dir(folder.path())?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    assert_eq!(names.len(), 3, "no half-written file is left: {names:?}");
    Ok(())
}

/// Fits that are interrupted at each moment, behind each callback.
#[test]
fn being_interrupted() -> Result<()> {
    let Some(folder) = given() else { return Ok(()) };
    let moments =
        [When::FitBegins, When::EpochBegins, When::BatchEnded, When::EpochTrained, When::EpochEnded, When::FitEnded];
    for (at, moment) in moments.into_iter().enumerate() {
        for kind in 0..6 {
            let place = folder.join(format!("{at} {kind}"));
            std::fs::create_dir_all(&place)?;
            let mut learner = learner(&data()?)?;
            // the interrupt comes while a callback works, told by its error or not
            let mut fired = false;
            learner.add(move |when: When, fit: &mut Fit| {
                if !fired && when == moment && (fit.epoch() == 2 || matches!(moment, When::FitBegins)) {
                    fired = true;
                    interrupt::request();
                    if kind % 2 == 0 {
                        interrupt::check()?;
                    }
                }
                Ok(Next::Go)
            });
            match kind {
                0 => _ = learner.add(EarlyStopping::new("loss")),
                1 => _ = learner.add(BestWeights::new("loss")),
                2 => _ = learner.add(Checkpoints::to(&place)),
                3 => _ = learner.add(CsvLog::to(place.join("log.csv"))),
                4 => _ = learner.add(TensorBoard::to(&place)),
                _ => _ = learner.add(NanGuard::new()),
            }
            let report = learner.fit(2, 1e-3)?;
            assert!(report.interrupted || matches!(moment, When::EpochEnded | When::FitEnded), "{moment:?} {kind}");
            interrupt::clear();
            if let Ok(file) = Checkpoints::newest(&place) {
                drop(Learner::open(file)?);
            }
            assert_eq!(learner.fit(1, 1e-3)?.epochs, (1, 1), "{moment:?} {kind}");
        }
    }
    Ok(())
}

#[test]
fn an_interrupt_in_any_callback_leaves_what_was_learned() -> Result<()> {
    let folder = tempfile::tempdir()?;
    assert!(child("being_interrupted", folder.path())?.stdout(Stdio::null()).status()?.success());
    Ok(())
}

#[test]
fn a_picture_that_vanishes_ends_no_fit() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (class, shade) in [("dark", 40u8), ("light", 200)] {
        std::fs::create_dir_all(folder.path().join(class))?;
        for number in 0..8u8 {
            let picture = RgbImage::from_fn(40, 40, |x, y| Rgb([shade + number, x as u8, y as u8]));
            picture.save(folder.path().join(class).join(format!("{number}.png")))?;
        }
    }
    let data = ImageFolder::open(folder.path())?.split(0.25, 1)?.size(32).batch(4);
    let mut learner = learner(&data)?;
    let gone = folder.path().to_owned();
    learner.add(move |when: When, fit: &mut Fit| {
        if when == When::EpochBegins && fit.epoch() == 2 {
            for number in 0..8 {
                std::fs::remove_file(gone.join("dark").join(format!("{number}.png")))?;
            }
        }
        Ok(Next::Go)
    });
    let report = learner.fit(3, 1e-3)?;
    assert_eq!(report.epochs, (3, 3));
    assert!(learner.history().epochs.iter().all(|epoch| epoch.train_loss.is_finite()));
    Ok(())
}
