//! What the live display costs: the same fit without it and with it, pictures watched, in turn.
//!
//!     CANDLEWICK_CHANNEL='none;bench' bench_live [rounds] [epochs] [watched] >frames
//!
//! Standard output is what a session would read; standard error says the seconds and the processor's time of each, medians of all rounds,
//! and how long the fit's last frame is.

use candlewick_prelude::prelude::*;

/// The seconds that this process's threads have computed.
fn used() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills the struct that it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> Result<()> {
    let number =
        |at: usize, usual: usize| std::env::args().nth(at).map_or(usual, |text| text.parse().expect("a number"));
    let (rounds, epochs, watched) = (number(1, 5), number(2, 3), number(3, 4));
    let data = datasets::vehicles().per_class(200).write_to(std::env::temp_dir())?.split(0.2, 42)?;
    let data = data.augment(Augment::standard()).batch(32);
    let mut found = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    // the first fit decodes the pictures
    for round in 0..=rounds {
        for (live, found) in found.iter_mut().enumerate() {
            let mut learner = Learner::vision(Arch::default(), &data)?;
            match live {
                0 => learner.quiet(),
                _ => learner.watch(watched)?,
            };
            let (begun, before) = (std::time::Instant::now(), used());
            learner.fit(epochs, 1e-3)?;
            if round > 0 {
                found.0.push(begun.elapsed().as_secs_f64());
                found.1.push(used() - before);
            }
        }
    }
    let [quiet, live] = found.map(|(wall, processor)| (median(wall), median(processor)));
    eprintln!("without the display {:.3} s, {:.3} s of the processor's", quiet.0, quiet.1);
    eprintln!("with it             {:.3} s, {:.3} s of the processor's", live.0, live.1);
    let cost = |with: f64, without: f64| (with / without - 1.0) * 100.0;
    eprintln!("it costs {:.1} % of the time, {:.1} % of the processor's", cost(live.0, quiet.0), cost(live.1, quiet.1));
    Ok(())
}
