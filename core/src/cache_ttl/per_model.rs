//! Cache lifetimes by model globs.
//!
//! Invariant: the most specific glob applies: one without wildcards, which is the exact model name, before any other;
//! then the longest; of two with the same length, the one with fewer wildcards, then the first in alphabetical order.

use std::cmp::Reverse;

use wildmatch::WildMatch;

use super::Ttl;

/// Cache lifetimes by model globs (`*`, `?`).
#[derive(Clone, Default, PartialEq, Debug)]
pub struct TtlByModel {
    /// The globs, most specific first.
    globs: Vec<(WildMatch, Ttl)>,
}

impl TtlByModel {
    /// Sorts globs and their lifetimes by specificity.
    pub fn new(globs: impl IntoIterator<Item = (String, Ttl)>) -> Self {
        let mut globs: Vec<_> = globs.into_iter().collect();
        globs.sort_by(|(one, _), (other, _)| rank(one).cmp(&rank(other)));
        let globs = globs
            .into_iter()
            .map(|(glob, ttl)| (WildMatch::new(&glob), ttl));
        Self {
            globs: globs.collect(),
        }
    }

    /// Returns the lifetime for a model's requests; `None` means the lifetime that each request itself has.
    pub fn for_model(&self, model: &str) -> Option<Ttl> {
        self.globs
            .iter()
            .find(|(glob, _)| glob.matches(model))
            .map(|(_, ttl)| *ttl)
    }
}

/// Returns the sort key of a glob: lower is more specific.
fn rank(glob: &str) -> (usize, Reverse<usize>, usize, &str) {
    let wildcards = glob.matches(['*', '?']).count();
    let length = glob.chars().count();
    (wildcards.min(1), Reverse(length), wildcards, glob)
}
