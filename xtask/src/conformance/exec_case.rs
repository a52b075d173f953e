//! The table of `keyreeve exec`: each kind of profile, each set of rivals, each client, and what must arrive.

use std::fmt;

use super::case::Case;
use super::documented::{CLAUDE_CODE, SDKS};
use super::ingredient::Ingredient::{
    Entry, Environment, Federation, Helper, Login, Profile, Setting, Variable, VendorAnswers,
};
use super::ingredient::{Federation as Fed, Helper as Script, Ingredient, Layer, Shape, Slot};
use super::ingredient::{Login as File, Profile as Kept};
use super::observe::Sent;
use super::token::{Family, made_up};
use super::vendor;
use crate::clients::program::Program;

/// The name under which the intended credential is kept.
pub(super) const INTENDED: &str = "intended";

/// A line of the table.
#[derive(Clone, Debug)]
pub(super) struct ExecCase {
    pub(super) program: Program,
    pub(super) kind: Kind,
    pub(super) rivals: Rivals,
}

/// What is meant to pay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    SealedKey,
    GatewayBearer,
    SetupToken,
    ClaudeLogin,
    SdkProfile,
}

/// What else is set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rivals {
    Variables,
    Logins,
    UserSettings,
    /// All of the above at once.
    All,
    /// Settings that came with the project.
    Project,
    /// The same, and the person has said that they may stay.
    ProjectAllowed,
}

/// What must become of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Expected {
    /// One request like this, and no other credential in any.
    Sends(Sent),
    /// Exit code 8, and the client is not started.
    Refused,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::SealedKey,
        Self::GatewayBearer,
        Self::SetupToken,
        Self::ClaudeLogin,
        Self::SdkProfile,
    ];

    /// Whether only the vendor's own program may have it.
    fn is_plan(self) -> bool {
        match self {
            Self::SetupToken | Self::ClaudeLogin => true,
            Self::SealedKey | Self::GatewayBearer | Self::SdkProfile => false,
        }
    }

    /// The value that must arrive.
    pub(super) fn token(self) -> String {
        match self {
            Self::SealedKey => made_up(Family::ApiKey, INTENDED),
            Self::GatewayBearer => made_up(Family::Opaque, INTENDED),
            Self::SetupToken => made_up(Family::Oauth, INTENDED),
            Self::ClaudeLogin => made_up(Family::Oauth, "login"),
            Self::SdkProfile => made_up(Family::Oauth, "profile-work"),
        }
    }

    /// Whether it is read from standard input when it is kept.
    pub(super) fn is_typed(self) -> bool {
        match self {
            Self::SealedKey | Self::GatewayBearer | Self::SetupToken => true,
            Self::ClaudeLogin | Self::SdkProfile => false,
        }
    }

    /// The arguments that keep it.
    pub(super) fn added_by(self, upstream: &str) -> Vec<&str> {
        let add = ["profile", "add", INTENDED, "--no-input"];
        let own: &[&str] = match self {
            Self::SealedKey => &["--direct", "--auth", "api-key", "--stdin"],
            Self::GatewayBearer => &["--direct", "--auth", "bearer", "--stdin"],
            Self::SetupToken => &["--setup-token", "--stdin", "--consent"],
            Self::ClaudeLogin => &["--claude-login"],
            Self::SdkProfile => &["--direct", "--sdk-profile", "work"],
        };
        let bound = ["--origin", upstream, "--insecure-loopback"];
        let bound = match self {
            Self::GatewayBearer => &bound[..],
            Self::SealedKey | Self::SetupToken | Self::ClaudeLogin | Self::SdkProfile => &[],
        };
        [&add, own, bound].concat()
    }

    fn ingredients(self) -> &'static [Ingredient] {
        match self {
            Self::SealedKey | Self::GatewayBearer | Self::SetupToken => &[],
            Self::ClaudeLogin => &[Login(File::Present)],
            Self::SdkProfile => &[Profile(Kept::Named)],
        }
    }
}

const KEY: Ingredient = Variable(Slot::ApiKey, Shape::Set);
const TOKEN: Ingredient = Variable(Slot::AuthToken, Shape::Set);
const OAUTH: Ingredient = Variable(Slot::OauthToken, Shape::Set);
const HEADER: Ingredient = Variable(Slot::CustomHeader, Shape::Set);
const BASE_URL: Ingredient = Environment("ANTHROPIC_BASE_URL", "{other}");

impl Rivals {
    const ALL: [Self; 6] = [
        Self::Variables,
        Self::Logins,
        Self::UserSettings,
        Self::All,
        Self::Project,
        Self::ProjectAllowed,
    ];

    fn ingredients(self) -> Vec<Ingredient> {
        match self {
            Self::Variables => vec![KEY, TOKEN, OAUTH, HEADER, BASE_URL, Federation(Fed::Whole)],
            Self::Logins => vec![Login(File::Present), Profile(Kept::Active)],
            Self::UserSettings => vec![
                Setting(Layer::User, Slot::ApiKey, Shape::Set),
                Setting(Layer::User, Slot::AuthToken, Shape::Set),
                Entry(Layer::User, "ANTHROPIC_BASE_URL", "{other}"),
                Helper(Layer::User, Script::Prints),
            ],
            Self::All => [Self::Variables, Self::Logins, Self::UserSettings]
                .into_iter()
                .flat_map(Self::ingredients)
                .collect(),
            Self::Project | Self::ProjectAllowed => vec![
                Setting(Layer::Project, Slot::ApiKey, Shape::Set),
                Entry(Layer::Project, "ANTHROPIC_BASE_URL", "{other}"),
                Helper(Layer::Local, Script::Prints),
            ],
        }
    }

    /// Whether some of them stand in settings files, which are Claude Code's alone.
    fn in_settings(self) -> bool {
        match self {
            Self::Variables | Self::Logins => false,
            Self::UserSettings | Self::All | Self::Project | Self::ProjectAllowed => true,
        }
    }
}

impl ExecCase {
    /// The combination that is set up. No base URL is set, so that what strays to the vendor is seen.
    pub(super) fn case(&self) -> Case {
        let mut ingredients = vec![VendorAnswers];
        ingredients.extend(self.kind.ingredients());
        for rival in self.rivals.ingredients() {
            if !ingredients.contains(&rival) {
                ingredients.push(rival);
            }
        }
        Case {
            program: self.program,
            ingredients,
        }
    }

    /// The arguments of keyreeve before the client's command.
    pub(super) fn arguments(&self) -> Vec<&'static str> {
        let mut arguments = vec!["exec", "--no-input"];
        match self.kind {
            Kind::ClaudeLogin => arguments.push("--native"),
            Kind::SealedKey | Kind::GatewayBearer | Kind::SetupToken | Kind::SdkProfile => {
                arguments.extend(["--profile", INTENDED]);
            }
        }
        if self.rivals == Rivals::ProjectAllowed {
            arguments.push("--allow-project-settings");
        }
        arguments.push("--");
        arguments
    }

    /// What must become of it: a login's rival in a file is refused by name, and so are hostile settings of a project.
    pub(super) fn expected(&self, upstream: &str) -> Expected {
        let for_claude = matches!(self.program, Program::ClaudeCode(_));
        let hostile = self.rivals == Rivals::Project;
        // What pins a key keeps the later release from logins and profiles, too: for those it cannot be used.
        let is_pinned = matches!(self.kind, Kind::SealedKey | Kind::GatewayBearer);
        if for_claude && self.rivals.in_settings() && (hostile || !is_pinned) {
            return Expected::Refused;
        }
        let token = self.kind.token();
        let in_key_header = self.kind == Kind::SealedKey && sends_keys_as_keys(self.program);
        let to = match self.kind {
            Kind::GatewayBearer => upstream,
            Kind::SealedKey | Kind::SetupToken | Kind::ClaudeLogin | Kind::SdkProfile => {
                vendor::ORIGIN
            }
        };
        Expected::Sends(Sent {
            to: to.to_owned(),
            path: "/v1/messages".to_owned(),
            x_api_key: in_key_header.then(|| token.clone()),
            authorization: (!in_key_header)
                .then(|| format!("Bearer {token}"))
                .into_iter()
                .collect(),
            oauth_beta: match self.kind {
                Kind::SealedKey | Kind::GatewayBearer => false,
                Kind::SetupToken | Kind::ClaudeLogin | Kind::SdkProfile => true,
            },
        })
    }
}

/// Later SDKs send an API key as a bearer token (docs/facts.md#clients).
fn sends_keys_as_keys(program: Program) -> bool {
    match program {
        Program::Curl | Program::Httpx(_) | Program::LangChain(_) | Program::ClaudeCode(_) => true,
        Program::Python(version) => version.starts_with("0.") || version.starts_with("1."),
        Program::Typescript(version) => version.starts_with("0."),
    }
}

impl fmt::Display for ExecCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = self.case().client();
        write!(
            f,
            "exec {client} | {:?} against {:?}",
            self.kind, self.rivals
        )
    }
}

/// The whole table. A plan is for the vendor's own program alone, and settings files are nothing to the SDKs.
pub(super) fn cases() -> Vec<ExecCase> {
    let mut cases = Vec::new();
    for program in [&CLAUDE_CODE[..], &SDKS[..]].concat() {
        let for_claude = matches!(program, Program::ClaudeCode(_));
        for kind in Kind::ALL {
            for rivals in Rivals::ALL {
                if for_claude || (!kind.is_plan() && !rivals.in_settings()) {
                    cases.push(ExecCase {
                        program,
                        kind,
                        rivals,
                    });
                }
            }
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::{CLAUDE_CODE, ExecCase, Expected, Kind, Rivals, SDKS, cases};

    fn expected(kind: Kind, rivals: Rivals) -> Expected {
        let program = CLAUDE_CODE[0];
        let case = ExecCase {
            program,
            kind,
            rivals,
        };
        case.expected("http://127.0.0.1:1")
    }

    #[test]
    fn a_plan_is_refused_beside_a_rival_in_a_file_and_a_key_is_not() {
        assert_eq!(expected(Kind::ClaudeLogin, Rivals::All), Expected::Refused);
        assert_eq!(
            expected(Kind::SealedKey, Rivals::Project),
            Expected::Refused
        );
        let sends = |kind, rivals| matches!(expected(kind, rivals), Expected::Sends(_));
        assert!(sends(Kind::SealedKey, Rivals::All));
        assert!(sends(Kind::SetupToken, Rivals::Logins));
    }

    #[test]
    fn every_kind_meets_every_rival_in_both_versions_of_claude_code() {
        let of = |program| {
            cases()
                .iter()
                .filter(|case| case.program == program)
                .count()
        };
        assert_eq!(CLAUDE_CODE.map(of), [30, 30]);
        assert_eq!(SDKS.map(of), [6, 6, 6, 6]);
    }
}
