//! The codes of findings: one table of code, title and severity.
//!
//! Invariants: a code appears once and never changes its meaning; `docs/findings` lists all codes and has a page for
//! each.

use std::fmt;

/// The URL of the directory with the pages of all findings.
const DOCS_URL: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/findings");

/// The severity of a finding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// The wrong account pays, a secret is exposed, or requests fail.
    Error,
    /// It works today, but may cause a problem later.
    Warning,
    /// Useful to know while debugging.
    Note,
}

impl Severity {
    /// Returns its name, in JSON and for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Defines the enum from the table, with numbers, titles and severities, and the list of all codes.
macro_rules! codes {
    ($($name:ident $number:literal $severity:ident $title:literal;)*) => {
        /// The code of a finding.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum FindingCode {
            $(#[doc = $title] $name,)*
        }

        impl FindingCode {
            /// Every code, in order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Returns its name, which never changes: `KR101`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => concat!("KR", $number),)* }
            }

            /// Returns its title, without a full stop.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// Returns its severity.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    LoginShadowed "101" Error "An API key or token overrides the existing login";
    TwoCredentials "102" Error "One request would carry two conflicting credentials";
    QuotedValue "103" Error "A credential has quotes around it";
    BearerInValue "104" Error "A credential starts with the word `Bearer`";
    OauthAsApiKey "105" Error "An OAuth token is set as an API key";
    KeyAsOauthToken "106" Error "A credential of another kind is set as an OAuth token";
    GatewayKeyAsApiKey "107" Warning "A gateway's key is set as `ANTHROPIC_API_KEY`";
    EmptyVariable "108" Note "A variable is set to an empty value";
    WrongCredentialKind "109" Error "A credential of this kind cannot call models here";
    Unsendable "110" Error "A client fails on a credential that it cannot send";
    OauthAsAuthToken "111" Warning "An OAuth token is set as `ANTHROPIC_AUTH_TOKEN`";
    ProfileOverridden "112" Warning "Another credential overrides `ANTHROPIC_PROFILE`";
    KeyInUrl "113" Error "A base URL contains a credential";
    PathInUrl "114" Error "A base URL contains a path that the client adds itself";
    PlainHttp "115" Warning "Credentials would be sent unencrypted";
    CredentialHeader "116" Warning "`ANTHROPIC_CUSTOM_HEADERS` contains a credential";
    NotACredential "117" Error "A credential is a placeholder, a reference or incomplete";
    InvalidBaseUrl "118" Error "A base URL is not a valid address";
    ConflictInShellFile "201" Error "A shell file exports a credential that overrides the login";
    StaleExport "202" Warning "A shell file exports a different value than the environment has";
    KeyInShellFile "203" Warning "A shell file contains a credential in plain text";
    KeyInEnvFile "204" Warning "A project's environment file contains a credential";
    KeyInEditorSettings "205" Warning "An editor's settings contain a credential";
    KeyInCiFile "206" Error "A CI file contains a credential";
    KeyInHistory "207" Warning "The shell history contains a credential";
    FilePermissions "208" Error "A file with credentials is open to other users";
    ConditionalExport "209" Warning "A shell file sets a credential in some shells";
    KeyInSharedFile "210" Error "A container or MCP file contains a credential";
    KeyLeftBehind "211" Warning "A comment or a backup contains a credential";
    UnexplainedVariable "212" Note "No checked file explains a variable that is set";
    SettingsOverrideEnvironment "301" Warning "A settings file overrides the environment";
    ProjectSettings "302" Error "Project settings decide where requests go or who pays";
    LoginDamaged "303" Error "Claude Code's login file cannot be used";
    SettingsDamaged "304" Warning "A settings file cannot be read, so it is ignored as a whole";
    LoginExpired "305" Warning "Claude Code's login has expired";
    StaticHelper "306" Warning "A helper prints a fixed key";
    HelperFails "307" Error "A helper provides no usable credential";
    HelperSlow "308" Warning "A helper is slow";
    BareWithLogin "309" Error "Claude Code is started in bare mode, which ignores the login";
    VariablesIgnored "310" Note "Desktop and remote sessions do not see this environment";
    InferenceOnly "311" Note "The OAuth token can only call models";
    PlanToOtherHost "312" Warning "A plan's token would be sent to another host";
    Proxy "401" Note "A proxy is between the clients and the API";
    Certificates "402" Note "Certificates other than the usual ones are trusted";
    TlsUnchecked "403" Error "TLS certificates are not checked";
    ClockSetBack "404" Warning "The clock was set back";
    RelativePath "405" Warning "`PATH` contains a relative directory";
    LocalClaude "406" Warning "A program named `claude` is in the current directory";
    BillingMismatch "501" Error "A profile's settings contradict its token";
    Expiring "502" Warning "A profile's credential expires soon, or has expired";
    TokenOlderThanPassword "503" Warning "A setup token is older than the last password change";
    StaleRuntimeFile "504" Note "A killed gateway left its runtime file behind";
    LastResponseDead "505" Error "The last response showed that a credential is dead";
    SdkProfile "506" Warning "An SDK profile cannot be used";
    StoreUnavailable "507" Error "keyreeve's store cannot be opened";
    NotVerified "508" Error "A profile or key was changed by something other than keyreeve";
}

impl FindingCode {
    /// Returns the address of the page that explains it.
    pub fn docs_url(self) -> String {
        format!("{DOCS_URL}/{}.md", self.name())
    }
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
