//! keyreeve's own choice here: what the directory is bound to, else what `profile use` chose, else the only profile.

use crate::binding::Binding;
use crate::profile::{Auth, Profile};
use crate::snapshot::Snapshot;

use super::climb::{Candidate, Climb, Holds, YieldsTo};
use super::payer::Destination;
use super::place::Place;
use super::rung::{Fills, Method};

pub(super) fn climb(snapshot: &Snapshot) -> Climb<'_> {
    let profile = snapshot.own_profile();
    let mut climb = Climb::new(Destination::of(None));
    let fills = match profile.map(|profile| profile.auth) {
        Some(Auth::ApiKey) => Fills::XApiKey,
        Some(Auth::Bearer) | None => Fills::Authorization,
    };
    if let Some(profile) = profile {
        climb.destination = Destination::of_profile(profile);
    }
    let candidate = Candidate {
        method: Method::Profile,
        place: Place::Profile {
            name: profile.map_or_else(|| "(none)".to_owned(), |profile| profile.name.to_string()),
        },
        holds: profile.map_or(Holds::Nothing, |_| Holds::Fetched),
        passed_over: None,
    };
    climb.step(vec![candidate], fills, YieldsTo::AnyHeader);
    climb
}

impl Snapshot {
    /// What this directory is bound to, by its nearest ancestor that is bound.
    pub fn binding(&self) -> Option<&Binding> {
        Binding::nearest(&self.own.bindings, self.directory.as_deref()?)
    }

    /// The profile that keyreeve uses in this directory where none is named.
    pub fn own_profile(&self) -> Option<&Profile> {
        let of = |id| self.own.profiles.iter().find(|profile| profile.id == id);
        let bound = self.binding().and_then(|binding| binding.profile);
        match (bound, self.own.default, self.own.profiles.as_slice()) {
            (Some(id), _, _) | (None, Some(id), _) => of(id),
            (None, None, [only]) => Some(only),
            (None, None, _) => None,
        }
    }
}
