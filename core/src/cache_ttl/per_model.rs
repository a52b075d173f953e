//! Which lifetime a model's requests shall have, by globs.
//!
//! Invariant: the most specific glob speaks: one without wildcards, which is the model's own name, before any other; then
//! the longest; of two that are equally long, the one with fewer wildcards, then the first in the order of the alphabet.

use std::cmp::Reverse;

use wildmatch::WildMatch;

use super::Ttl;

/// Lifetimes by globs (`*`, `?`) of models.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct PerModel {
    /// The most specific glob first.
    globs: Vec<(WildMatch, Ttl)>,
}

impl PerModel {
    /// Puts globs and their lifetimes in order.
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

    /// Finds what a model's requests shall have; none: whatever they say themselves.
    pub fn of(&self, model: &str) -> Option<Ttl> {
        self.globs
            .iter()
            .find(|(glob, _)| glob.matches(model))
            .map(|(_, ttl)| *ttl)
    }
}

/// The lower, the more specific.
fn rank(glob: &str) -> (usize, Reverse<usize>, usize, &str) {
    let wildcards = glob.matches(['*', '?']).count();
    let length = glob.chars().count();
    (wildcards.min(1), Reverse(length), wildcards, glob)
}
