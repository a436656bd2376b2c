//! Statics of cells: one value for all the copies that the cells' libraries hold.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

/// A static's name, the digest of how it is defined, and its type. Another definition is another static.
type Key = (&'static str, u64, TypeId, usize);

fn key<T: 'static>(name: &'static str, stamp: u64) -> Key {
    (name, stamp, TypeId::of::<T>(), size_of::<T>())
}

/// A key whose name is copied, and the place of its value.
type KeptPlace = (String, u64, TypeId, usize, usize);

/// The place of each value, which stays to the end of the process. A name is copied, since its library may not.
static PLACES: Mutex<Vec<KeptPlace>> = Mutex::new(Vec::new());

/// The place of the value that is kept under this key, where there is one in `places`.
fn find(places: &[KeptPlace], (name, stamp, kind, size): Key) -> Option<usize> {
    let is_it = |place: &&KeptPlace| (place.0.as_str(), place.1, place.2, place.3) == (name, stamp, kind, size);
    places.iter().find(is_it).map(|place| place.4)
}

/// The place of the value that is kept under this key; `make` makes one where there is none.
#[inline(never)]
fn place(key: Key, make: &dyn Fn() -> usize) -> usize {
    let places = || PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(place) = find(&places(), key) {
        return place;
    }
    // Not under the lock: what is made may use another static.
    let made = make();
    let mut places = places();
    // Another thread may have been faster.
    find(&places, key).unwrap_or_else(|| {
        let (name, stamp, kind, size) = key;
        places.push((name.to_owned(), stamp, kind, size, made));
        made
    })
}

/// A static of a cell; every copy of it leads to one value.
///
/// ```
/// use candlewick_prelude::cell::Kept;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// static ONE: Kept<AtomicUsize> = Kept::new("HITS", 7, || AtomicUsize::new(0));
/// static COPY: Kept<AtomicUsize> = Kept::new("HITS", 7, || AtomicUsize::new(0));
/// ONE.fetch_add(2, Ordering::Relaxed);
/// assert_eq!(COPY.load(Ordering::Relaxed), 2);
/// ```
pub struct Kept<T: 'static> {
    name: &'static str,
    stamp: u64,
    make: fn() -> T,
    /// Where the value is, as soon as it was asked for.
    place: AtomicPtr<T>,
    kind: PhantomData<T>,
}

impl<T: 'static> Kept<T> {
    /// The static `name` whose definition has the digest `stamp`.
    pub const fn new(name: &'static str, stamp: u64, make: fn() -> T) -> Kept<T> {
        Kept { name, stamp, make, place: AtomicPtr::new(std::ptr::null_mut()), kind: PhantomData }
    }
}

impl<T: 'static> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        let mut at = self.place.load(Ordering::Acquire);
        if at.is_null() {
            let make = self.make;
            at = place(key::<T>(self.name, self.stamp), &|| Box::into_raw(Box::new(make())) as usize) as *mut T;
            self.place.store(at, Ordering::Release);
        }
        // SAFETY: a value of this very type lies there for good, and is only ever lent.
        unsafe { &*at }
    }
}

impl<T: fmt::Debug> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A key whose name is copied.
type OfThread = (String, u64, TypeId, usize);

thread_local! {
    static OF_THREAD: RefCell<HashMap<OfThread, &'static dyn Any>> = RefCell::default();
}

/// What `thread_local!` of a cell declares; every copy of it leads to one value a thread.
pub struct KeptLocal<T: 'static> {
    name: &'static str,
    stamp: u64,
    make: fn() -> T,
}

impl<T: 'static> KeptLocal<T> {
    /// The static `name` whose definition has the digest `stamp`.
    pub const fn new(name: &'static str, stamp: u64, make: fn() -> T) -> KeptLocal<T> {
        KeptLocal { name, stamp, make }
    }

    /// This thread's value.
    fn value(&'static self) -> &'static T {
        let (name, stamp, kind, size) = key::<T>(self.name, self.stamp);
        let key = (name.to_owned(), stamp, kind, size);
        let there = OF_THREAD.with_borrow(|values| values.get(&key).copied());
        let value: &'static dyn Any = there.unwrap_or_else(|| {
            let made: &'static T = Box::leak(Box::new((self.make)()));
            OF_THREAD.with_borrow_mut(|values| values.insert(key, made));
            made
        });
        value.downcast_ref().expect("the key holds the type")
    }

    /// As [`std::thread::LocalKey::with`].
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        f(self.value())
    }
}

impl<T: 'static> KeptLocal<Cell<T>> {
    /// As [`std::thread::LocalKey::set`].
    pub fn set(&'static self, value: T) {
        self.value().set(value);
    }

    /// As [`std::thread::LocalKey::get`].
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.value().get()
    }

    /// As [`std::thread::LocalKey::take`].
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.value().take()
    }

    /// As [`std::thread::LocalKey::replace`].
    pub fn replace(&'static self, value: T) -> T {
        self.value().replace(value)
    }
}

impl<T: 'static> KeptLocal<RefCell<T>> {
    /// As [`std::thread::LocalKey::with_borrow`].
    pub fn with_borrow<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        f(&self.value().borrow())
    }

    /// As [`std::thread::LocalKey::with_borrow_mut`].
    pub fn with_borrow_mut<R>(&'static self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.value().borrow_mut())
    }

    /// As [`std::thread::LocalKey::set`].
    pub fn set(&'static self, value: T) {
        *self.value().borrow_mut() = value;
    }

    /// As [`std::thread::LocalKey::take`].
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.value().take()
    }

    /// As [`std::thread::LocalKey::replace`].
    pub fn replace(&'static self, value: T) -> T {
        self.value().replace(value)
    }
}

impl<T> fmt::Debug for KeptLocal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeptLocal({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn copies_lead_to_one_value_and_other_definitions_to_others() {
        static FIRST: Kept<Mutex<Vec<i32>>> = Kept::new("LIST", 1, || Mutex::new(vec![1]));
        static SECOND: Kept<Mutex<Vec<i32>>> = Kept::new("LIST", 1, || Mutex::new(vec![1]));
        static OTHER: Kept<Mutex<Vec<i32>>> = Kept::new("LIST", 2, || Mutex::new(vec![1]));
        static OF_OTHER_TYPE: Kept<Mutex<u64>> = Kept::new("LIST", 1, || Mutex::new(9));
        FIRST.lock().unwrap().push(2);
        assert_eq!(*SECOND.lock().unwrap(), [1, 2]);
        assert_eq!(*OTHER.lock().unwrap(), [1]);
        assert_eq!(*OF_OTHER_TYPE.lock().unwrap(), 9);
        assert!(format!("{:?}", *SECOND).contains("[1, 2]"));
    }

    #[test]
    fn a_value_is_made_once_whoever_asks() {
        static MADE: Kept<usize> = Kept::new("MADE", 1, || 7);
        let places: Vec<usize> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| &raw const *MADE as usize)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(places.iter().all(|place| *place == places[0]));
    }

    #[test]
    fn a_threads_value_is_its_own() {
        static FIRST: KeptLocal<Cell<i32>> = KeptLocal::new("DEPTH", 1, || Cell::new(1));
        static SECOND: KeptLocal<Cell<i32>> = KeptLocal::new("DEPTH", 1, || Cell::new(1));
        static LIST: KeptLocal<RefCell<Vec<i32>>> = KeptLocal::new("LIST", 1, RefCell::default);
        FIRST.set(5);
        assert_eq!((SECOND.get(), FIRST.with(Cell::get)), (5, 5));
        assert_eq!(std::thread::spawn(|| SECOND.get()).join().unwrap(), 1);
        LIST.with_borrow_mut(|list| list.push(3));
        assert_eq!(LIST.with_borrow(Vec::len), 1);
        assert_eq!(LIST.take(), [3]);
    }
}
