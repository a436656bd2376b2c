//! One cell's way through evcxr: its commands first, then the rest, and what its end is called.

use super::cell::Cell;
use super::diagnostics::Kept;
use super::endings::{self, Death, Interrupted};
use super::evaluator::Ended;
use super::memory::Told;
use super::prepare::Prepared;
use super::prepare::leading::Leading;
use super::{CellError, Session, diagnostics, lock};
use crate::screen::{Display, Said, Screen};
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Session {
    /// Lets evcxr run code that has no commands but evcxr's, with `running` held: these first, so that it is known what
    /// crates there are when the rest is read.
    pub(super) fn evaluate(&self, code: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        let leading = Leading::of_rust(code);
        let rust = leading.rust_only(code);
        if leading.commands.is_empty() || rust.trim().is_empty() {
            return self.evaluate_part(code, code, screen);
        }
        self.evaluate_part(&leading.commands_only(code), code, screen)?;
        self.evaluate_part(&rust, code, screen)
    }

    /// Runs a part of a cell; all that is not of the part is blank in it.
    fn evaluate_part(&self, part: &str, code: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        let number = lock(&self.memory).current();
        let (mut told, prepared) = self.prepare(part, number)?;
        told.code = code.to_owned();
        for note in &prepared.notes {
            screen.say(Said::err(format!("{note}\n")));
        }
        let aside = self.put_aside(number, &prepared);
        let mut compiled = false;
        let result = self.evaluate_prepared(&told, &prepared, screen, &mut compiled);
        if !aside.is_empty() {
            self.settle(&aside, &prepared, compiled, screen);
        }
        if result.is_err() && !compiled {
            self.remember_unrun(number, &prepared);
        }
        result
    }

    /// Runs what was prepared; `compiled` is set where it was run.
    fn evaluate_prepared(
        &self,
        told: &Told,
        prepared: &Prepared,
        screen: &mut dyn Screen,
        compiled: &mut bool,
    ) -> Result<(), CellError> {
        let before = self.names();
        self.clear_channels();
        self.channel.cell_runs(true);
        let mut cell = Cell::new(screen);
        let ended = self.run(&told.edited.text, &mut cell);
        let failed = cell.panicked.is_some() || cell.failed.is_some() || cell.returned;
        let restored = match &ended {
            Ok(Ended::Ran(_)) if failed => self.restore(&before, prepared, cell.left.as_deref().unwrap_or_default()),
            _ => Vec::new(),
        };
        self.channel.cell_runs(false);
        while let Ok(message) = self.channel.messages().try_recv() {
            cell.take(message);
        }
        let interrupted = self.state.interrupted.load(Ordering::SeqCst);
        let ended = ended?;
        *compiled = matches!(ended, Ended::Ran(_) | Ended::Died { .. });
        if let Ended::Ran(outputs) = &ended {
            let ran = outputs.phases.iter().filter(|phase| phase.name == "Execution").map(|phase| phase.duration);
            self.state.ran.fetch_add(ran.sum::<Duration>().as_micros() as u64, Ordering::SeqCst);
        }
        let (lost, moved) = self.remember(told, prepared, &before, &ended, failed);
        let whole = cell.left.is_some() && lost.is_empty() && moved.is_empty() && restored.is_empty();
        let mut bound = cell.left.clone().unwrap_or_default();
        bound.retain(|name| !lost.contains(name));
        bound.sort();
        let older =
            |name: &String| Some((name.clone(), lock(&self.memory).bound_in(name).filter(|_| before.contains(name))?));
        let used = if failed { lost.iter().filter_map(older).collect() } else { Vec::new() };
        let kept = Kept { lost, restored, bound, moved, used };
        let error = match ended {
            Ended::Died { .. } if self.state.killed.load(Ordering::SeqCst) => {
                endings::interrupted(&Interrupted::Killed(kept.lost))
            }
            Ended::Died { status, .. } => {
                let crash = lock(&self.state.crashed).take().or(cell.crashed);
                let panicked = cell.panicked.as_ref().map(|(message, _)| message.as_str());
                let death = Death { status: &status, crash, panicked, said: &cell.stderr };
                endings::runtime_died(&death, &kept.lost)
            }
            Ended::Ran(_) if interrupted && (cell.panicked.is_some() || cell.failed.is_some()) => {
                endings::interrupted(&if whole { Interrupted::Running } else { Interrupted::Left(kept.clone()) })
            }
            Ended::Ran(_) if interrupted => endings::interrupted(&Interrupted::Running),
            _ if interrupted => endings::interrupted(&Interrupted::Compiling),
            Ended::Refused(error) => error,
            Ended::Compilation(errors) => self.explain(&errors, told, prepared),
            Ended::Other(text) => self.explain_refusal(&text, told, prepared),
            Ended::Ran(outputs) => match (cell.panicked, cell.failed) {
                (Some((message, location)), _) => self
                    .at_a_place(told, |program| diagnostics::panic(&message, location.as_ref(), program, told, &kept)),
                (None, Some((text, location))) => self.at_a_place(told, |program| {
                    diagnostics::question_mark(&text, location.as_ref(), program, told, &kept)
                }),
                (None, None) => {
                    let data: candlewick_wire::MimeBundle =
                        outputs.content_by_mime_type.into_iter().map(|(mime, text)| (mime, text.into())).collect();
                    if !data.is_empty() {
                        cell.screen.say(Said::Result(Display { data, ..Display::default() }));
                    }
                    for note in self.unheeded(told, cell.shown.as_deref()) {
                        cell.screen.say(Said::err(format!("{note}\n")));
                    }
                    return Ok(());
                }
            },
        };
        Err(error)
    }
}
