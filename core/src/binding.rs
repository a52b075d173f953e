//! A binding: which profile a directory's programs are meant to use, and who is meant to pay there.
//!
//! Kept in the user's own store and never in the directory itself: a repository is untrusted. The nearest ancestor wins.

use std::path::Path;

use crate::profile::ProfileId;
use crate::resolve::Expected;

/// What one directory, and all below it, is bound to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    /// The directory, absolute, every symbolic link followed.
    pub directory: String,
    /// The profile its programs are meant to use; none where only the payer is bound.
    pub profile: Option<ProfileId>,
    /// Who is meant to pay there.
    pub expect: Option<Expected>,
}

impl Binding {
    /// The binding that holds in `directory`: that of the nearest ancestor, itself included.
    pub fn nearest<'a>(bindings: &'a [Self], directory: &str) -> Option<&'a Self> {
        let directory = Path::new(directory);
        bindings
            .iter()
            .filter(|binding| directory.starts_with(&binding.directory))
            .max_by_key(|binding| Path::new(&binding.directory).components().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(directory: &str) -> Binding {
        Binding {
            directory: directory.to_owned(),
            profile: None,
            expect: None,
        }
    }

    #[test]
    fn the_nearest_ancestor_wins() {
        let bindings = [bound("/w"), bound("/w/a/b"), bound("/w/a")];
        let nearest = |directory| {
            Binding::nearest(&bindings, directory).map(|found| found.directory.as_str())
        };
        assert_eq!(nearest("/w/a/b/c"), Some("/w/a/b"));
        assert_eq!(nearest("/w/a"), Some("/w/a"));
        assert_eq!(nearest("/w/ab"), Some("/w"));
        assert_eq!(nearest("/other"), None);
    }
}
