//! Which credential a client's next request would carry, header by header, and who would pay.
//!
//! A client looks at one place after another, its *rungs*, and fills two headers from them. Invariants: the result depends
//! on the snapshot and the client alone, never on the order in which things were gathered; taking away a rung that is
//! passed over changes no header; no value is ever repeated, only its family and its redacted form; a rung that could
//! have counted is listed with what became of it.

mod claude_code;
mod client;
mod climb;
mod clouds;
mod expected;
mod keyreeve;
mod payer;
mod place;
mod reading;
mod rung;
mod sdk;
mod sentence;
mod variables;

pub use self::client::{Client, PythonMajor, Release, TypescriptMajor, UnknownClient};
pub use self::expected::{Expected, Unexpected};
pub use self::payer::{Payer, PayerClass, Sureness};
pub use self::place::Place;
pub use self::reading::Flaw;
pub use self::rung::{Fills, Header, Method, PassedOver, Rung, Slot, State};

use crate::claude_code::{SettingsFile, SettingsState};
use crate::inert::{LONGEST_LINE, inert_line};
use crate::snapshot::Snapshot;

use self::climb::Climb;

/// What a client's next request would carry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolution {
    /// Whose request.
    pub client: Client,
    /// What would go out as `x-api-key`.
    pub x_api_key: Option<Slot>,
    /// What would go out as `Authorization`.
    pub authorization: Option<Slot>,
    /// Whether the client adds the beta value of OAuth tokens.
    pub oauth_beta: bool,
    /// Where the request goes, where something moves it away from the vendor's own address.
    pub moved: Option<Moved>,
    /// Who would pay.
    pub payer: Payer,
    /// Why nothing would be sent, in words; none where a request goes out.
    pub sends_nothing: Option<String>,
    /// A settings file that the client would read and we cannot: what it sets may decide otherwise.
    pub unread: Option<String>,
    /// Every rung that the client would look at, the strongest first.
    pub rungs: Vec<Rung>,
    headline: String,
}

/// A base URL that something sets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// The address as seen, but without a user name and password, and made inert; none where it is no text.
    pub base_url: Option<String>,
    /// What sets it.
    pub place: Place,
}

impl Resolution {
    /// Who would pay, in one plain sentence without a full stop.
    pub fn headline(&self) -> &str {
        &self.headline
    }

    /// What fills a header.
    pub fn slot(&self, header: Header) -> Option<&Slot> {
        match header {
            Header::XApiKey => self.x_api_key.as_ref(),
            Header::Authorization => self.authorization.as_ref(),
        }
    }

    /// The rungs that have a credential and are passed over for a stronger one.
    pub fn shadowed(&self) -> impl Iterator<Item = &Rung> {
        self.rungs
            .iter()
            .filter(|rung| matches!(rung.state, State::Shadowed { .. }) && rung.would_pay.is_some())
    }
}

/// Finds out what the client's next request would carry if it were started in this world.
pub fn resolve(snapshot: &Snapshot, client: Client) -> Resolution {
    let climb = match client {
        Client::ClaudeCode {
            release,
            mode,
            sources,
        } => {
            let start = claude_code::Start {
                release,
                mode,
                sources,
            };
            claude_code::climb(snapshot, client, start)
        }
        Client::SdkPython(_) | Client::SdkTypescript(_) => sdk::climb(snapshot, client),
        Client::Keyreeve => keyreeve::climb(snapshot),
    };
    finish(client, climb, unread(snapshot, client))
}

/// The strongest settings file that the client would read and we cannot.
fn unread(snapshot: &Snapshot, client: Client) -> Option<String> {
    let sources = match client {
        Client::ClaudeCode { sources, .. } => sources,
        Client::SdkPython(_) | Client::SdkTypescript(_) | Client::Keyreeve => return None,
    };
    let is_unread = |file: &&SettingsFile| {
        sources.include(file.scope)
            && match file.state {
                SettingsState::Unreadable => true,
                SettingsState::Read(_) | SettingsState::Damaged(_) => false,
            }
    };
    let files = snapshot.settings.iter().filter(is_unread);
    files
        .min_by_key(|file| (file.scope, &file.path))
        .map(|file| inert_line(&file.path, LONGEST_LINE).into_owned())
}

fn finish(client: Client, climb: Climb<'_>, unread: Option<String>) -> Resolution {
    let mut judged = sentence::judge(client, &climb);
    if let Some(path) = &unread {
        judged.payer.sure = Sureness::Likely;
        let doubt = format!("; {path} cannot be read, so that what it sets is not known");
        judged.headline.push_str(&doubt);
    }
    let (x_api_key, authorization) = (climb.x_api_key, climb.authorization);
    let oauth_beta = client.marks_oauth() && climb.is_oauth;
    Resolution {
        client,
        oauth_beta,
        x_api_key: x_api_key.map(|filled| filled.slot),
        authorization: authorization.map(|filled| filled.slot),
        moved: climb.destination.moved(),
        payer: judged.payer,
        sends_nothing: judged.sends_nothing,
        unread,
        rungs: climb.rungs,
        headline: judged.headline,
    }
}
