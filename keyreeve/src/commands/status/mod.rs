//! `status`: who would pay for a client's next request, why, and what keyreeve keeps.
//!
//! Invariants: nothing is sent, started or written, and no store is made where there is none; a secret is never opened.

mod payable;
mod tell;

use jiff::Timestamp;
use keyreeve_broker::gather::shell_scripts;
use keyreeve_broker::view::{
    BindingView, ExpectedView, KeysView, LimitsView, ProfilesView, StandingView, StatusProfileView,
    StatusView, UnusableView,
};
use keyreeve_core::finding::rivals;
use keyreeve_core::profile::{Profile, ProfileId};
use keyreeve_core::resolve::{Expected, Resolution, Sureness, Unexpected, resolve};
use keyreeve_core::snapshot::Snapshot;
use keyreeve_core::unusable::Unusable;
use keyreeve_os::files::{FileError, look_at_foreign};
use keyreeve_os::look::Files;
use keyreeve_store::{Known, Store};

use super::profile;
use crate::error::CommandError;
use crate::output::Format;
use crate::settings::{Detail, ExitTells, Status};
use crate::wiring::{Looked, World};

/// So many of the newest attempts are looked at for when a profile was last used.
const NEWEST: u32 = 2000;

/// All there is to say.
struct Said {
    snapshot: Snapshot,
    resolution: Resolution,
    /// Who is meant to pay, and what becomes of that.
    expected: Option<(Expected, Result<Sureness, Unexpected>)>,
    /// Why profiles cannot be used.
    unusable: Vec<(Profile, Unusable)>,
    /// How the profile stands that keyreeve itself uses here.
    own_standing: Option<StandingView>,
}

pub(super) fn run(status: &Status, world: &World) -> Result<(), CommandError> {
    let Looked {
        snapshot,
        known,
        store,
    } = world.look(&status.started.arguments)?;
    let said = say(status, snapshot, known.as_ref());
    let view = || view(&said, known.as_ref(), store.as_ref());
    if world.output.format() == Format::Json {
        world.output.document(&view()?)?;
    } else {
        match status.detail {
            Detail::Line => tell::line(&said, world)?,
            Detail::Short => tell::shortly(&said, &view()?, world)?,
            Detail::Full | Detail::All => {
                tell::whole(&said, &view()?, status.detail, world)?;
            }
        }
    }
    if status.detail != Detail::Line {
        profile::warn_of_ends(&said.snapshot.own.profiles, world);
        warn_of_new_shells(&said.snapshot, world);
    }
    match &status.exit {
        ExitTells::Said => Ok(()),
        ExitTells::Payable(_) => payable::judge(&said, &world.clock()),
    }
}

/// What a shell that starts anew would have and this one has not: the export that pays from tomorrow on.
fn warn_of_new_shells(snapshot: &Snapshot, world: &World) {
    for rival in rivals(snapshot, &shell_scripts(snapshot, &Files::OfMachine)) {
        let sentence = rival.sentence(snapshot.home.as_deref());
        world
            .output
            .note(&format!("{sentence}; `keyreeve doctor` says more"));
    }
}

fn say(status: &Status, snapshot: Snapshot, known: Option<&Known>) -> Said {
    let resolution = resolve(&snapshot, status.started.client);
    let named = match &status.exit {
        ExitTells::Said => None,
        ExitTells::Payable(expect) => expect.clone(),
    };
    let bound = snapshot
        .binding()
        .and_then(|binding| binding.expect.clone());
    let expected = named.or(bound).map(|expected| {
        let judged = expected.judge(&resolution, &snapshot);
        (expected, judged)
    });
    let judged = |profile: &Profile| {
        let unusable = Unusable::of(profile, &snapshot.environment, snapshot.now, has_file)?;
        Some((profile.clone(), unusable))
    };
    let stands = |known: &Known| {
        let own = snapshot.own_profile()?;
        Some(StandingView::of(own, &known.standings, snapshot.now))
    };
    Said {
        own_standing: known.and_then(stands),
        unusable: snapshot.own.profiles.iter().filter_map(judged).collect(),
        snapshot,
        resolution,
        expected,
    }
}

/// One that may not be read is there.
fn has_file(path: &str) -> bool {
    !matches!(
        look_at_foreign(path.as_ref()),
        Err(FileError::Missing { .. })
    )
}

fn view(
    said: &Said,
    known: Option<&Known>,
    store: Option<&Store>,
) -> Result<StatusView, CommandError> {
    let limits = store.map(Store::limits).transpose()?.unwrap_or_default();
    let limits = known.map(|known| LimitsView::of(&known.policy, &limits, said.snapshot.now));
    let uses = store.map(|store| store.last_uses(NEWEST)).transpose()?;
    let uses = uses.unwrap_or_default();
    let now = said.snapshot.now;
    let profiles = known.map_or_else(Vec::new, |known| ProfilesView::of(known, now).profiles);
    let keys = known.map_or_else(Vec::new, |known| KeysView::of(&known.policy, now).keys);
    let own = &said.snapshot.own.profiles;
    let stands = profiles
        .iter()
        .filter_map(|profile| UnusableView::of_standing(profile, now));
    let unusable = said.unusable.iter();
    let unusable = unusable
        .map(|(profile, unusable)| UnusableView::of(&profile.name, unusable))
        .chain(stands)
        .collect();
    let profiles = profiles.into_iter().map(|profile| StatusProfileView {
        last_used_at: last_used(&profile.id, &uses),
        profile,
    });
    Ok(StatusView {
        resolution: (&said.resolution).into(),
        binding: said
            .snapshot
            .binding()
            .map(|binding| BindingView::of(binding, own)),
        expected: said
            .expected
            .as_ref()
            .map(|(expected, judged)| ExpectedView::of(expected, judged)),
        active_profile: said
            .snapshot
            .own_profile()
            .map(|profile| profile.name.to_string()),
        profiles: profiles.collect(),
        unusable_profiles: unusable,
        keys,
        limits: limits.map_or_else(Vec::new, |limits| limits.subjects),
    })
}

fn last_used(id: &str, uses: &[(ProfileId, Timestamp)]) -> Option<String> {
    let used = uses.iter().find(|(its, _)| its.to_string() == id)?;
    Some(used.1.to_string())
}
