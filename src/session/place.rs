//! Where evcxr builds: in a session's folder, or in the template in the making.

use std::path::PathBuf;

/// Where evcxr builds.
pub enum BuildPlace {
    /// In a fresh copy of the template.
    CopyOfTemplate,
    /// In this folder, with these features of the prelude: the template in the making.
    Template(PathBuf, Vec<String>),
}
