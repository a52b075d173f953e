//! keyreeve's own chain: the profile the directory is bound to, else the one chosen with `profile use`, else the only
//! profile.

use keyreeve_core::binding::Binding;
use keyreeve_core::profile::{Auth, Profile};

use super::chain::{Candidate, ChainWalk, OverriddenBy, Provides};
use super::destination::{AddressSyntax, RequestDestination};
use super::location::Location;
use super::step::{FilledHeaders, Method};
use crate::rules::snapshot::Snapshot;

/// Walks keyreeve's chain.
pub(super) fn walk(snapshot: &Snapshot) -> ChainWalk<'_> {
    let profile = snapshot.selected_profile();
    let mut walk = ChainWalk::new(RequestDestination::from_variable(
        None,
        AddressSyntax::Browser,
    ));
    let headers = match profile.map(|profile| profile.auth) {
        Some(Auth::ApiKey) => FilledHeaders::XApiKey,
        Some(Auth::Bearer) | None => FilledHeaders::Authorization,
    };
    if let Some(profile) = profile {
        walk.destination = RequestDestination::from_profile(profile);
    }
    let candidate = Candidate {
        method: Method::Profile,
        location: Location::Profile {
            name: profile.map_or_else(|| "(none)".to_owned(), |profile| profile.name.to_string()),
        },
        provides: profile.map_or(Provides::Nothing, |_| Provides::Fetched),
        skip_reason: None,
    };
    walk.add_steps(vec![candidate], headers, OverriddenBy::AnyHeader);
    walk
}

impl Snapshot {
    /// Returns the binding of this directory: the one of the nearest bound ancestor.
    pub fn binding(&self) -> Option<&Binding> {
        Binding::nearest(&self.keyreeve.bindings, self.directory.as_deref()?)
    }

    /// Returns the profile that keyreeve uses in this directory by default.
    pub fn selected_profile(&self) -> Option<&Profile> {
        let by_id = |id| {
            self.keyreeve
                .profiles
                .iter()
                .find(|profile| profile.id == id)
        };
        let bound = self.binding().and_then(|binding| binding.profile);
        match (
            bound,
            self.keyreeve.default,
            self.keyreeve.profiles.as_slice(),
        ) {
            (Some(id), _, _) | (None, Some(id), _) => by_id(id),
            (None, None, [only]) => Some(only),
            (None, None, _) => None,
        }
    }
}
