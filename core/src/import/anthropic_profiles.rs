//! The SDKs' profiles, by reference: their files stay theirs (docs/facts.md#moving-in).

use crate::import::Left;
use crate::import::document::Node;
use crate::import::names;
use crate::import::place::{Found, Role};
use crate::import::planner::{Destination, Planner, Thing};
use crate::profile::{Name, Source};

/// Plans for each profile of the SDKs.
pub(super) fn plan(planner: &mut Planner<'_>, directory: Option<&str>, files: &[Found]) {
    let active = files
        .iter()
        .find(|file| file.role == Role::ActiveConfig)
        .map(|file| file.text.trim());
    for file in files {
        match file.role {
            Role::SdkProfile => {
                let called = file.path.rsplit('/').next().unwrap_or_default();
                let called = called.trim_end_matches(".json");
                let name = profile(planner, directory, file, called);
                if let Some(name) = name.filter(|_| active == Some(called)) {
                    let text = format!("`{}` is the active one there", names::shown(called));
                    planner.note(text, Some(format!("keyreeve profile use {name}")));
                }
            }
            Role::Config
            | Role::AuthProfiles
            | Role::AuthState
            | Role::OlderAuth
            | Role::Settings
            | Role::Login
            | Role::ActiveConfig => {}
        }
    }
}

fn profile(
    planner: &mut Planner<'_>,
    directory: Option<&str>,
    file: &Found,
    called: &str,
) -> Option<Name> {
    let thing = Thing::new(called, &file.path, called);
    match read(&file.text, called) {
        Ok((name, base_url)) => {
            let source = Source::SdkProfile {
                directory: directory.map(ToOwned::to_owned),
                name,
            };
            let to = Destination::of(base_url.as_deref());
            planner.reference(thing, source, &to)
        }
        Err(why) => {
            planner.leave(thing, why);
            None
        }
    }
}

/// The profile's name, and its base URL where it has one of its own.
fn read(text: &str, called: &str) -> Result<(Name, Option<String>), Left> {
    let profile = Node::parse(text)?;
    match profile.text(&["authentication", "type"]) {
        Some("oidc_federation" | "user_oauth") => {}
        Some(_) => return Err(Left::UnknownKind),
        None => return Err(Left::OtherShape("`authentication.type` is missing")),
    }
    let name = called
        .parse()
        .map_err(|_| Left::OtherShape("the file's name is none that a profile can have"))?;
    Ok((name, profile.text(&["base_url"]).map(ToOwned::to_owned)))
}
