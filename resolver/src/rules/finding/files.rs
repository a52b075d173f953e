//! Findings about credentials in files: shell files, projects, editors, CI and histories, and about the files'
//! permissions.

use keyreeve_core::token::{Family, contains_token, redact};

use super::assignment::{ExposedKey, LineContent, VariableAssignment};
use super::evidence::{CredentialFile, CredentialFileKind, Evidence};
use super::placeholder::is_harmless;
use super::script::{Script, ScriptGroup, ScriptKind};
use super::structure::Reach;
use super::syntax::AssignedValue;
use super::{Finding, FindingCode, FindingLocation, Fix, quoted, shown};
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::{BASE_URL, CREDENTIALS, OAUTH_TOKEN};

pub(super) fn findings(snapshot: &Snapshot, evidence: &Evidence) -> Vec<Finding> {
    let mut found = Vec::new();
    for script in &evidence.scripts {
        found.extend(
            script
                .assignments
                .iter()
                .filter_map(|assignment| script_assignment(snapshot, script, assignment)),
        );
        found.extend(script.keys.iter().map(|key| key_in_script(script, key)));
    }
    for history in &evidence.histories {
        found.extend(
            history
                .keys
                .iter()
                .map(|key| key_in_history(&history.path, key)),
        );
    }
    found.extend(
        evidence
            .credential_files
            .iter()
            .filter_map(unsafe_permissions),
    );
    found
}

fn script_assignment(
    snapshot: &Snapshot,
    script: &Script,
    assignment: &VariableAssignment,
) -> Option<Finding> {
    let value = shown_value(snapshot, script, assignment)?;
    let (code, message) = match assignment.reach {
        _ if !script.kind.is_shell() => (
            code_for(script.kind),
            format!(
                "{} is set to {} here, in plain text",
                assignment.name, value.text
            ),
        ),
        Reach::Always => always(snapshot, script, assignment, &value)?,
        Reach::Conditional | Reach::Function | Reach::Subshell | Reach::HereDocument => {
            sometimes(snapshot, script, assignment, &value)?
        }
    };
    let read_by = script.read_by.as_ref().map_or_else(String::new, |command| {
        format!("; {command} reads this file")
    });
    let open = match assignment.value {
        AssignedValue::Literal(_) => readable_by_others(script.mode),
        AssignedValue::Computed | AssignedValue::Unset => String::new(),
    };
    Some(Finding::new(
        code,
        FindingLocation::line(&script.path, assignment.line),
        format!("{message}{read_by}{open}"),
        fix_for_assignment(snapshot, script, assignment),
    ))
}

/// Evaluates a line that every new shell runs.
fn always(
    snapshot: &Snapshot,
    script: &Script,
    assignment: &VariableAssignment,
    value: &ShownValue,
) -> Option<(FindingCode, String)> {
    let (name, line) = (assignment.name.as_str(), assignment.line);
    let session = script.kind.name();
    let text = &value.text;
    let is_effective = CREDENTIALS.contains(&name)
        && script
            .effective_assignment(name)
            .is_some_and(|last| last.line == line);
    if is_effective && name != OAUTH_TOKEN && snapshot.has_login() {
        Some((
            FindingCode::ConflictInShellFile,
            format!(
                "this line sets {name} ({text}) in every new {session}; Claude Code uses it instead of your login"
            ),
        ))
    } else if is_effective && value.differs {
        Some((
            FindingCode::StaleExport,
            format!(
                "this line sets {name} in every new {session} to another value ({text}) than in this environment"
            ),
        ))
    } else {
        value.is_literal.then(|| {
            (
                FindingCode::KeyInShellFile,
                format!(
                    "{name} is set to {text} here, in plain text, for every program started from a {session}"
                ),
            )
        })
    }
}

/// Evaluates a line that not every new shell runs.
fn sometimes(
    snapshot: &Snapshot,
    script: &Script,
    assignment: &VariableAssignment,
    value: &ShownValue,
) -> Option<(FindingCode, String)> {
    let (name, text) = (&assignment.name, &value.text);
    let when = match assignment.reach {
        Reach::Always => return None,
        Reach::Conditional => format!("in a new {} only if a condition holds", script.kind.name()),
        Reach::Function => "only in a shell that calls the function around it".to_owned(),
        Reach::Subshell => "only in a subshell, which ends soon after".to_owned(),
        Reach::HereDocument => "only in the text of a here-document, which is not run".to_owned(),
    };
    let may_override = match assignment.reach {
        Reach::Conditional => true,
        // Without a key in plain text, a function that chooses the payer is on purpose.
        Reach::Function => value.is_literal,
        Reach::Always | Reach::Subshell | Reach::HereDocument => false,
    };
    let is_credential = CREDENTIALS.contains(&name.as_str()) && name != OAUTH_TOKEN;
    if may_override && is_credential && snapshot.has_login() {
        Some((
            FindingCode::ConditionalExport,
            format!(
                "this line sets {name} ({text}), {when}; Claude Code then uses it instead of your login"
            ),
        ))
    } else {
        value.is_literal.then(|| {
            (
                FindingCode::KeyInShellFile,
                format!("{name} is set to {text} here, in plain text, {when}"),
            )
        })
    }
}

/// The value of an assignment as it may be shown.
struct ShownValue {
    text: String,
    /// `true` if the environment has another value.
    differs: bool,
    is_literal: bool,
}

/// Returns the value of an assignment, or `None` if the line is harmless: an empty value, a placeholder, an address, or
/// a computed value that is not a credential.
fn shown_value(
    snapshot: &Snapshot,
    script: &Script,
    assignment: &VariableAssignment,
) -> Option<ShownValue> {
    let name = assignment.name.as_str();
    match &assignment.value {
        AssignedValue::Literal(value) => {
            let text = value.inspect().trim();
            if is_harmless(text) || (name == BASE_URL && !contains_token(text)) {
                return None;
            }
            let current = snapshot.environment.get(name).map(str::trim);
            Some(ShownValue {
                text: redact(text),
                differs: current.is_some_and(|current| current != text),
                is_literal: true,
            })
        }
        AssignedValue::Computed if CREDENTIALS.contains(&name) && script.kind.is_shell() => {
            Some(ShownValue {
                text: "a value known only when the line runs".to_owned(),
                differs: false,
                is_literal: false,
            })
        }
        AssignedValue::Computed | AssignedValue::Unset => None,
    }
}

/// Returns the fix for a line that sets a credential.
fn fix_for_assignment(
    snapshot: &Snapshot,
    script: &Script,
    assignment: &VariableAssignment,
) -> Fix {
    let yourself = || {
        Fix::manual(format!(
            "remove the line from {} yourself",
            shown(&script.path)
        ))
    };
    match script.kind {
        ScriptKind::Sh
        | ScriptKind::Bash
        | ScriptKind::Zsh
        | ScriptKind::Fish
        | ScriptKind::PowerShell
        | ScriptKind::Nu
        | ScriptKind::System
        | ScriptKind::Pam => match assignment.line_content {
            LineContent::Alone if is_in_home(snapshot, &script.path) => {
                Fix::CommentOut(script.kind)
            }
            LineContent::Alone | LineContent::Mixed => yourself(),
        },
        ScriptKind::Csh => yourself(),
        ScriptKind::FishVariables => Fix::Run(format!(
            "fish -c 'set --erase --universal {}'",
            shown(&assignment.name)
        )),
        ScriptKind::Ci => Fix::manual(
            "revoke the key, store a new one in the CI service's secrets, or use federation",
        ),
        ScriptKind::Compose
        | ScriptKind::Dockerfile
        | ScriptKind::DevContainer
        | ScriptKind::McpServers => Fix::manual(
            "revoke the key, save a new one with `keyreeve profile add NAME`, and pass a virtual key from the environment",
        ),
        ScriptKind::DotEnv | ScriptKind::Direnv | ScriptKind::Mise | ScriptKind::Editor => {
            Fix::manual(
                "save it with `keyreeve profile add NAME` and give the project a virtual key instead",
            )
        }
    }
}

/// Returns `true` if a file is in the user's home directory.
pub(super) fn is_in_home(snapshot: &Snapshot, path: &str) -> bool {
    snapshot
        .home
        .as_deref()
        .is_some_and(|home| path.starts_with(&format!("{}/", home.trim_end_matches('/'))))
}

/// Describes a mode that lets every user read a file; empty if it does not.
pub(super) fn readable_by_others(mode: Option<u32>) -> String {
    const READ_BY_OTHERS: u32 = 0o004;
    mode.filter(|mode| mode & READ_BY_OTHERS != 0)
        .map_or_else(String::new, |mode| {
            format!(
                "; the file's mode {:03o} lets every user read it",
                mode & 0o777
            )
        })
}

/// Finds a key outside an assignment, such as in an alias.
fn key_in_script(script: &Script, key: &ExposedKey) -> Finding {
    Finding::new(
        code_for(script.kind),
        FindingLocation::line(&script.path, key.line),
        format!(
            "{} ({}) is here in plain text{}",
            kind(key.family),
            key.hint,
            readable_by_others(script.mode)
        ),
        fix_for_key(script),
    )
}

fn fix_for_key(script: &Script) -> Fix {
    Fix::manual(format!(
        "remove it from {} yourself and save it with `keyreeve profile add NAME`",
        shown(&script.path)
    ))
}

pub(super) fn code_for(kind: ScriptKind) -> FindingCode {
    match kind.group() {
        ScriptGroup::Shell => FindingCode::KeyInShellFile,
        ScriptGroup::Environment => FindingCode::KeyInEnvFile,
        ScriptGroup::Editor => FindingCode::KeyInEditorSettings,
        ScriptGroup::Ci => FindingCode::KeyInCiFile,
        ScriptGroup::Shared => FindingCode::KeyInSharedFile,
    }
}

fn key_in_history(path: &str, key: &ExposedKey) -> Finding {
    Finding::new(
        FindingCode::KeyInHistory,
        FindingLocation::line(path, key.line),
        format!("{} ({}) was typed in a command", kind(key.family), key.hint),
        Fix::manual(format!(
            "delete the line from {} and rotate the key, since other programs could see it, too",
            shown(path)
        )),
    )
}

pub(super) fn kind(family: Family) -> &'static str {
    match family {
        Family::ApiKey => "an API key",
        Family::AdminKey => "an Admin API key",
        Family::OauthAccess => "an OAuth token",
        Family::OauthRefresh => "a refresh token",
        Family::ClaudeSession => "a web session cookie",
        Family::WorkToken => "a work token",
        Family::VirtualKey | Family::AdminVirtualKey => "a keyreeve key",
        Family::UnknownAnthropic | Family::OtherVendor | Family::Opaque => "a credential",
    }
}

/// The permission bits of users other than the owner.
const OTHERS_MASK: u32 = 0o077;

fn unsafe_permissions(file: &CredentialFile) -> Option<Finding> {
    let path = shown(&file.path);
    let what = match file.kind {
        CredentialFileKind::Login => "Claude Code's login",
        CredentialFileKind::SdkCredentials => "an SDK credential",
        CredentialFileKind::Settings => "a settings file with a credential",
        CredentialFileKind::OwnStore => "keyreeve's own data",
    };
    let (message, fix) = if file.mode & OTHERS_MASK != 0 {
        (
            format!(
                "{what} is open to other users: its mode is {:03o}",
                file.mode & 0o777
            ),
            Fix::Run(format!("chmod 600 {}", quoted(&file.path))),
        )
    } else if !file.is_owned_by_user {
        (
            format!("{what} belongs to another user, who can read and replace it"),
            Fix::manual(format!(
                "check who owns {path}, and make yourself its owner"
            )),
        )
    } else {
        return None;
    };
    Some(Finding::new(
        FindingCode::FilePermissions,
        FindingLocation::file(&file.path),
        message,
        fix,
    ))
}
