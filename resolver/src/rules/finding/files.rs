//! Findings about credentials in files: shell files, projects, editors, CI and histories, and about the files'
//! permissions.

use keyreeve_core::token::{Family, contains_token, redact};

use super::assignment::{ExposedKey, LineContent, VariableAssignment};
use super::evidence::{CredentialFile, CredentialFileKind, Evidence, Script, ScriptKind};
use super::syntax::AssignedValue;
use super::{Finding, FindingCode, FindingLocation, Fix, quoted, shown};
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::{CREDENTIALS, OAUTH_TOKEN};

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
    let (name, line) = (assignment.name.as_str(), assignment.line);
    let is_credential = CREDENTIALS.contains(&name);
    let is_last = script
        .last_assignment(name)
        .is_some_and(|last| last.line == line);
    let (shown_value, differs) = shown_value(snapshot, script, assignment)?;
    let is_literal = matches!(assignment.value, AssignedValue::Literal(_));
    let session = script.kind.name();
    let (code, message) = if !script.kind.is_shell() {
        (
            code_for(script.kind),
            format!("{name} is set to {shown_value} here, in plain text"),
        )
    } else if is_credential && is_last && name != OAUTH_TOKEN && snapshot.has_login() {
        (
            FindingCode::ConflictInShellFile,
            format!(
                "this line sets {name} ({shown_value}) in every new {session}; Claude Code uses it instead of your login"
            ),
        )
    } else if is_credential && is_last && differs {
        (
            FindingCode::StaleExport,
            format!(
                "this line sets {name} in every new {session} to another value ({shown_value}) than in this environment"
            ),
        )
    } else if is_literal {
        (
            FindingCode::KeyInShellFile,
            format!(
                "{name} is set to {shown_value} here, in plain text, for every program started from a {session}"
            ),
        )
    } else {
        return None;
    };
    Some(Finding::new(
        code,
        FindingLocation::line(&script.path, line),
        message,
        fix_for_assignment(snapshot, script, assignment.line_content),
    ))
}

/// Returns the redacted value of an assignment, and `true` if the environment has another one. `None` if the line is
/// harmless: an empty value, a placeholder, or a computed value that is not a credential.
fn shown_value(
    snapshot: &Snapshot,
    script: &Script,
    assignment: &VariableAssignment,
) -> Option<(String, bool)> {
    let name = assignment.name.as_str();
    match &assignment.value {
        AssignedValue::Literal(value) => {
            let text = value.inspect().trim();
            if text.is_empty() || is_placeholder(text) {
                return None;
            }
            let current = snapshot.environment.get(name).map(str::trim);
            Some((redact(text), current.is_some_and(|current| current != text)))
        }
        AssignedValue::Computed if CREDENTIALS.contains(&name) && script.kind.is_shell() => {
            Some(("a value known only when the line runs".to_owned(), false))
        }
        AssignedValue::Computed | AssignedValue::Unset => None,
    }
}

/// Returns the fix for a line that sets a credential.
fn fix_for_assignment(snapshot: &Snapshot, script: &Script, line_content: LineContent) -> Fix {
    let is_in_home = snapshot.home.as_deref().is_some_and(|home| {
        script
            .path
            .starts_with(&format!("{}/", home.trim_end_matches('/')))
    });
    match (script.kind, line_content) {
        (
            ScriptKind::Sh
            | ScriptKind::Bash
            | ScriptKind::Zsh
            | ScriptKind::Fish
            | ScriptKind::PowerShell,
            LineContent::Alone,
        ) if is_in_home => Fix::CommentOut,
        (ScriptKind::Ci, _) => Fix::manual(
            "revoke the key, store a new one in the CI service's secrets, or use federation",
        ),
        (ScriptKind::DotEnv | ScriptKind::Direnv | ScriptKind::Editor, _) => Fix::manual(
            "save it with `keyreeve profile add NAME` and give the project a virtual key instead",
        ),
        (
            ScriptKind::Sh
            | ScriptKind::Bash
            | ScriptKind::Zsh
            | ScriptKind::Fish
            | ScriptKind::PowerShell
            | ScriptKind::System,
            LineContent::Alone | LineContent::Mixed,
        ) => Fix::manual(format!(
            "remove the line from {} yourself",
            shown(&script.path)
        )),
    }
}

/// Finds a key outside an assignment, such as in an alias.
fn key_in_script(script: &Script, key: &ExposedKey) -> Finding {
    let code = if script.kind.is_shell() {
        FindingCode::KeyInShellFile
    } else {
        code_for(script.kind)
    };
    Finding::new(
        code,
        FindingLocation::line(&script.path, key.line),
        format!("{} ({}) is here in plain text", kind(key.family), key.hint),
        fix_for_key(script),
    )
}

fn fix_for_key(script: &Script) -> Fix {
    Fix::manual(format!(
        "remove it from {} yourself and save it with `keyreeve profile add NAME`",
        shown(&script.path)
    ))
}

fn code_for(kind: ScriptKind) -> FindingCode {
    match kind {
        ScriptKind::Sh
        | ScriptKind::Bash
        | ScriptKind::Zsh
        | ScriptKind::Fish
        | ScriptKind::PowerShell
        | ScriptKind::System => FindingCode::KeyInShellFile,
        ScriptKind::Direnv | ScriptKind::DotEnv => FindingCode::KeyInEnvFile,
        ScriptKind::Editor => FindingCode::KeyInEditorSettings,
        ScriptKind::Ci => FindingCode::KeyInCiFile,
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

fn kind(family: Family) -> &'static str {
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

/// Returns `true` if the text is a placeholder, such as those in templates.
fn is_placeholder(text: &str) -> bool {
    let is_template = text.starts_with('<') || text.contains("...") || text.contains('…');
    is_template || (text.chars().count() < 20 && !contains_token(text))
}
