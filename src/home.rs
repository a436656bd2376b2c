//! Where candlewick keeps its things: the one place that reads the variables that say so.

use std::path::PathBuf;

/// candlewick's folders on this machine.
#[derive(Clone, Debug)]
pub struct Home {
    /// `$CANDLEWICK_HOME`, or `$XDG_DATA_HOME/candlewick`, or `~/.local/share/candlewick`.
    pub root: PathBuf,
}

impl Home {
    /// The folders as the environment says.
    ///
    /// # Errors
    /// No `CANDLEWICK_HOME`, no `XDG_DATA_HOME` and no home directory.
    pub fn find() -> anyhow::Result<Home> {
        Ok(Home { root: candlewick_wire::weights::home()? })
    }

    /// The folder of a workspace with the prelude's and the wire's sources, as cells link against them.
    pub fn sources(&self) -> PathBuf {
        self.root.join("src")
    }

    /// The warm template: evcxr's build folder with the prelude compiled.
    pub fn template(&self) -> PathBuf {
        self.root.join("template")
    }

    /// The template in the making.
    pub fn new_template(&self) -> PathBuf {
        self.root.join("template.new")
    }

    /// cargo's answers that hold for the template.
    pub fn answers(&self) -> PathBuf {
        self.root.join("answers")
    }

    /// Sessions' folders, on the template's file system so that hard links work.
    pub fn sessions(&self) -> PathBuf {
        self.root.join("sessions")
    }

    /// What kernels know of each other, and of the warm session that waits for the next one.
    pub fn kernels(&self) -> PathBuf {
        self.root.join("kernels")
    }

    /// The folder of input histories: the REPL's and the kernel's.
    pub fn history(&self) -> PathBuf {
        self.root.join("history")
    }
}
