//! Data: image folders, boxes and tensors, read, split, augmented, in batches.
//!
//! [`ImageFolder::open`] lists a folder of pictures, one folder a class. Its methods say what to do with
//! them, each giving the folder back, and nothing is decoded before the first batch:
//!
//! ```no_run
//! use candlewick_prelude::data::{Augment, ImageFolder};
//! let data = ImageFolder::open("photos")?.split(0.2, 42)?.size(64).augment(Augment::standard()).batch(32);
//! for batch in data.train_batches(0)? {
//!     let batch = batch?;
//!     println!("{:?} {:?}", batch.inputs.get("image")?.dims(), batch.targets.get("class")?.dims());
//! }
//! # Ok::<(), candlewick_prelude::Error>(())
//! ```
//!
//! - `scan` lists the files and names what is wrong with a folder; `annotations` reads its boxes, if it has some, `delimited` any table of
//!   text, `names` brings names to one form.
//! - `options` keeps what a person says of size, batch and the like, and refuses what makes no sense.
//! - `parts` says which pictures train, measure or are held out, and makes folds; `split` parts files by class, never augmented pictures, and keeps
//!   copies of one file on one side, `divide` parts whole groups; `near` finds pictures that show the same,
//!   `known` examples that another data set has too.
//! - `decode` reads a picture file, `greys` brings sixteen bits to eight, `memory` takes pictures that are no files; `transform` brings it to the network's size and range, and boxes back.
//! - `augment` varies a training picture, boxes included; `store` keeps decoded pictures in memory.
//! - `feed` makes tensors of them, `fields` under their names, `batches` one batch ahead in a thread of its own; `truth` follows the picture.
//! - `dataset` is what a learner wants of any data, `spec` what a data set says of itself; `tensors` is data that is numbers already, `tensor_parts` splits it.
//! - `picture_table` reads tables that list pictures, `class_table` with a class each, `table` with several labels, `number_table` with numbers;
//!   `table_verbs` is what both kinds have of a folder.
//! - `renamed` is data whose classes are some of a longer list.
//! - `annotated` is pictures with any number of boxes, `box_files` their files, of the `formats` that there are, `box_summary` what is in them, `proposals` what a network adds, `scene` what they feed a detector with.
//! - `summary` is what a person wants to know of a data set before training on it.

mod annotated;
mod annotations;
mod augment;
mod batches;
mod box_files;
mod box_summary;
mod class_table;
mod dataset;
mod decode;
mod decoded;
mod delimited;
mod disk;
mod divide;
mod evened;
mod feed;
mod fields;
mod folder;
mod folder_classes;
mod formats;
mod greys;
mod known;
mod memory;
mod names;
mod near;
mod number_table;
mod options;
mod part;
mod parts;
mod picture_table;
mod proposals;
mod provenance;
mod renamed;
mod sample;
mod scan;
mod scene;
mod spec;
mod split;
mod store;
mod summary;
mod table;
mod table_verbs;
mod tensor_parts;
mod tensors;
mod text;
mod transform;
mod truth;

#[cfg(test)]
mod tests;

pub(crate) use formats::likely_meant;

pub use annotated::Boxes;
pub use augment::Augment;
pub use batches::{Batch, Batches};
pub use box_files::BoxReading;
pub use box_summary::BoxSummary;
pub use dataset::{BatchIter, CloneData, Data, Example, Order};
pub use decode::{read_picture, read_picture_as, to_rgb, to_rgb_as};
pub use fields::{Fields, field};
pub use folder::ImageFolder;
pub use greys::Greys;
pub use known::{Known, known_too};
pub use number_table::NumberTable;
pub use part::Part;
pub use proposals::Finds;
pub use provenance::{Provenance, split_hash};
pub use sample::Sample;
pub use spec::{Input, Spec, Target};
pub use summary::Summary;
pub use table::LabelTable;
pub use tensors::TensorData;
pub use text::{TextBatch, TextSummary, TextTable, Tokenized, Tokens};
pub use transform::{Normalize, ResizeMethod, Transform};

pub(crate) use annotations::write_boxes;
pub(crate) use decode::fault_of;
pub(crate) use feed::varied_views;
pub(crate) use formats::{BoxPlace, Extra, Listed, Listing, Object, Reading, class_name, is_turned, rest, within};
pub(crate) use proposals::{Rejected, doubt, find_in, is_same_place, put, rejected, set_rejected};
pub(crate) use renamed::Renamed;
pub(crate) use scan::pictures_in;
