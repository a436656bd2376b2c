//! The programs that a running cell has started: found in `/proc`, asked to end with an interrupt, and made to.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

/// How long a program may go on after the interrupt, and then after it was told to end.
const ASKED: Duration = Duration::from_secs(1);
const TOLD: Duration = Duration::from_secs(1);

/// What is known of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    id: i32,
    parent: i32,
    group: i32,
    /// When it started, in the clock's ticks since the machine did.
    started: u64,
    ended: bool,
}

/// The children of a runtime during one cell, and when each was first asked to end.
pub struct Children {
    runtime: i32,
    /// When the cell began, in ticks.
    since: u64,
    asked: HashMap<i32, Instant>,
}

/// The clock that processes are timed by, in ticks since the machine started; 0 where there is none.
pub fn now() -> u64 {
    #[cfg(target_os = "linux")]
    {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: writes to `time` only.
        let ticks = unsafe {
            libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut time);
            libc::sysconf(libc::_SC_CLK_TCK).max(1) as u64
        };
        time.tv_sec as u64 * ticks + time.tv_nsec as u64 * ticks / 1_000_000_000
    }
    #[cfg(not(target_os = "linux"))]
    0
}

impl Children {
    /// The children of this runtime, in the cell that began at this tick.
    pub fn of(runtime: u32, since: u64) -> Children {
        Children { runtime: runtime as i32, since, asked: HashMap::new() }
    }

    /// Interrupts each child once, and ends those that the cell itself started and that go on; at once where there is no
    /// more time. True while there are such.
    pub fn interrupt(&mut self, at_once: bool) -> bool {
        let processes = processes();
        if processes.is_empty() {
            // Where processes cannot be listed, the group hears it; once, since some begin to clean up.
            if self.asked.insert(self.runtime, Instant::now()).is_none() {
                // SAFETY: a signal to the group that the runtime made for itself.
                unsafe { libc::kill(-self.runtime, libc::SIGINT) };
            }
            return false;
        }
        let mut own = false;
        for process in descendants(&processes, self.runtime) {
            let first = *self.asked.entry(process.id).or_insert_with(|| {
                send(process.id, libc::SIGINT);
                Instant::now()
            });
            if process.started < self.since && !at_once {
                // An earlier cell's: a server, say. It has heard, and may go on.
                continue;
            }
            own = true;
            if at_once || first.elapsed() >= ASKED + TOLD {
                send(process.id, libc::SIGKILL);
            } else if first.elapsed() >= ASKED {
                send(process.id, libc::SIGTERM);
            }
        }
        own
    }

    /// Ends all children, for a runtime that is about to be ended itself.
    pub fn end(&self) {
        for process in descendants(&processes(), self.runtime) {
            send(process.id, libc::SIGKILL);
        }
    }
}

fn send(id: i32, signal: libc::c_int) {
    // SAFETY: a signal to a process that a cell started; it was listed a moment ago.
    unsafe { libc::kill(id, signal) };
}

/// The processes below `runtime`, and those of its group whose parents are gone; not itself, nor what has ended.
fn descendants(processes: &[Process], runtime: i32) -> Vec<Process> {
    let parents: HashMap<i32, i32> = processes.iter().map(|process| (process.id, process.parent)).collect();
    let below = |process: &Process| {
        let mut at = process.parent;
        // A list that was made while processes came and went may hold a circle.
        for _ in 0..parents.len() {
            if at == runtime {
                return true;
            }
            match parents.get(&at) {
                Some(&parent) => at = parent,
                None => return false,
            }
        }
        false
    };
    let is_child =
        |process: &&Process| process.id != runtime && !process.ended && (process.group == runtime || below(process));
    processes.iter().filter(is_child).copied().collect()
}

/// All processes; none where the system does not list them in `/proc`.
fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.filter_map(|id| parse(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)).collect()
}

/// Reads a line of `/proc/…/stat`: number, name in brackets (which may hold anything), state, parent, group, …
fn parse(line: &str) -> Option<Process> {
    let (id, rest) = line.split_once(" (")?;
    let (_, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    Some(Process {
        id: id.parse().ok()?,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
        ended: matches!(*fields.first()?, "Z" | "X"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command, Stdio};

    #[test]
    fn a_line_is_read_whatever_the_name() {
        let line = "7 (a) (b c) S 5 6 6 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711 1000 2";
        let process = Process { id: 7, parent: 5, group: 6, started: 4711, ended: false };
        assert_eq!(parse(line), Some(process));
        assert!(parse(&line.replace(") S ", ") Z ")).unwrap().ended);
        for damaged in ["", "7 (a", "x (a) S 5 6", "7 (a) S 5"] {
            assert_eq!(parse(damaged), None, "{damaged}");
        }
    }

    #[test]
    fn children_are_found_by_parents_and_by_group() {
        let process = |id, parent, group| Process { id, parent, group, started: 0, ended: false };
        let all = [
            process(1, 0, 1),
            process(5, 1, 5),
            process(6, 5, 5),
            process(7, 6, 7),
            process(8, 1, 5),
            process(9, 1, 9),
        ];
        let found: Vec<i32> = descendants(&all, 5).iter().map(|process| process.id).collect();
        assert_eq!(found, [6, 7, 8]);
        let circle = [process(5, 1, 5), process(6, 7, 6), process(7, 6, 6)];
        assert!(descendants(&circle, 5).is_empty());
    }

    /// A shell in a group of its own, and a child of it.
    fn shell(script: &str) -> Child {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).process_group(0).stdout(Stdio::null());
        command.spawn().unwrap()
    }

    fn wait_for_children(of: i32, count: usize) {
        let begin = Instant::now();
        while descendants(&processes(), of).len() < count {
            assert!(begin.elapsed() < Duration::from_secs(20), "no child came");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn a_child_is_interrupted_and_its_parent_is_not() {
        if now() == 0 {
            return;
        }
        let since = now();
        let mut parent = shell("sleep 60; exit 7");
        wait_for_children(parent.id() as i32, 1);
        let mut children = Children::of(parent.id(), since);
        let begin = Instant::now();
        while children.interrupt(false) {
            assert!(begin.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(20));
        }
        let status = parent.wait().unwrap();
        assert!(status.code().is_some() && status.signal().is_none(), "{status}");
        assert!(begin.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_child_that_does_not_listen_is_made_to_end() {
        if now() == 0 {
            return;
        }
        let since = now();
        let mut parent = shell("sh -c 'trap \"\" INT TERM; while true; do sleep 1; done'; exit 7");
        wait_for_children(parent.id() as i32, 2);
        let mut children = Children::of(parent.id(), since);
        let begin = Instant::now();
        while children.interrupt(false) {
            assert!(begin.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(parent.wait().unwrap().code(), Some(7));
    }

    #[test]
    fn what_an_earlier_cell_started_hears_the_interrupt_and_may_go_on() {
        if now() == 0 {
            return;
        }
        let mut parent = shell("sh -c 'trap \"\" INT; sleep 60'; exit 7");
        wait_for_children(parent.id() as i32, 2);
        let mut children = Children::of(parent.id(), now() + 1);
        std::thread::sleep(Duration::from_millis(50));
        assert!(!children.interrupt(false));
        std::thread::sleep(Duration::from_millis(2_200));
        assert!(!children.interrupt(false));
        assert!(!descendants(&processes(), parent.id() as i32).is_empty());
        assert!(children.interrupt(true));
        assert_eq!(parent.wait().unwrap().code(), Some(7));
    }
}
