//! A variable between cells.

/// A variable that cells have bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its type, shortened.
    pub kind: String,
    /// How long it is along each side and what it holds, where it has sides.
    pub shape: String,
    /// Its bytes in memory, where they are known.
    pub bytes: Option<u64>,
}
