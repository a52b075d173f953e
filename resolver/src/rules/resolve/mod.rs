//! The resolver: the credential that a client's next request would carry in each header, and who would pay.
//!
//! A client tries the *steps* of its *chain* in order of precedence and fills two headers from them. Invariants: the
//! result depends on the snapshot and the client alone, never on the order in which things were gathered; removing a
//! shadowed or skipped step changes no header; no value is ever repeated, only its family and its redacted form; every
//! step that could have applied is listed with its state.

mod chain;
mod claude_code;
mod client;
mod clouds;
mod destination;
mod entry_point;
mod expected;
mod failures;
mod headline;
mod keyreeve;
mod location;
mod parsed_value;
mod payer;
mod releases;
mod requested;
mod sdk;
mod sent_value;
mod session;
mod step;
mod variables;

pub use self::client::{ClientProgram, PythonMajor, Release, TypescriptMajor, UnknownClientError};
pub(crate) use self::entry_point::is_desktop;
pub(crate) use self::expected::check_payer_class;
pub use self::expected::{
    CheckedPayer, ExpectedPayer, PayerMismatchError, UnknownPayerError, check_payer_exists,
    is_expected_profile,
};
pub use self::location::Location;
pub use self::parsed_value::Flaw;
pub(crate) use self::parsed_value::Switch;
pub use self::payer::{Confidence, Payer, PayerClass};
pub use self::requested::RequestedClient;
pub(crate) use self::sent_value::is_loopback;
pub use self::sent_value::{
    BaseUrlProblem, CredentialProblem, ValueProblem, ValueProblemKind, base_url_problem,
    credential_problem,
};
pub use self::step::{
    ChainStep, CredentialHeader, FilledHeaders, Method, SkipReason, Slot, StepState,
};

use keyreeve_core::sanitize::{MAX_LINE_CHARS, sanitize_line};

use self::chain::ChainWalk;
use crate::rules::claude_code::{SettingsFile, SettingsState};
use crate::rules::snapshot::Snapshot;

/// The credentials that a client's next request would carry, and who would pay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolution {
    /// The client.
    pub client: ClientProgram,
    /// The credential that would be sent as `x-api-key`.
    pub x_api_key: Option<Slot>,
    /// The credential that would be sent as `Authorization`.
    pub authorization: Option<Slot>,
    /// `true` if the client adds the beta value of OAuth tokens.
    pub oauth_beta: bool,
    /// The setting that changes the base URL, or `None` if requests go to the vendor's own address.
    pub base_url_override: Option<BaseUrlOverride>,
    /// The account that would pay.
    pub payer: Payer,
    /// The reason no request would be sent, or `None` if one would.
    pub sends_no_request: Option<String>,
    /// A settings file that the client would read and we cannot; it could change the result.
    pub unreadable_settings: Option<String>,
    /// Every step of the client's chain, in order of precedence.
    pub steps: Vec<ChainStep>,
    headline: String,
}

/// A setting that overrides the base URL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BaseUrlOverride {
    /// The address as written, but sanitized and without a user name and password, or `None` if it is not text.
    pub base_url: Option<String>,
    /// The location of the setting.
    pub location: Location,
}

impl Resolution {
    /// Returns who would pay, in one plain sentence without a full stop.
    pub fn headline(&self) -> &str {
        &self.headline
    }

    /// Returns the credential that fills a header.
    pub fn slot(&self, header: CredentialHeader) -> Option<&Slot> {
        match header {
            CredentialHeader::XApiKey => self.x_api_key.as_ref(),
            CredentialHeader::Authorization => self.authorization.as_ref(),
        }
    }

    /// Returns the credentials that would be sent, `x-api-key` first.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.x_api_key.iter().chain(&self.authorization)
    }

    /// Returns the steps that have a credential and are shadowed by a stronger one.
    pub(crate) fn shadowed(&self) -> impl Iterator<Item = &ChainStep> {
        self.steps.iter().filter(|step| {
            matches!(step.state, StepState::Shadowed { .. }) && step.would_pay.is_some()
        })
    }
}

/// Resolves the credentials that the client's next request would carry if it were started in this snapshot.
pub fn resolve(snapshot: &Snapshot, client: ClientProgram) -> Resolution {
    let walk = match client {
        ClientProgram::ClaudeCode {
            release,
            mode,
            sources,
        } => claude_code::walk(snapshot, client, (release, mode, sources)),
        ClientProgram::SdkPython(_) | ClientProgram::SdkTypescript(_) => {
            sdk::walk(snapshot, client)
        }
        ClientProgram::Keyreeve => keyreeve::walk(snapshot),
    };
    finish(client, walk, unreadable_settings(snapshot, client))
}

/// Returns the settings file of highest precedence that the client would read and we cannot.
fn unreadable_settings(snapshot: &Snapshot, client: ClientProgram) -> Option<String> {
    let sources = match client {
        ClientProgram::ClaudeCode { sources, .. } => sources,
        ClientProgram::SdkPython(_) | ClientProgram::SdkTypescript(_) | ClientProgram::Keyreeve => {
            return None;
        }
    };
    let is_unreadable = |file: &&SettingsFile| {
        sources.includes(file.scope)
            && match file.state {
                SettingsState::Unreadable => true,
                SettingsState::Read(_) | SettingsState::Damaged(_) => false,
            }
    };
    let files = snapshot.settings.iter().filter(is_unreadable);
    files
        .min_by_key(|file| (file.scope, &file.path))
        .map(|file| sanitize_line(&file.path, MAX_LINE_CHARS).into_owned())
}

fn finish(
    client: ClientProgram,
    walk: ChainWalk<'_>,
    unreadable_settings: Option<String>,
) -> Resolution {
    let mut summary = headline::summarize(client, &walk);
    if let Some(path) = &unreadable_settings {
        summary.payer.confidence = Confidence::Likely;
        let doubt = format!("; {path} cannot be read, so its settings are unknown");
        summary.headline.push_str(&doubt);
    }
    let (x_api_key, authorization) = (walk.x_api_key, walk.authorization);
    let oauth_beta = client.sends_oauth_beta() && walk.is_oauth;
    Resolution {
        client,
        oauth_beta,
        x_api_key: x_api_key.map(|filled| filled.slot),
        authorization: authorization.map(|filled| filled.slot),
        base_url_override: walk.destination.base_url_override(),
        payer: summary.payer,
        sends_no_request: summary.sends_no_request,
        unreadable_settings,
        steps: walk.steps,
        headline: summary.headline,
    }
}
