//! The cases of `keyreeve exec`: each kind of profile with each set of conflicts and each client, and the expected
//! request.

use std::fmt;

use super::anthropic_hosts;
use super::ingredient::Ingredient::{
    Entry, Environment, Federation, Helper, Login, NoBaseUrl, Profile, Setting, Variable,
};
use super::ingredient::{Case, FederationSetup, HelperScript, Ingredient, Layer, Shape, Slot};
use super::ingredient::{LoginFile, SdkProfileSetup};
use super::observe::SentRequest;
use super::programs;
use super::token::{Family, fake_token};
use crate::programs::Program;

/// Name of the profile with the intended credential.
const INTENDED_PROFILE: &str = "intended";

/// One case: a client, the intended payer and the conflicting credentials.
#[derive(Clone, Debug)]
pub(super) struct ExecCase {
    pub(super) program: Program,
    pub(super) payer: PayerKind,
    conflicts: Conflicts,
}

/// Kind of the intended credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PayerKind {
    SealedKey,
    GatewayBearer,
    SetupToken,
    ClaudeLogin,
    SdkProfile,
}

/// Conflicting credentials and settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Conflicts {
    Variables,
    Logins,
    UserSettings,
    /// All of the above at once.
    All,
    /// Settings of the project.
    Project,
    /// Settings of the project, allowed by the user.
    ProjectAllowed,
}

/// Expected result of a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Expected {
    /// A request like this one, and no other credential in any request.
    Sends(SentRequest),
    /// Exit code 8, and the client is not started.
    Refused,
}

impl PayerKind {
    const ALL: [Self; 5] = [
        Self::SealedKey,
        Self::GatewayBearer,
        Self::SetupToken,
        Self::ClaudeLogin,
        Self::SdkProfile,
    ];

    /// Returns `true` if only Anthropic's own program may use the credential.
    fn is_plan(self) -> bool {
        match self {
            Self::SetupToken | Self::ClaudeLogin => true,
            Self::SealedKey | Self::GatewayBearer | Self::SdkProfile => false,
        }
    }

    /// Returns the token that must be sent.
    pub(super) fn token(self) -> String {
        match self {
            Self::SealedKey => fake_token(Family::ApiKey, INTENDED_PROFILE),
            Self::GatewayBearer => fake_token(Family::Opaque, INTENDED_PROFILE),
            Self::SetupToken => fake_token(Family::Oauth, INTENDED_PROFILE),
            Self::ClaudeLogin => fake_token(Family::Oauth, "login"),
            Self::SdkProfile => fake_token(Family::Oauth, "profile-work"),
        }
    }

    /// Returns `true` if `profile add` reads the secret from standard input.
    pub(super) fn reads_stdin(self) -> bool {
        match self {
            Self::SealedKey | Self::GatewayBearer | Self::SetupToken => true,
            Self::ClaudeLogin | Self::SdkProfile => false,
        }
    }

    /// Returns the arguments of `profile add`.
    pub(super) fn add_arguments(self, upstream: &str) -> Vec<&str> {
        let add = ["profile", "add", INTENDED_PROFILE, "--no-input"];
        let source: &[&str] = match self {
            Self::SealedKey => &["--direct", "--auth", "api-key", "--stdin"],
            Self::GatewayBearer => &["--direct", "--auth", "bearer", "--stdin"],
            Self::SetupToken => &["--setup-token", "--stdin", "--consent"],
            Self::ClaudeLogin => &["--claude-login"],
            Self::SdkProfile => &["--direct", "--sdk-profile", "work"],
        };
        let origin = ["--origin", upstream, "--insecure-loopback"];
        let origin = match self {
            Self::GatewayBearer => &origin[..],
            Self::SealedKey | Self::SetupToken | Self::ClaudeLogin | Self::SdkProfile => &[],
        };
        [&add, source, origin].concat()
    }

    fn ingredients(self) -> &'static [Ingredient] {
        match self {
            Self::SealedKey | Self::GatewayBearer | Self::SetupToken => &[],
            Self::ClaudeLogin => &[Login(LoginFile::Present)],
            Self::SdkProfile => &[Profile(SdkProfileSetup::Named)],
        }
    }
}

const KEY: Ingredient = Variable(Slot::ApiKey, Shape::Set);
const TOKEN: Ingredient = Variable(Slot::AuthToken, Shape::Set);
const OAUTH: Ingredient = Variable(Slot::OauthToken, Shape::Set);
const HEADER: Ingredient = Variable(Slot::CustomHeader, Shape::Set);
const BASE_URL: Ingredient = Environment("ANTHROPIC_BASE_URL", "{other}");

impl Conflicts {
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
            Self::Variables => vec![
                KEY,
                TOKEN,
                OAUTH,
                HEADER,
                BASE_URL,
                Federation(FederationSetup::Complete),
            ],
            Self::Logins => vec![Login(LoginFile::Present), Profile(SdkProfileSetup::Active)],
            Self::UserSettings => vec![
                Setting(Layer::User, Slot::ApiKey, Shape::Set),
                Setting(Layer::User, Slot::AuthToken, Shape::Set),
                Entry(Layer::User, "ANTHROPIC_BASE_URL", "{other}"),
                Helper(Layer::User, HelperScript::Prints),
            ],
            Self::All => [Self::Variables, Self::Logins, Self::UserSettings]
                .into_iter()
                .flat_map(Self::ingredients)
                .collect(),
            Self::Project | Self::ProjectAllowed => vec![
                Setting(Layer::Project, Slot::ApiKey, Shape::Set),
                Entry(Layer::Project, "ANTHROPIC_BASE_URL", "{other}"),
                Helper(Layer::Local, HelperScript::Prints),
            ],
        }
    }

    /// Returns `true` if some are in settings files, which only Claude Code reads.
    fn has_settings(self) -> bool {
        match self {
            Self::Variables | Self::Logins => false,
            Self::UserSettings | Self::All | Self::Project | Self::ProjectAllowed => true,
        }
    }
}

impl ExecCase {
    /// Returns the combination to set up. It has no base URL, so that stray requests to Anthropic are recorded.
    pub(super) fn case(&self) -> Case {
        let mut ingredients = vec![NoBaseUrl];
        ingredients.extend(self.payer.ingredients());
        for ingredient in self.conflicts.ingredients() {
            if !ingredients.contains(&ingredient) {
                ingredients.push(ingredient);
            }
        }
        Case {
            program: self.program,
            ingredients,
        }
    }

    /// Returns the arguments of keyreeve before the client's command.
    pub(super) fn arguments(&self) -> Vec<&'static str> {
        let mut arguments = vec!["exec", "--no-input"];
        match self.payer {
            PayerKind::ClaudeLogin => arguments.push("--native"),
            PayerKind::SealedKey
            | PayerKind::GatewayBearer
            | PayerKind::SetupToken
            | PayerKind::SdkProfile => {
                arguments.extend(["--profile", INTENDED_PROFILE]);
            }
        }
        if self.conflicts == Conflicts::ProjectAllowed {
            arguments.push("--allow-project-settings");
        }
        arguments.push("--");
        arguments
    }

    /// Returns the expected result: settings that conflict with a login are refused, and so are settings of a project.
    pub(super) fn expected(&self, upstream: &str) -> Expected {
        let for_claude = matches!(self.program, Program::ClaudeCode(_));
        let has_project_settings = self.conflicts == Conflicts::Project;
        // `CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST` makes Claude Code ignore the settings, but also its logins and
        // profiles in the later release: it is only usable with a key.
        let can_ignore_settings =
            matches!(self.payer, PayerKind::SealedKey | PayerKind::GatewayBearer);
        if for_claude
            && self.conflicts.has_settings()
            && (has_project_settings || !can_ignore_settings)
        {
            return Expected::Refused;
        }
        let token = self.payer.token();
        let in_key_header =
            self.payer == PayerKind::SealedKey && sends_api_key_header(self.program);
        let to = match self.payer {
            PayerKind::GatewayBearer => upstream,
            PayerKind::SealedKey
            | PayerKind::SetupToken
            | PayerKind::ClaudeLogin
            | PayerKind::SdkProfile => anthropic_hosts::ORIGIN,
        };
        Expected::Sends(SentRequest {
            to: to.to_owned(),
            path: "/v1/messages".to_owned(),
            x_api_key: in_key_header.then(|| token.clone()),
            authorization: (!in_key_header)
                .then(|| format!("Bearer {token}"))
                .into_iter()
                .collect(),
            oauth_beta: match self.payer {
                PayerKind::SealedKey | PayerKind::GatewayBearer => false,
                PayerKind::SetupToken | PayerKind::ClaudeLogin | PayerKind::SdkProfile => true,
            },
        })
    }
}

/// Returns `true` if the client sends an API key in `x-api-key`; later SDKs send it as a bearer token
/// (docs/facts.md#clients).
fn sends_api_key_header(program: Program) -> bool {
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
            self.payer, self.conflicts
        )
    }
}

/// Returns all cases, without plans for other programs than Anthropic's own and without settings files for the SDKs.
pub(super) fn cases() -> Vec<ExecCase> {
    let mut cases = Vec::new();
    for program in programs() {
        let for_claude = matches!(program, Program::ClaudeCode(_));
        for payer in PayerKind::ALL {
            for conflicts in Conflicts::ALL {
                if for_claude || (!payer.is_plan() && !conflicts.has_settings()) {
                    cases.push(ExecCase {
                        program,
                        payer,
                        conflicts,
                    });
                }
            }
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::super::documented::{CLAUDE_CODE, SDKS};
    use super::{Conflicts, ExecCase, Expected, PayerKind, cases};

    fn expected(payer: PayerKind, conflicts: Conflicts) -> Expected {
        let program = CLAUDE_CODE[0];
        let case = ExecCase {
            program,
            payer,
            conflicts,
        };
        case.expected("http://127.0.0.1:1")
    }

    #[test]
    fn settings_conflict_with_a_plan_but_not_with_a_key() {
        assert_eq!(
            expected(PayerKind::ClaudeLogin, Conflicts::All),
            Expected::Refused
        );
        assert_eq!(
            expected(PayerKind::SealedKey, Conflicts::Project),
            Expected::Refused
        );
        let sends = |payer, conflicts| matches!(expected(payer, conflicts), Expected::Sends(_));
        assert!(sends(PayerKind::SealedKey, Conflicts::All));
        assert!(sends(PayerKind::SetupToken, Conflicts::Logins));
    }

    #[test]
    fn claude_code_runs_every_payer_with_every_conflict() {
        let count = |program| {
            cases()
                .iter()
                .filter(|case| case.program == program)
                .count()
        };
        assert_eq!(CLAUDE_CODE.map(count), [30; 4]);
        assert_eq!(SDKS.map(count), [6; 7]);
    }
}
