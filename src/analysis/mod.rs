//! The only room that names rust-analyzer: what a cell's variables are, and what may stand at a place in it.
//!
//! One thread owns rust-analyzer's database. It is fed by a [`Pack`]: what cargo said of the crates that cells can
//! name, and their sources without bodies. Questions are answered in turn; one that fails inside rust-analyzer is
//! answered with nothing, and ends neither the thread nor the session.

mod complete;
mod describe;
mod familiar;
mod inspect;
mod pack;
mod program;
mod trim;
mod types;
mod world;

pub use complete::Suggestion;
use crossbeam_channel::{Receiver, Sender};
pub use describe::{WHOLE_VARIABLE, describe};
pub use inspect::Description;
pub use pack::Pack;
use program::CellProgram;
pub use program::Context;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
pub use types::{Bound, Known};
use world::World;

/// How long a cell that runs waits for its types.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long who completes or asks waits: as long as the analysis starts.
const SHORT_PATIENCE: Duration = Duration::from_secs(14);

/// The name of the thread, whose panics are not told.
pub const THREAD: &str = "analysis";

type Errand = Box<dyn FnOnce(&mut World) + Send>;

/// The analysis of a session's cells. Cheap to share; all methods take `&self`.
#[derive(Debug)]
pub struct Analysis {
    questions: Sender<Errand>,
    context: Arc<Mutex<Context>>,
}

impl Analysis {
    /// Starts the analysis with a pack that lies in a file, and reads ahead what `warm`, a cell, needs.
    ///
    /// # Errors
    /// The thread cannot be started. A pack that cannot be read makes an analysis that knows nothing.
    pub fn start(pack: PathBuf, warm: &'static str) -> std::io::Result<Analysis> {
        let (questions, asked) = crossbeam_channel::unbounded::<Errand>();
        let context = Arc::<Mutex<Context>>::default();
        std::thread::Builder::new()
            .name(THREAD.into())
            // rust-analyzer recurses deeply.
            .stack_size(256 << 20)
            .spawn(move || {
                let mut world = World::new(Pack::read(&pack).unwrap_or_default());
                let _ = catch_unwind(AssertUnwindSafe(|| {
                    world.read_ahead(warm, |world, program| drop(types::bound(world, program)))
                }));
                serve(&mut world, &asked);
            })?;
        Ok(Analysis { questions, context })
    }

    /// Changes what earlier cells left.
    pub fn change_context(&self, change: impl FnOnce(&mut Context)) {
        change(&mut self.context.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes other crates.
    pub fn load(&self, pack: Pack) {
        let _ = self.questions.send(Box::new(move |world| world.load(pack)));
    }

    /// The variables that `code` binds whose types it does not write; nothing where the analysis fails.
    pub fn bound(&self, code: &str) -> Vec<Bound> {
        self.ask(code, PATIENCE, |world, program| types::bound(world, program)).unwrap_or_default()
    }

    /// The ways to go on at byte `cursor` of `code`, the likeliest first, and the bytes that each replaces.
    pub fn complete(&self, code: &str, cursor: usize) -> Option<(Range<usize>, Vec<Suggestion>)> {
        let at = |code: &str| {
            let found =
                self.ask(code, SHORT_PATIENCE, move |world, program| complete::complete(world, program, cursor));
            found.flatten().filter(|(_, suggestions)| !suggestions.is_empty())
        };
        // Inside of an open macro's brackets nothing is known until they are closed.
        at(code).or_else(|| at(&program::closed(&code[..cursor])))
    }

    /// What is known of the name at byte `cursor` of `code`, and of the call that it lies in.
    pub fn inspect(&self, code: &str, cursor: usize) -> Option<Description> {
        self.ask(code, SHORT_PATIENCE, move |world, program| inspect::inspect(world, program, cursor)).flatten()
    }

    fn ask<T: Send + 'static>(
        &self,
        code: &str,
        patience: Duration,
        answer: impl FnOnce(&mut World, &CellProgram) -> T + Send + 'static,
    ) -> Option<T> {
        let program = CellProgram::new(&self.context.lock().unwrap_or_else(PoisonError::into_inner), code);
        let (done, answered) = crossbeam_channel::bounded(1);
        let question: Errand = Box::new(move |world| {
            world.show(&program);
            let _ = done.send(answer(world, &program));
        });
        self.questions.send(question).ok()?;
        answered.recv_timeout(patience).ok()
    }
}

fn serve(world: &mut World, asked: &Receiver<Errand>) {
    for question in asked {
        let _ = catch_unwind(AssertUnwindSafe(|| question(world)));
    }
}
