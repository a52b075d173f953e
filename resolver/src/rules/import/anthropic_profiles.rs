//! Import of SDK profiles, by reference: their files stay unchanged (docs/facts.md#moving-in).

use keyreeve_core::profile::{Name, Source};

use super::ImportSkip;
use super::document::Node;
use super::files::{FileRole, FoundFile};
use super::names;
use super::planner::{FoundItem, ImportDestination, Planner};

/// Plans the import of each SDK profile.
pub(super) fn plan(planner: &mut Planner<'_>, directory: Option<&str>, files: &[FoundFile]) {
    let active = files
        .iter()
        .find(|file| file.role == FileRole::ActiveConfig)
        .map(|file| file.text.trim());
    for file in files
        .iter()
        .filter(|file| file.role == FileRole::SdkProfile)
    {
        let file_name = file.path.rsplit('/').next().unwrap_or_default();
        let sdk_name = file_name.trim_end_matches(".json");
        let name = profile(planner, directory, file, sdk_name);
        if let Some(name) = name.filter(|_| active == Some(sdk_name)) {
            let text = format!(
                "`{}` is the active SDK profile",
                names::display_name(sdk_name)
            );
            planner.note(text, Some(format!("keyreeve profile use {name}")));
        }
    }
}

fn profile(
    planner: &mut Planner<'_>,
    directory: Option<&str>,
    file: &FoundFile,
    sdk_name: &str,
) -> Option<Name> {
    let item = FoundItem::new(sdk_name, &file.path, sdk_name);
    match parse(&file.text, sdk_name) {
        Ok((name, base_url)) => {
            let source = Source::SdkProfile {
                directory: directory.map(ToOwned::to_owned),
                name,
            };
            let destination = ImportDestination::new(base_url.as_deref());
            planner.reference(item, source, &destination)
        }
        Err(reason) => {
            planner.skip(item, reason);
            None
        }
    }
}

/// Parses a profile's configuration into its name and its base URL, if it has one.
fn parse(text: &str, sdk_name: &str) -> Result<(Name, Option<String>), ImportSkip> {
    let profile = Node::parse(text)?;
    match profile.text(&["authentication", "type"]) {
        Some("oidc_federation" | "user_oauth") => {}
        Some(_) => return Err(ImportSkip::UnknownKind),
        None => return Err(ImportSkip::OtherShape("`authentication.type` is missing")),
    }
    let name = sdk_name
        .parse()
        .map_err(|_| ImportSkip::OtherShape("the file name is not a valid profile name"))?;
    Ok((name, profile.text(&["base_url"]).map(ToOwned::to_owned)))
}
