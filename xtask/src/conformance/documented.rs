//! The combinations that are in every run: each row of what is known about each client (docs/facts.md#claude-code,
//! docs/facts.md#sdk-chain).

use super::case::Case;
use super::ingredient::Ingredient::{
    Arguments, Entry, Environment, Federation, Helper, Login, Profile, Setting, Variable,
    VendorAnswers,
};
use super::ingredient::Layer::{ConfigDir, Flag, Local, Project, User};
use super::ingredient::Shape::{Blank, Broken, Empty, OtherFamily, Padded, Prefixed, Quoted, Set};
use super::ingredient::Slot::{
    ApiKey, AuthToken, BedrockBearer, CustomHeader, FoundryKey, OauthToken,
};
use super::ingredient::{self, Ingredient};
use crate::clients::program::Program;
use ingredient::{Federation as Fed, Helper as Script, Login as File, Profile as Kept};

/// Both versions of Claude Code.
pub(super) const CLAUDE_CODE: [Program; 2] = [
    Program::ClaudeCode("2.1.329"),
    Program::ClaudeCode("2.1.197"),
];

/// The SDKs, each major version of Python's.
pub(super) const SDKS: [Program; 4] = [
    Program::Python("0.125.0"),
    Program::Python("1.17.0"),
    Program::Python("2.11.0"),
    Program::Typescript("1.11.0"),
];

const MANAGED: Ingredient = Environment("CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "1");
const BARE: Ingredient = Arguments(&["--bare"]);
const NO_SOURCES: Ingredient = Arguments(&["--setting-sources", ""]);
const FRESH: Ingredient = Environment("CLAUDE_CONFIG_DIR", "{home}/elsewhere");
const KEY: Ingredient = Variable(ApiKey, Set);
const TOKEN: Ingredient = Variable(AuthToken, Set);
const OAUTH: Ingredient = Variable(OauthToken, Set);
const HELPER: Ingredient = Helper(User, Script::Prints);
const LOGIN: Ingredient = Login(File::Present);
const WORK: Ingredient = Profile(Kept::Named);
const ACTIVE: Ingredient = Profile(Kept::Active);
const BEDROCK: Ingredient = Environment("CLAUDE_CODE_USE_BEDROCK", "1");
const REGION: Ingredient = Environment("AWS_REGION", "us-east-1");
const BEDROCK_URL: Ingredient = Environment("ANTHROPIC_BEDROCK_BASE_URL", "{other}");
const AWS_ID: Ingredient = Environment("AWS_ACCESS_KEY_ID", "AKIAMADEUP");
const AWS_SECRET: Ingredient = Environment("AWS_SECRET_ACCESS_KEY", "made-up");

/// One credential, two, or all.
const SLOTS: &[&[Ingredient]] = &[
    &[],
    &[KEY],
    &[TOKEN],
    &[HELPER],
    &[OAUTH],
    &[LOGIN],
    &[WORK],
    &[ACTIVE],
    &[Federation(Fed::Whole)],
    &[Federation(Fed::FromFile)],
    &[Federation(Fed::WithoutServiceAccount)],
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
    &[Federation(Fed::Whole), LOGIN],
    &[Federation(Fed::WithoutOrganization), LOGIN],
    &[Profile(Kept::Unnamed)],
    &[Profile(Kept::NamedAbsent), LOGIN],
    &[Profile(Kept::NamedEmpty), LOGIN],
    &[Profile(Kept::NamedFederation), LOGIN],
    &[Profile(Kept::ActiveFederation), LOGIN],
    &[Profile(Kept::NamedExpired)],
    &[Profile(Kept::NamedReadable), LOGIN],
    &[WORK, Federation(Fed::Whole)],
    &[ACTIVE, Federation(Fed::Whole)],
    &[Profile(Kept::Unnamed), Federation(Fed::Whole)],
    &[Profile(Kept::NamedAbsent), Federation(Fed::Whole)],
    &[Variable(ApiKey, Blank), TOKEN],
    &[Variable(AuthToken, Blank), KEY],
    &[Helper(User, Script::PrintsTwoLines), KEY],
];

/// Values that are not as they should be, and the login file's states.
const EDGES: &[&[Ingredient]] = &[
    &[Variable(ApiKey, Empty), LOGIN],
    &[Variable(AuthToken, Empty), LOGIN],
    &[Variable(OauthToken, Empty), LOGIN],
    &[Variable(ApiKey, Blank), OAUTH],
    &[Variable(AuthToken, Blank), LOGIN],
    &[Variable(OauthToken, Blank), LOGIN],
    &[Variable(ApiKey, Padded)],
    &[Variable(AuthToken, Padded)],
    &[Variable(OauthToken, Padded)],
    &[Variable(ApiKey, Broken)],
    &[Variable(AuthToken, Broken)],
    &[Variable(OauthToken, Broken)],
    &[Variable(ApiKey, Quoted)],
    &[Variable(AuthToken, Prefixed)],
    &[Variable(ApiKey, OtherFamily)],
    &[Variable(AuthToken, OtherFamily)],
    &[Variable(OauthToken, OtherFamily)],
    &[KEY, Variable(CustomHeader, Set)],
    &[LOGIN, Variable(CustomHeader, Set)],
    &[Login(File::Expired)],
    &[Login(File::ExpiredForGood)],
    &[Login(File::Damaged)],
    &[Login(File::Hollow)],
    &[Login(File::NoInference)],
    &[Login(File::Damaged), KEY],
    &[Login(File::Expired), ACTIVE],
    &[Login(File::Damaged), ACTIVE],
    &[Helper(User, Script::PrintsPadded)],
    &[Helper(User, Script::PrintsTwoLines)],
    &[Helper(User, Script::PrintsNothing)],
    &[Helper(User, Script::Fails)],
    &[Helper(User, Script::Missing)],
    &[Helper(User, Script::Fails), OAUTH],
    &[Helper(User, Script::Fails), LOGIN],
    &[Helper(User, Script::Fails), KEY],
    &[Helper(User, Script::Fails), TOKEN],
];

/// Cloud switches, settings against the environment, and what switches settings off.
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
        Profile(Kept::Named),
        LOGIN,
    ],
    &[Helper(Project, Script::Prints), LOGIN],
    &[Helper(Local, Script::Prints), HELPER],
    &[Helper(Flag, Script::Prints), HELPER],
    &[Helper(Flag, Script::EmptyText), HELPER, LOGIN],
    &[Helper(Flag, Script::Null), HELPER, LOGIN],
    &[Helper(Project, Script::EmptyText), HELPER, LOGIN],
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
    &[FRESH, HELPER, LOGIN],
    &[
        FRESH,
        Setting(ConfigDir, ApiKey, Set),
        Setting(User, ApiKey, Set),
    ],
    &[FRESH, Login(File::InConfigDir), Setting(User, ApiKey, Set)],
];

/// The bare mode, and the host's hand on the provider.
const MODES: &[&[Ingredient]] = &[
    &[BARE, KEY],
    &[BARE, TOKEN],
    &[BARE, OAUTH],
    &[BARE, LOGIN],
    &[BARE, WORK],
    &[BARE, HELPER],
    &[BARE, Helper(Flag, Script::Prints)],
    &[BARE, Setting(User, ApiKey, Set)],
    &[BARE, Setting(Project, AuthToken, Set), KEY],
    &[BARE, Federation(Fed::Whole)],
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
    &[MANAGED, TOKEN, Helper(Flag, Script::Prints)],
    &[MANAGED, KEY, HELPER],
    &[MANAGED, BARE, Helper(Flag, Script::Prints)],
    &[MANAGED, TOKEN, HELPER, Helper(Flag, Script::EmptyText)],
    &[MANAGED, TOKEN, HELPER, FRESH],
    &[MANAGED, LOGIN],
    &[MANAGED, WORK],
    &[MANAGED, ACTIVE],
    &[MANAGED, Federation(Fed::Whole)],
    &[MANAGED, OAUTH],
    &[MANAGED, OAUTH, LOGIN],
    &[MANAGED, OAUTH, LOGIN, HELPER],
    &[MANAGED, TOKEN, OAUTH],
    &[MANAGED, TOKEN, LOGIN],
    &[MANAGED, Setting(Flag, ApiKey, Set), KEY],
    &[MANAGED, Setting(User, ApiKey, Set), LOGIN],
];

/// What the SDKs read.
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
    &[Profile(Kept::Unnamed)],
    &[WORK, Federation(Fed::Whole)],
    &[ACTIVE, Federation(Fed::Whole)],
    &[Profile(Kept::Unnamed), Federation(Fed::Whole)],
    &[Profile(Kept::NamedAbsent), Federation(Fed::Whole)],
    &[Federation(Fed::Whole)],
    &[Federation(Fed::WithoutOrganization)],
    &[Federation(Fed::WithoutServiceAccount)],
    &[Federation(Fed::FromFile), KEY],
    &[Profile(Kept::NamedAbsent)],
    &[Profile(Kept::NamedEmpty)],
    &[Profile(Kept::NamedEmpty), ACTIVE],
    &[Profile(Kept::NamedFederation)],
    &[Profile(Kept::NamedExpired)],
    &[Profile(Kept::NamedReadable)],
    &[Profile(Kept::NamedElsewhere)],
    &[KEY, Variable(CustomHeader, Set)],
    &[BEDROCK, KEY],
    &[Setting(User, ApiKey, Set), TOKEN],
];

/// Where no base URL is set, and the vendor's own hosts answer.
const VENDOR: &[&[Ingredient]] = &[
    &[VendorAnswers, KEY],
    &[VendorAnswers, TOKEN],
    &[VendorAnswers, HELPER],
    &[VendorAnswers, OAUTH],
    &[VendorAnswers, LOGIN],
    &[VendorAnswers, Login(File::Expired)],
    &[VendorAnswers, Login(File::ExpiredForGood)],
    &[VendorAnswers, Login(File::Expired), ACTIVE],
    &[VendorAnswers, WORK],
    &[VendorAnswers, Profile(Kept::NamedElsewhere)],
    &[VendorAnswers, Profile(Kept::NamedElsewhere), KEY],
    &[VendorAnswers, Federation(Fed::Whole)],
    &[VendorAnswers, Environment("ANTHROPIC_BASE_URL", ""), KEY],
    &[
        VendorAnswers,
        Entry(Project, "ANTHROPIC_BASE_URL", "{other}"),
        LOGIN,
    ],
];

/// The same for the SDKs.
const SDK_VENDOR: &[&[Ingredient]] = &[
    &[VendorAnswers, KEY],
    &[VendorAnswers, WORK],
    &[VendorAnswers, Profile(Kept::NamedElsewhere), KEY],
    &[VendorAnswers, Federation(Fed::Whole)],
    &[VendorAnswers, Environment("ANTHROPIC_BASE_URL", ""), KEY],
];

/// Every one of them.
pub(super) fn cases() -> Vec<Case> {
    let of = |programs: &'static [Program], rows: &'static [&'static [Ingredient]]| {
        rows.iter().flat_map(move |row| {
            programs.iter().map(move |&program| Case {
                program,
                ingredients: row.to_vec(),
            })
        })
    };
    let claude = [SLOTS, EDGES, SETTINGS, MODES, VENDOR];
    claude
        .into_iter()
        .flat_map(|rows| of(&CLAUDE_CODE, rows))
        .chain(of(&SDKS, SDK))
        .chain(of(&SDKS, SDK_VENDOR))
        .collect()
}
