//! What tables of pictures have in common with folders of them.

/// The verbs of a table whose field `pictures` is an [`ImageFolder`](super::ImageFolder) with rows of truth.
macro_rules! picture_verbs {
    ($table:ident, $target:path, $what:literal) => {
        impl $table {
            /// Keeps about `fraction` of the pictures for validation, chosen by `seed`, of each label its share; equal files, pictures that look
            /// the same and groups stay on one side. A table that names parts keeps them, and a note says so.
            ///
            /// # Errors
            /// When `fraction` is not between 0 and 1, or there are fewer than two different pictures.
            pub fn split(self, fraction: f64, seed: u64) -> $crate::Result<$table> {
                Ok($table { pictures: self.pictures.split(fraction, seed)? })
            }

            /// Holds about `fraction` of the pictures out for the last test; as [`ImageFolder::hold_out`](crate::data::ImageFolder::hold_out).
            ///
            /// # Errors
            /// As there.
            pub fn hold_out(self, fraction: f64, seed: u64) -> $crate::Result<$table> {
                Ok($table { pictures: self.pictures.hold_out(fraction, seed)? })
            }

            /// So many data sets, in each of which another part is kept for validation; as
            /// [`ImageFolder::folds`](crate::data::ImageFolder::folds).
            ///
            /// # Errors
            /// As there.
            pub fn folds(&self, count: usize, seed: u64) -> $crate::Result<Vec<$table>> {
                let folds = self.pictures.folds(count, seed)?;
                Ok(folds.into_iter().map(|pictures| $table { pictures }).collect())
            }

            /// Keeps on one side of every later split what has the same group, told from a picture's name; as
            /// [`ImageFolder::grouped`](crate::data::ImageFolder::grouped).
            pub fn grouped(self, group: impl Fn(&str) -> String) -> $table {
                $table { pictures: self.pictures.grouped(group) }
            }

            fn with(self, change: impl FnOnce($crate::data::ImageFolder) -> $crate::data::ImageFolder) -> $table {
                $table { pictures: change(self.pictures) }
            }

            /// The side of the square pictures that the network sees, in pixels (default 64).
            pub fn size(self, side: usize) -> $table {
                self.with(|pictures| pictures.size(side))
            }

            /// How a picture that is not square becomes one (default: the middle square).
            pub fn resize(self, method: $crate::data::ResizeMethod) -> $table {
                self.with(|pictures| pictures.resize(method))
            }

            /// How training pictures are varied (default: not at all).
            pub fn augment(self, augment: $crate::data::Augment) -> $table {
                self.with(|pictures| pictures.augment(augment))
            }

            /// Keeps decoded pictures in files too; as [`ImageFolder::cache_on_disk`](crate::data::ImageFolder::cache_on_disk).
            pub fn cache_on_disk(self) -> $table {
                self.with($crate::data::ImageFolder::cache_on_disk)
            }

            /// The same in a folder of one's own choice, of at most so many bytes; as [`ImageFolder::cache_in`](crate::data::ImageFolder::cache_in).
            pub fn cache_in(self, folder: impl AsRef<std::path::Path>, bytes: u64) -> $table {
                self.with(|pictures| pictures.cache_in(folder, bytes))
            }

            /// How pictures of sixteen bits are brought to eight (default: their whole range).
            pub fn greys(self, greys: $crate::data::Greys) -> $table {
                self.with(|pictures| pictures.greys(greys))
            }

            /// How many pictures go through the network at once, 1 or more (default 32).
            pub fn batch(self, count: usize) -> $table {
                self.with(|pictures| pictures.batch(count))
            }

            /// The shift and scale of the values (default: those that the learner's network was trained with).
            pub fn normalize(self, normalize: $crate::data::Normalize) -> $table {
                self.with(|pictures| pictures.normalize(normalize))
            }

            /// The seed of order and augmentation (default: the split's).
            pub fn seeded(self, seed: u64) -> $table {
                self.with(|pictures| pictures.seeded(seed))
            }

            /// Stops with an error at a picture that cannot be read, instead of leaving it out with a word.
            pub fn strict(self) -> $table {
                self.with($crate::data::ImageFolder::strict)
            }

            #[doc = concat!("The names of the ", $what, ".")]
            pub fn names(&self) -> &[String] {
                self.pictures.rows.as_ref().map_or(&[], |rows| &rows.names[..])
            }

            /// How many pictures there are.
            pub fn len(&self) -> usize {
                self.pictures.len()
            }

            /// Whether there is none.
            pub fn is_empty(&self) -> bool {
                self.pictures.is_empty()
            }

            /// Shows `count` training pictures (1 to 1000), as the network will see them, with what is true of them.
            ///
            /// # Errors
            /// When the count or an option makes no sense, and when no picture can be read.
            pub fn show_batch(&self, count: usize) -> $crate::Result<$crate::plot::Figure> {
                self.pictures.shown(count, &|id| self.words(id))
            }

            /// A picture beside so many variants of it, as the augmentation makes them.
            ///
            /// # Errors
            /// When the count or an option makes no sense, there is no such picture, or it cannot be read.
            pub fn show_augmented(&self, id: usize, count: usize) -> $crate::Result<$crate::plot::Figure> {
                self.pictures.show_augmented(id, count)
            }
        }

        impl $crate::data::Data for $table {
            fn spec(&self) -> $crate::data::Spec {
                let target = $target(self.names().to_vec());
                let own = $crate::data::Data::spec(&self.pictures);
                $crate::data::Spec { truths: vec![target.field().to_owned()], target, ..own }
            }

            fn count(&self, part: $crate::data::Part) -> usize {
                $crate::data::Data::count(&self.pictures, part)
            }

            fn batches(
                &self,
                part: $crate::data::Part,
                order: $crate::data::Order,
            ) -> $crate::Result<$crate::data::BatchIter> {
                $crate::data::Data::batches(&self.pictures, part, order)
            }

            fn view(&self, part: $crate::data::Part, view: u64) -> $crate::Result<Option<$crate::data::BatchIter>> {
                $crate::data::Data::view(&self.pictures, part, view)
            }

            fn truth_counts(&self, part: $crate::data::Part) -> Option<Vec<usize>> {
                $crate::data::Data::truth_counts(&self.pictures, part)
            }

            fn augmented_by(&self) -> Option<$crate::data::Augment> {
                $crate::data::Data::augmented_by(&self.pictures)
            }

            fn provenance(&self) -> $crate::data::Provenance {
                $crate::data::Data::provenance(&self.pictures)
            }

            fn group_of(&self, id: usize) -> Option<String> {
                $crate::data::Data::group_of(&self.pictures, id)
            }

            fn known_by(&self, part: $crate::data::Part) -> Vec<$crate::data::Known> {
                $crate::data::Data::known_by(&self.pictures, part)
            }

            fn example(&self, id: usize) -> $crate::Result<$crate::data::Example> {
                $crate::data::Data::example(&self.pictures, id)
            }

            fn check(&self) -> $crate::Result<()> {
                $crate::data::Data::check(&self.pictures)
            }

            fn reseeded(&self, seed: u64) -> Box<dyn $crate::data::Data> {
                Box::new(self.clone().seeded(seed))
            }

            fn suited(&self, network: $crate::data::Transform) -> Box<dyn $crate::data::Data> {
                Box::new($table { pictures: $crate::data::ImageFolder::suited(&self.pictures, network) })
            }
        }
    };
}

pub(super) use picture_verbs;
