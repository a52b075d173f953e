//! The proportions of worlds: numbers and kinds of ordinary credentials and of oddities, with their weights.

use super::grammar::Table;

/// Numbers of credentials in a world.
pub(super) const CREDENTIAL_COUNTS: Table<usize> = &[(25, 1), (38, 2), (25, 3), (12, 4)];
/// Numbers of oddities in a world.
pub(super) const ODDITY_COUNTS: Table<usize> = &[(10, 0), (42, 1), (33, 2), (15, 3)];
/// One world in this many sets no base URL, and its requests go to the simulated hosts.
pub(super) const NO_BASE_URL: usize = 8;
/// One world in this many sets `CLAUDE_CONFIG_DIR`.
pub(super) const CONFIG_DIR: usize = 8;
/// One variable in this many is set by a settings file.
pub(super) const IN_SETTINGS: usize = 3;

/// Kinds of ordinary credentials.
#[derive(Clone, Copy)]
pub(super) enum CredentialKind {
    Variable,
    SettingsVariable,
    StateVariable,
    Helper,
    PrimaryKey,
    Login,
    Profile,
    Cloud,
}

/// Credentials of a world for Claude Code.
pub(super) const CLAUDE_CREDENTIALS: Table<CredentialKind> = &[
    (26, CredentialKind::Variable),
    (22, CredentialKind::SettingsVariable),
    (6, CredentialKind::StateVariable),
    (12, CredentialKind::Helper),
    (7, CredentialKind::PrimaryKey),
    (18, CredentialKind::Login),
    (12, CredentialKind::Profile),
    (5, CredentialKind::Cloud),
];
/// Credentials of a world for an SDK.
pub(super) const SDK_CREDENTIALS: Table<CredentialKind> = &[
    (40, CredentialKind::Variable),
    (5, CredentialKind::SettingsVariable),
    (5, CredentialKind::Login),
    (45, CredentialKind::Profile),
    (5, CredentialKind::Cloud),
];

/// Kinds of oddities.
#[derive(Clone, Copy)]
pub(super) enum OddityKind {
    Value,
    Variable,
    Url,
    Damage,
    SettingsField,
    StateField,
    LoginField,
    ProfileField,
    Arguments,
}

/// Oddities of a world for Claude Code.
pub(super) const CLAUDE_ODDITIES: Table<OddityKind> = &[
    (30, OddityKind::Value),
    (34, OddityKind::Variable),
    (14, OddityKind::Url),
    (10, OddityKind::Damage),
    (13, OddityKind::SettingsField),
    (9, OddityKind::StateField),
    (16, OddityKind::LoginField),
    (14, OddityKind::ProfileField),
    (11, OddityKind::Arguments),
];
/// Oddities of a world for an SDK.
pub(super) const SDK_ODDITIES: Table<OddityKind> = &[
    (35, OddityKind::Value),
    (12, OddityKind::Variable),
    (15, OddityKind::Url),
    (8, OddityKind::Damage),
    (35, OddityKind::ProfileField),
];
