//! The parts of a data set.

/// What a picture is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The network learns from it.
    Train,
    /// The network is measured on it while it learns.
    Valid,
    /// The network is measured on it at the very end.
    Test,
}

impl Part {
    /// The part's name, as its folder is called.
    pub fn as_str(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Valid => "valid",
            Part::Test => "test",
        }
    }
}
