//! The variables of a session between its cells, under evcxr's names.

use super::marks::VARIABLE_CHANGED_TYPE;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

/// The variables that no cell holds at the moment, by name.
#[derive(Debug, Default)]
pub struct VariableStore {
    variables: HashMap<String, Box<dyn Any>>,
}

// What depends on a variable's type is a line or two here, since it is compiled in the cell; the rest is not.
impl VariableStore {
    /// Keeps a variable.
    #[inline]
    pub fn put_variable<T: 'static>(&mut self, name: &str, value: T) {
        self.put(name, Box::new(value));
    }

    /// Whether the variable has this type, or is not there; where it has another, evcxr is told.
    #[inline]
    pub fn check_variable<T: 'static>(&mut self, name: &str) -> bool {
        self.check(name, TypeId::of::<T>())
    }

    /// Takes a variable out.
    ///
    /// # Panics
    /// When it is not there or has another type; [`check_variable`](Self::check_variable) is called before.
    #[inline]
    pub fn take_variable<T: 'static>(&mut self, name: &str) -> T {
        match self.take(name).downcast::<T>() {
            Ok(value) => *value,
            Err(_) => lost(name),
        }
    }

    /// Keeps what a cell lent to its code and was to bind anew, unless it did.
    #[inline]
    pub fn put_back<T: 'static>(&mut self, name: &str, value: T) {
        if !self.variables.contains_key(name) {
            self.put(name, Box::new(value));
        }
    }

    /// Lets go of a variable, whatever its type.
    pub fn forget(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// A value that all cells share, made at the first call: evcxr's runtime for `await`.
    pub fn lazy_arc<T: 'static, F: FnOnce() -> T>(&mut self, name: &str, create: F) -> Arc<T> {
        let value = self.variables.entry(name.to_owned()).or_insert_with(|| Box::new(Arc::new(create())));
        match value.downcast_ref::<Arc<T>>() {
            Some(value) => Arc::clone(value),
            None => lost(name),
        }
    }

    #[inline(never)]
    fn put(&mut self, name: &str, value: Box<dyn Any>) {
        self.variables.insert(name.to_owned(), value);
    }

    #[inline(never)]
    fn take(&mut self, name: &str) -> Box<dyn Any> {
        self.variables.remove(name).unwrap_or_else(|| lost(name))
    }

    #[inline(never)]
    fn check(&mut self, name: &str, wanted: TypeId) -> bool {
        let fits = self.variables.get(name).is_none_or(|value| value.as_ref().type_id() == wanted);
        if !fits {
            crate::show::note(&format!("the type of `{name}` was defined anew, so the variable is lost"));
            crate::show::tell_evcxr(&format!("{VARIABLE_CHANGED_TYPE}{name}"));
        }
        fits
    }
}

#[inline(never)]
#[cold]
fn lost(name: &str) -> ! {
    panic!("the variable `{name}` is not there any more")
}

/// An empty store, which the session's process keeps to its end.
pub fn create_variable_store() -> *mut VariableStore {
    Box::into_raw(Box::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_taken_as_it_was_put() {
        let mut store = VariableStore::default();
        store.put_variable("a", vec![1, 2]);
        assert!(store.check_variable::<Vec<i32>>("a") && store.check_variable::<u8>("b"));
        assert!(!store.check_variable::<String>("a"));
        assert_eq!(store.take_variable::<Vec<i32>>("a"), [1, 2]);
        store.put_back("a", 1);
        store.put_back("a", 2);
        assert_eq!(store.take_variable::<i32>("a"), 1);
        store.put_variable("a", 3);
        store.forget("a");
        store.forget("none");
        assert!(!store.variables.contains_key("a"));
        let first = store.lazy_arc("runtime", || 7);
        assert!(Arc::ptr_eq(&first, &store.lazy_arc("runtime", || 8)));
    }

    #[test]
    #[should_panic(expected = "the variable `a` is not there")]
    fn a_variable_of_another_type_is_not_taken() {
        let mut store = VariableStore::default();
        store.put_variable("a", 1);
        store.take_variable::<String>("a");
    }
}
