//! Builds an import plan entry by entry: validates a token, chooses a name and finds existing profiles.
//!
//! Invariant: a token is checked against the same grammar and the same rules as one that a user pastes.

use keyreeve_core::api::Api;
use keyreeve_core::inject;
use keyreeve_core::origin::{BaseUrl, OriginError, PlainHttp};
use keyreeve_core::profile::{Auth, BillingClass, Name, Source};
use keyreeve_core::token::{self, Family, TokenReport};

use super::names;
use super::plan::{ExistingProfile, ImportAction, ImportEntry, ImportNote, ImportPlan, NewProfile};
use super::{ImportSkip, ImportSource};

/// The maximum number of entries; real files have fewer.
const MAX_ENTRIES: usize = 1000;

/// An import plan under construction.
pub(super) struct Planner<'a> {
    /// The program to import from.
    pub(super) import_source: ImportSource,
    existing: &'a [ExistingProfile],
    names: Vec<Name>,
    entries: Vec<ImportEntry>,
    notes: Vec<ImportNote>,
}

/// An item that was found.
pub(super) struct FoundItem<'a> {
    /// Its name in the other program.
    pub(super) label: &'a str,
    /// Its file.
    path: &'a str,
    /// The text that the name of its profile is derived from.
    base_name: &'a str,
    /// Remarks about irregularities.
    pub(super) remarks: Vec<String>,
}

impl<'a> FoundItem<'a> {
    /// Creates an item found in a file. The name of its profile is derived from `base_name`.
    pub(super) fn new(label: &'a str, path: &'a str, base_name: &'a str) -> Self {
        Self {
            label,
            path,
            base_name,
            remarks: Vec::new(),
        }
    }

    /// Adds a remark.
    pub(super) fn with_remark(mut self, remark: impl Into<String>) -> Self {
        self.remarks.push(remark.into());
        self
    }
}

/// The destination of a credential, and the header that carries it.
#[derive(Clone)]
pub(super) struct ImportDestination {
    base_url: Result<BaseUrl, OriginError>,
    /// The header for another gateway; the vendor always gets the usual one.
    gateway_auth: Auth,
}

impl ImportDestination {
    /// Creates the destination of a base URL, or of the vendor without one.
    pub(super) fn new(base_url: Option<&str>) -> Self {
        let base_url = base_url.unwrap_or("https://api.anthropic.com");
        Self {
            base_url: BaseUrl::parse(base_url, PlainHttp::Forbidden),
            gateway_auth: Auth::Bearer,
        }
    }

    /// Returns the same destination for a credential that another gateway expects in the header `x-api-key`.
    pub(super) fn as_api_key(&self) -> Self {
        Self {
            base_url: self.base_url.clone(),
            gateway_auth: Auth::ApiKey,
        }
    }
}

impl<'a> Planner<'a> {
    /// Creates an empty plan.
    pub(super) fn new(import_source: ImportSource, existing: &'a [ExistingProfile]) -> Self {
        Self {
            import_source,
            existing,
            names: Vec::new(),
            entries: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Returns the finished plan.
    pub(super) fn finish(self) -> ImportPlan {
        ImportPlan {
            entries: self.entries,
            notes: self.notes,
        }
    }

    /// Adds a note about the whole import.
    pub(super) fn note(&mut self, text: impl Into<String>, hint: Option<String>) {
        let text = text.into();
        self.notes.push(ImportNote { text, hint });
    }

    /// Adds a skipped item.
    pub(super) fn skip(&mut self, item: FoundItem<'_>, reason: ImportSkip) {
        self.push(item, ImportAction::Skip(reason));
    }

    /// Plans the import of a token in a file. Returns the name of its profile.
    pub(super) fn token(
        &mut self,
        mut item: FoundItem<'_>,
        text: &str,
        destination: &ImportDestination,
    ) -> Option<Name> {
        match self
            .draft(&item, destination)
            .and_then(|draft| validate(text, draft))
        {
            Ok((profile, remarks)) => {
                item.remarks.extend(remarks);
                self.create(item, profile)
            }
            Err(reason) => {
                self.skip(item, reason);
                None
            }
        }
    }

    /// Plans a reference to a secret that stays in its place. Returns the name of its profile.
    pub(super) fn reference(
        &mut self,
        item: FoundItem<'_>,
        source: Source,
        destination: &ImportDestination,
    ) -> Option<Name> {
        match self.draft(&item, destination) {
            Ok(draft) => self.create(item, draft.reference(source)),
            Err(reason) => {
                self.skip(item, reason);
                None
            }
        }
    }

    fn draft(
        &self,
        item: &FoundItem<'_>,
        destination: &ImportDestination,
    ) -> Result<ProfileDraft, ImportSkip> {
        Ok(ProfileDraft {
            name: names::name(self.import_source.prefix(), item.base_name)
                .ok_or(ImportSkip::UnknownKind)?,
            base_url: destination.base_url.clone().map_err(ImportSkip::BaseUrl)?,
            gateway_auth: destination.gateway_auth,
        })
    }

    /// Adds a new profile under a unique name, unless an existing one already has the secret.
    fn create(&mut self, item: FoundItem<'_>, profile: NewProfile) -> Option<Name> {
        // The name is always reserved, so a second run gives all others the same names as the first.
        let name = names::unique(&profile.name, |name| self.names.contains(name));
        self.names.push(name.clone());
        if let Some(name) = self.find_same(&profile) {
            let action = ImportAction::Reuse { name: name.clone() };
            self.push(item, action);
            return Some(name);
        }
        if self.existing.iter().any(|existing| existing.name == name) {
            self.push(item, ImportAction::Conflict { name });
            return None;
        }
        let profile = NewProfile {
            name: name.clone(),
            ..profile
        };
        self.push(item, ImportAction::Create(Box::new(profile)));
        Some(name)
    }

    /// Returns the existing or planned profile with the same secret.
    fn find_same(&self, profile: &NewProfile) -> Option<Name> {
        let existing = self
            .existing
            .iter()
            .find(|existing| profile.matches_existing(existing))
            .map(|existing| &existing.name);
        let planned = || {
            self.entries.iter().find_map(|entry| match &entry.action {
                ImportAction::Create(other) if profile.is_same_as(other) => Some(&other.name),
                ImportAction::Create(_)
                | ImportAction::Reuse { .. }
                | ImportAction::Skip(_)
                | ImportAction::Conflict { .. } => None,
            })
        };
        existing.or_else(planned).cloned()
    }

    /// Adds an entry, up to the maximum number of entries.
    fn push(&mut self, item: FoundItem<'_>, action: ImportAction) {
        if self.entries.len() > MAX_ENTRIES {
            return;
        }
        let action = if self.entries.len() == MAX_ENTRIES {
            ImportAction::Skip(ImportSkip::TooMany)
        } else {
            action
        };
        self.entries.push(ImportEntry {
            label: names::display_name(item.label),
            path: names::display_name(item.path),
            action,
            remarks: item.remarks,
        });
    }
}

/// A profile to create, before the source of its secret is known.
struct ProfileDraft {
    name: Name,
    base_url: BaseUrl,
    gateway_auth: Auth,
}

/// Validates a token as one that a user pastes. Also returns remarks about repairs and problems.
fn validate(text: &str, draft: ProfileDraft) -> Result<(NewProfile, Vec<String>), ImportSkip> {
    let api = Api::from_base_url(&draft.base_url);
    let report = token::read(text, api.grammar());
    let family = report.family;
    let TokenReport {
        token: Some(secret),
        hint: Some(hint),
        ..
    } = report
    else {
        return Err(ImportSkip::NotAToken(report.problems));
    };
    let auth = draft.auth();
    let provenance = api.provenance(&Source::Sealed, family);
    match inject::decide(api.upstream_kind(auth), family, provenance) {
        Ok(_) => {}
        Err(inject::InjectError::PlanLogin) => return Err(ImportSkip::SetupToken),
        Err(error) => return Err(ImportSkip::NeverSent(error)),
    }
    let repairs = report.repairs.iter().map(ToString::to_string);
    let remarks = repairs
        .chain(report.problems.iter().map(ToString::to_string))
        .collect();
    let profile = NewProfile {
        family: Some(family),
        hint: Some(hint),
        auth,
        provenance,
        secret: Some(secret),
        ..draft.reference(Source::Sealed)
    };
    Ok((profile, remarks))
}

impl ProfileDraft {
    /// Returns a profile that refers to its secret.
    fn reference(self, source: Source) -> NewProfile {
        let api = Api::from_base_url(&self.base_url);
        let (auth, billing) = match source {
            Source::ClaudeLogin { .. } => (Auth::Bearer, BillingClass::Plan),
            Source::SdkProfile { .. } | Source::Ant { .. } => (Auth::Bearer, api.billing()),
            Source::Sealed
            | Source::Environment { .. }
            | Source::File { .. }
            | Source::Command { .. } => (self.auth(), api.billing()),
        };
        NewProfile {
            provenance: api.provenance(&source, Family::Opaque),
            name: self.name,
            source,
            secret: None,
            base_url: self.base_url,
            auth,
            billing,
            family: None,
            hint: None,
        }
    }

    /// Returns the header for its destination.
    fn auth(&self) -> Auth {
        match Api::from_base_url(&self.base_url) {
            api @ (Api::Anthropic | Api::Sandbox) => api.default_auth(),
            Api::Gateway => self.gateway_auth,
        }
    }
}

/// Removes the provider from a profile's id: `manual` for `anthropic:manual`.
pub(super) fn without_provider(id: &str) -> &str {
    id.split_once(':').map_or(id, |(_, rest)| rest)
}
