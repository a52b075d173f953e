//! Every code a finding can have: one table of code, title and severity.
//!
//! Invariants: a code stands here once and never changes its sense; `docs/findings` has a page for each and lists them all.

use std::fmt;

/// Where the pages are read.
const PAGES: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/findings");

/// How much a finding matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Somebody else pays than is meant, a secret is open, or requests fail.
    Error,
    /// It works today, and will surprise somebody.
    Warning,
    /// Worth knowing while looking for a fault.
    Note,
}

impl Severity {
    /// Its name, in JSON and for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Writes the table down: the enum, its numbers, titles and severities, and the list of them all.
macro_rules! codes {
    ($($name:ident $number:literal $severity:ident $title:literal;)*) => {
        /// What kind of thing was found.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name, which never changes: `KR101`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => concat!("KR", $number),)* }
            }

            /// What it says, in a few words without a full stop.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// How much it matters.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    LoginOutranked "101" Error "A key or a token outranks the login that is there";
    TwoCredentials "102" Error "One request would carry two different credentials";
    Quoted "103" Error "A credential has quotes around it";
    BearerInValue "104" Error "A credential begins with the word `Bearer`";
    OauthAsApiKey "105" Error "An OAuth token is given as an API key";
    KeyAsOauthToken "106" Error "Something else than an OAuth token is given as one";
    GatewayKeyAsApiKey "107" Warning "A gateway's key is given as `ANTHROPIC_API_KEY`";
    Blank "108" Note "A variable is set to nothing";
    WrongKind "109" Error "A credential of this kind cannot ask a model here";
    Unsendable "110" Error "A client stops at a credential that it cannot send";
    OauthAsAuthToken "111" Warning "An OAuth token is given as `ANTHROPIC_AUTH_TOKEN`";
    ProfileBesideToken "112" Warning "`ANTHROPIC_PROFILE` stands beside a credential that outranks it";
    KeyInUrl "113" Error "A base URL holds a credential";
    VersionInUrl "114" Error "A base URL names a path that the client adds by itself";
    PlainHttp "115" Warning "Credentials would travel in the clear";
    CredentialHeader "116" Warning "`ANTHROPIC_CUSTOM_HEADERS` carries a credential";
    RivalInShellFile "201" Error "A shell file exports a credential that outranks the login";
    StaleExport "202" Warning "A shell file exports another value than the environment has";
    KeyInShellFile "203" Warning "A shell file holds a credential in plain text";
    KeyInEnvFile "204" Warning "A project's environment file holds a credential";
    KeyInEditorSettings "205" Warning "An editor's settings hold a credential";
    KeyInCiFile "206" Error "A CI file holds a credential";
    KeyInHistory "207" Warning "The shell's history holds a credential";
    OpenFile "208" Error "A file with credentials is open to others";
    SettingsBeatEnvironment "301" Warning "A settings file overrides the environment";
    ProjectSettings "302" Error "A project's settings decide where requests go or who pays";
    LoginDamaged "303" Error "Claude Code's login file cannot be used";
    SettingsDamaged "304" Warning "A settings file cannot be read, so all of it is passed over";
    LoginEnded "305" Warning "Claude Code's login has ended";
    StaticHelper "306" Warning "A helper prints a fixed key";
    HelperFails "307" Error "A helper gives no usable credential";
    HelperSlow "308" Warning "A helper is slow";
    BareWithLogin "309" Error "Claude Code is started bare, where it does not look at the login";
    VariablesIgnored "310" Note "Desktop and remote sessions do not see this environment";
    InferenceOnly "311" Note "The OAuth token can only ask models";
    PlanToOtherHost "312" Warning "A plan's token would be sent to another host";
    Proxy "401" Note "A proxy stands between the clients and the API";
    Certificates "402" Note "Certificates are trusted beyond the usual ones";
    TlsUnchecked "403" Error "TLS certificates are not checked";
    Clock "404" Warning "The clock was set back";
    RelativePath "405" Warning "`PATH` looks into the current directory";
    ClaudeHere "406" Warning "A program named `claude` lies in the current directory";
    ModeAgainstToken "501" Error "A profile says one thing and its token another";
    Ending "502" Warning "A profile's credential ends soon, or has ended";
    OlderThanPassword "503" Warning "A setup token is older than the last change of password";
    StaleRuntimeFile "504" Note "A gateway that was killed left its runtime file";
    LastAnswerDead "505" Error "The last answer said that a credential is dead";
    SdkProfile "506" Warning "An SDK profile cannot be used";
    StoreClosed "507" Error "keyreeve's store does not open";
}

impl Code {
    /// The address of the page that explains it.
    pub fn page(self) -> String {
        format!("{PAGES}/{}.md", self.name())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
