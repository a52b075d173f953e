//! The fixed combinations: every documented rule of every client (docs/facts.md#claude-code, docs/facts.md#sdk-chain).

use super::ingredient::Ingredient::{
    Arguments, Entry, Environment, Federation, Helper, Login, NoBaseUrl, Profile, Setting, Variable,
};
use super::ingredient::Layer::{ConfigDir, Flag, Local, Project, User};
use super::ingredient::Shape::{
    Blank, Empty, Multiline, OtherFamily, Padded, Prefixed, Quoted, Set,
};
use super::ingredient::Slot::{
    ApiKey, AuthToken, BedrockBearer, CustomHeader, FoundryKey, OauthToken,
};
use super::ingredient::{
    Case, FederationSetup, HelperScript, Ingredient, LoginFile, SdkProfileSetup,
};
use crate::programs::Program;

/// The pinned versions of Claude Code.
pub(super) const CLAUDE_CODE: [Program; 4] = [
    Program::ClaudeCode("2.1.332"),
    Program::ClaudeCode("2.1.329"),
    Program::ClaudeCode("2.1.260"),
    Program::ClaudeCode("2.1.197"),
];

/// The pinned versions of the SDKs, with each major version.
pub(super) const SDKS: [Program; 7] = [
    Program::Python("0.125.0"),
    Program::Python("1.17.0"),
    Program::Python("2.11.0"),
    Program::Python("2.14.0"),
    Program::Typescript("0.122.0"),
    Program::Typescript("1.11.0"),
    Program::Typescript("1.14.0"),
];

const MANAGED: Ingredient = Environment("CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "1");
const BARE: Ingredient = Arguments(&["--bare"]);
const NO_SOURCES: Ingredient = Arguments(&["--setting-sources", ""]);
const OTHER_CONFIG_DIR: Ingredient = Environment("CLAUDE_CONFIG_DIR", "{home}/elsewhere");
const KEY: Ingredient = Variable(ApiKey, Set);
const TOKEN: Ingredient = Variable(AuthToken, Set);
const OAUTH: Ingredient = Variable(OauthToken, Set);
const HELPER: Ingredient = Helper(User, HelperScript::Prints);
const LOGIN: Ingredient = Login(LoginFile::Present);
const WORK: Ingredient = Profile(SdkProfileSetup::Named);
const ACTIVE: Ingredient = Profile(SdkProfileSetup::Active);
const BEDROCK: Ingredient = Environment("CLAUDE_CODE_USE_BEDROCK", "1");
const REGION: Ingredient = Environment("AWS_REGION", "us-east-1");
const BEDROCK_URL: Ingredient = Environment("ANTHROPIC_BEDROCK_BASE_URL", "{other}");
const AWS_ID: Ingredient = Environment("AWS_ACCESS_KEY_ID", "AKIAMADEUP");
const AWS_SECRET: Ingredient = Environment("AWS_SECRET_ACCESS_KEY", "made-up");

/// One, two, or all credentials.
const CREDENTIALS: &[&[Ingredient]] = &[
    &[],
    &[KEY],
    &[TOKEN],
    &[HELPER],
    &[OAUTH],
    &[LOGIN],
    &[WORK],
    &[ACTIVE],
    &[Federation(FederationSetup::Complete)],
    &[Federation(FederationSetup::FromFile)],
    &[Federation(FederationSetup::WithoutServiceAccount)],
    &[KEY, TOKEN],
    &[KEY, HELPER],
    &[TOKEN, HELPER],
    &[KEY, TOKEN, HELPER, OAUTH, LOGIN],
    &[HELPER, OAUTH],
    &[HELPER, LOGIN],
    &[HELPER, WORK],
    &[KEY, OAUTH],
    &[KEY, LOGIN],
    &[KEY, WORK],
    &[TOKEN, OAUTH],
    &[TOKEN, LOGIN],
    &[OAUTH, WORK],
    &[OAUTH, LOGIN],
    &[WORK, LOGIN],
    &[ACTIVE, LOGIN],
    &[Federation(FederationSetup::Complete), LOGIN],
    &[Federation(FederationSetup::WithoutOrganization), LOGIN],
    &[Profile(SdkProfileSetup::Unnamed)],
    &[Profile(SdkProfileSetup::NamedAbsent), LOGIN],
    &[Profile(SdkProfileSetup::NamedEmpty), LOGIN],
    &[Profile(SdkProfileSetup::NamedFederation), LOGIN],
    &[Profile(SdkProfileSetup::ActiveFederation), LOGIN],
    &[Profile(SdkProfileSetup::NamedExpired)],
    &[Profile(SdkProfileSetup::NamedReadable), LOGIN],
    &[WORK, Federation(FederationSetup::Complete)],
    &[ACTIVE, Federation(FederationSetup::Complete)],
    &[
        Profile(SdkProfileSetup::Unnamed),
        Federation(FederationSetup::Complete),
    ],
    &[
        Profile(SdkProfileSetup::NamedAbsent),
        Federation(FederationSetup::Complete),
    ],
    &[Variable(ApiKey, Blank), TOKEN],
    &[Variable(AuthToken, Blank), KEY],
    &[Helper(User, HelperScript::PrintsTwoLines), KEY],
];

/// Malformed values, and the states of the login file.
const EDGE_CASES: &[&[Ingredient]] = &[
    &[Variable(ApiKey, Empty), LOGIN],
    &[Variable(AuthToken, Empty), LOGIN],
    &[Variable(OauthToken, Empty), LOGIN],
    &[Variable(ApiKey, Blank), OAUTH],
    &[Variable(AuthToken, Blank), LOGIN],
    &[Variable(OauthToken, Blank), LOGIN],
    &[Variable(ApiKey, Padded)],
    &[Variable(AuthToken, Padded)],
    &[Variable(OauthToken, Padded)],
    &[Variable(ApiKey, Multiline)],
    &[Variable(AuthToken, Multiline)],
    &[Variable(OauthToken, Multiline)],
    &[Variable(ApiKey, Quoted)],
    &[Variable(AuthToken, Prefixed)],
    &[Variable(ApiKey, OtherFamily)],
    &[Variable(AuthToken, OtherFamily)],
    &[Variable(OauthToken, OtherFamily)],
    &[KEY, Variable(CustomHeader, Set)],
    &[LOGIN, Variable(CustomHeader, Set)],
    &[Login(LoginFile::Expired)],
    &[Login(LoginFile::ExpiredNoRefresh)],
    &[Login(LoginFile::Damaged)],
    &[Login(LoginFile::EmptyObject)],
    &[Login(LoginFile::NoInference)],
    &[Login(LoginFile::Damaged), KEY],
    &[Login(LoginFile::Expired), ACTIVE],
    &[Login(LoginFile::Damaged), ACTIVE],
    &[Helper(User, HelperScript::PrintsPadded)],
    &[Helper(User, HelperScript::PrintsTwoLines)],
    &[Helper(User, HelperScript::PrintsNothing)],
    &[Helper(User, HelperScript::Fails)],
    &[Helper(User, HelperScript::Missing)],
    &[Helper(User, HelperScript::Fails), OAUTH],
    &[Helper(User, HelperScript::Fails), LOGIN],
    &[Helper(User, HelperScript::Fails), KEY],
    &[Helper(User, HelperScript::Fails), TOKEN],
];

/// Cloud switches, settings that conflict with the environment, and options that disable settings.
const SETTINGS: &[&[Ingredient]] = &[
    &[Environment("CLAUDE_CODE_USE_BEDROCK", "0"), KEY],
    &[Environment("CLAUDE_CODE_USE_BEDROCK", ""), KEY],
    &[BEDROCK, REGION, BEDROCK_URL, AWS_ID, AWS_SECRET, KEY],
    &[
        BEDROCK,
        REGION,
        BEDROCK_URL,
        Variable(BedrockBearer, Set),
        TOKEN,
    ],
    &[
        Environment("CLAUDE_CODE_USE_VERTEX", "1"),
        Environment("CLAUDE_CODE_SKIP_VERTEX_AUTH", "1"),
        Environment("ANTHROPIC_VERTEX_BASE_URL", "{other}"),
        Environment("ANTHROPIC_VERTEX_PROJECT_ID", "made-up"),
        Environment("CLOUD_ML_REGION", "us-east5"),
        TOKEN,
    ],
    &[
        Environment("CLAUDE_CODE_USE_FOUNDRY", "1"),
        Environment("ANTHROPIC_FOUNDRY_BASE_URL", "{other}"),
        Variable(FoundryKey, Set),
        KEY,
    ],
    &[Setting(User, ApiKey, Set), KEY],
    &[Setting(User, AuthToken, Set), KEY],
    &[Setting(User, OauthToken, Set), LOGIN],
    &[Setting(Project, ApiKey, Set), KEY],
    &[
        Setting(Local, ApiKey, Set),
        Setting(Project, ApiKey, Set),
        Setting(User, ApiKey, Set),
    ],
    &[
        Setting(Flag, ApiKey, Set),
        Setting(Local, ApiKey, Set),
        Setting(User, ApiKey, Set),
    ],
    &[
        Setting(Flag, ApiKey, Empty),
        Setting(User, ApiKey, Set),
        LOGIN,
    ],
    &[Setting(Flag, ApiKey, Empty), KEY, LOGIN],
    &[Setting(User, ApiKey, Empty), KEY, LOGIN],
    &[Setting(User, ApiKey, Blank), KEY, LOGIN],
    &[Entry(Project, "ANTHROPIC_BASE_URL", "{other}"), KEY],
    &[Entry(User, "ANTHROPIC_BASE_URL", "{other}"), LOGIN],
    &[Entry(Local, "ANTHROPIC_BASE_URL", "{other}"), OAUTH],
    &[
        Entry(Project, "CLAUDE_CODE_USE_BEDROCK", "1"),
        REGION,
        BEDROCK_URL,
        AWS_ID,
        AWS_SECRET,
        KEY,
    ],
    &[
        Entry(User, "ANTHROPIC_PROFILE", "work"),
        Profile(SdkProfileSetup::Named),
        LOGIN,
    ],
    &[Helper(Project, HelperScript::Prints), LOGIN],
    &[Helper(Local, HelperScript::Prints), HELPER],
    &[Helper(Flag, HelperScript::Prints), HELPER],
    &[Helper(Flag, HelperScript::EmptyText), HELPER, LOGIN],
    &[Helper(Flag, HelperScript::Null), HELPER, LOGIN],
    &[Helper(Project, HelperScript::EmptyText), HELPER, LOGIN],
    &[NO_SOURCES, Setting(User, ApiKey, Set), HELPER, LOGIN],
    &[
        NO_SOURCES,
        Setting(Project, ApiKey, Set),
        Setting(Local, AuthToken, Set),
        KEY,
    ],
    &[
        Arguments(&["--setting-sources", "user"]),
        Setting(Project, ApiKey, Set),
        HELPER,
    ],
    &[OTHER_CONFIG_DIR, HELPER, LOGIN],
    &[
        OTHER_CONFIG_DIR,
        Setting(ConfigDir, ApiKey, Set),
        Setting(User, ApiKey, Set),
    ],
    &[
        OTHER_CONFIG_DIR,
        Login(LoginFile::InConfigDir),
        Setting(User, ApiKey, Set),
    ],
];

/// Bare mode, and a provider managed by the host.
const MODES: &[&[Ingredient]] = &[
    &[BARE, KEY],
    &[BARE, TOKEN],
    &[BARE, OAUTH],
    &[BARE, LOGIN],
    &[BARE, WORK],
    &[BARE, HELPER],
    &[BARE, Helper(Flag, HelperScript::Prints)],
    &[BARE, Setting(User, ApiKey, Set)],
    &[BARE, Setting(Project, AuthToken, Set), KEY],
    &[BARE, Federation(FederationSetup::Complete)],
    &[Environment("CLAUDE_CODE_SIMPLE", "1"), KEY, LOGIN],
    &[Environment("CLAUDE_CODE_SIMPLE", "1"), LOGIN],
    &[Environment("CLAUDE_CODE_SIMPLE", "0"), LOGIN],
    &[MANAGED, KEY, Setting(User, ApiKey, Set)],
    &[MANAGED, KEY, Setting(Project, AuthToken, Set)],
    &[
        MANAGED,
        KEY,
        Entry(Project, "ANTHROPIC_BASE_URL", "{other}"),
    ],
    &[MANAGED, KEY, Entry(User, "CLAUDE_CODE_USE_BEDROCK", "1")],
    &[MANAGED, KEY, Setting(User, CustomHeader, Set)],
    &[MANAGED, TOKEN, HELPER],
    &[MANAGED, TOKEN, Helper(Flag, HelperScript::Prints)],
    &[MANAGED, KEY, HELPER],
    &[MANAGED, BARE, Helper(Flag, HelperScript::Prints)],
    &[
        MANAGED,
        TOKEN,
        HELPER,
        Helper(Flag, HelperScript::EmptyText),
    ],
    &[MANAGED, TOKEN, HELPER, OTHER_CONFIG_DIR],
    &[MANAGED, LOGIN],
    &[MANAGED, WORK],
    &[MANAGED, ACTIVE],
    &[MANAGED, Federation(FederationSetup::Complete)],
    &[MANAGED, OAUTH],
    &[MANAGED, OAUTH, LOGIN],
    &[MANAGED, OAUTH, LOGIN, HELPER],
    &[MANAGED, TOKEN, OAUTH],
    &[MANAGED, TOKEN, LOGIN],
    &[MANAGED, Setting(Flag, ApiKey, Set), KEY],
    &[MANAGED, Setting(User, ApiKey, Set), LOGIN],
];

/// Configuration of the SDKs.
const SDK: &[&[Ingredient]] = &[
    &[],
    &[KEY],
    &[TOKEN],
    &[KEY, TOKEN],
    &[OAUTH],
    &[LOGIN, HELPER],
    &[Variable(ApiKey, Padded)],
    &[Variable(AuthToken, Padded)],
    &[Variable(ApiKey, Empty), TOKEN],
    &[Variable(ApiKey, Empty)],
    &[Variable(AuthToken, Empty), KEY],
    &[Variable(AuthToken, Empty), WORK],
    &[Variable(ApiKey, Blank)],
    &[Variable(ApiKey, Quoted)],
    &[Variable(ApiKey, OtherFamily)],
    &[KEY, WORK],
    &[TOKEN, WORK],
    &[WORK],
    &[ACTIVE],
    &[Profile(SdkProfileSetup::Unnamed)],
    &[WORK, Federation(FederationSetup::Complete)],
    &[ACTIVE, Federation(FederationSetup::Complete)],
    &[
        Profile(SdkProfileSetup::Unnamed),
        Federation(FederationSetup::Complete),
    ],
    &[
        Profile(SdkProfileSetup::NamedAbsent),
        Federation(FederationSetup::Complete),
    ],
    &[Federation(FederationSetup::Complete)],
    &[Federation(FederationSetup::WithoutOrganization)],
    &[Federation(FederationSetup::WithoutServiceAccount)],
    &[Federation(FederationSetup::FromFile), KEY],
    &[Profile(SdkProfileSetup::NamedAbsent)],
    &[Profile(SdkProfileSetup::NamedEmpty)],
    &[Profile(SdkProfileSetup::NamedEmpty), ACTIVE],
    &[Profile(SdkProfileSetup::NamedFederation)],
    &[Profile(SdkProfileSetup::NamedExpired)],
    &[Profile(SdkProfileSetup::NamedReadable)],
    &[Profile(SdkProfileSetup::NamedBaseUrl)],
    &[KEY, Variable(CustomHeader, Set)],
    &[BEDROCK, KEY],
    &[Setting(User, ApiKey, Set), TOKEN],
];

/// No base URL is set: requests go to the simulated Anthropic hosts.
const NO_BASE_URL: &[&[Ingredient]] = &[
    &[NoBaseUrl, KEY],
    &[NoBaseUrl, TOKEN],
    &[NoBaseUrl, HELPER],
    &[NoBaseUrl, OAUTH],
    &[NoBaseUrl, LOGIN],
    &[NoBaseUrl, Login(LoginFile::Expired)],
    &[NoBaseUrl, Login(LoginFile::ExpiredNoRefresh)],
    &[NoBaseUrl, Login(LoginFile::Expired), ACTIVE],
    &[NoBaseUrl, WORK],
    &[NoBaseUrl, Profile(SdkProfileSetup::NamedBaseUrl)],
    &[NoBaseUrl, Profile(SdkProfileSetup::NamedBaseUrl), KEY],
    &[NoBaseUrl, Federation(FederationSetup::Complete)],
    &[NoBaseUrl, Environment("ANTHROPIC_BASE_URL", ""), KEY],
    &[
        NoBaseUrl,
        Entry(Project, "ANTHROPIC_BASE_URL", "{other}"),
        LOGIN,
    ],
];

/// No base URL, for the SDKs.
const SDK_NO_BASE_URL: &[&[Ingredient]] = &[
    &[NoBaseUrl, KEY],
    &[NoBaseUrl, WORK],
    &[NoBaseUrl, Profile(SdkProfileSetup::NamedBaseUrl), KEY],
    &[NoBaseUrl, Federation(FederationSetup::Complete)],
    &[NoBaseUrl, Environment("ANTHROPIC_BASE_URL", ""), KEY],
];

/// Returns all fixed combinations.
pub(super) fn cases() -> Vec<Case> {
    let cases = |programs: &'static [Program], rows: &'static [&'static [Ingredient]]| {
        rows.iter().flat_map(move |row| {
            programs.iter().map(move |&program| Case {
                program,
                ingredients: row.to_vec(),
            })
        })
    };
    let claude = [CREDENTIALS, EDGE_CASES, SETTINGS, MODES, NO_BASE_URL];
    claude
        .into_iter()
        .flat_map(|rows| cases(&CLAUDE_CODE, rows))
        .chain(cases(&SDKS, SDK))
        .chain(cases(&SDKS, SDK_NO_BASE_URL))
        .collect()
}
