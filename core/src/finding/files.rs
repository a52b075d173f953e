//! Credentials that stand in files: shell files, projects, editors, CI, histories; and who else can read them.

use crate::claude_code::LoginState;
use crate::snapshot::Snapshot;
use crate::token::{Family, looks_like_a_key, redact};

use super::assignment::{Assigned, Assignment, CREDENTIALS, KeyFound, Stands};
use super::evidence::{Evidence, Keeper, KeptIn, Reader, Script};
use super::{Code, Finding, Mend, Spot, quoted, shown};

/// It outranks a login, but a plan pays either way.
const PLANS_OWN: &str = "CLAUDE_CODE_OAUTH_TOKEN";

pub(super) fn findings(snapshot: &Snapshot, evidence: &Evidence) -> Vec<Finding> {
    let mut found = Vec::new();
    for script in &evidence.scripts {
        found.extend(
            script
                .assignments
                .iter()
                .filter_map(|assignment| assigned(snapshot, script, assignment)),
        );
        found.extend(script.keys.iter().map(|key| elsewhere(script, key)));
    }
    for history in &evidence.histories {
        found.extend(
            history
                .keys
                .iter()
                .map(|key| remembered(&history.path, key)),
        );
    }
    found.extend(evidence.keepers.iter().filter_map(open));
    found
}

fn assigned(snapshot: &Snapshot, script: &Script, assignment: &Assignment) -> Option<Finding> {
    let (name, line) = (assignment.name.as_str(), assignment.line);
    let credential = CREDENTIALS.contains(&name);
    let last = script.last(name).is_some_and(|last| last.line == line);
    let (told, differs) = match &assignment.value {
        Assigned::Literal(value) => {
            let text = value.judge().trim();
            if text.is_empty() || is_placeholder(text) {
                return None;
            }
            let here = snapshot.environment.get(name).map(str::trim);
            (redact(text), here.is_some_and(|here| here != text))
        }
        Assigned::Computed if credential && script.reader.is_shell() => {
            ("a value known only when the line is run".to_owned(), false)
        }
        Assigned::Computed | Assigned::Unset => return None,
    };
    let known = matches!(assignment.value, Assigned::Literal(_));
    let session = script.reader.name();
    let (code, sentence) = if !script.reader.is_shell() {
        (
            of_reader(script.reader),
            format!("{name} is set to {told} here, in plain text"),
        )
    } else if credential && last && name != PLANS_OWN && has_login(snapshot) {
        (
            Code::RivalInShellFile,
            format!(
                "a new {session} has {name} from here ({told}), which outranks the login of Claude Code"
            ),
        )
    } else if credential && last && differs {
        (
            Code::StaleExport,
            format!("a new {session} has another {name} from here ({told}) than this environment"),
        )
    } else if known {
        (
            Code::KeyInShellFile,
            format!(
                "{name} is set to {told} here, in plain text, for every program that a {session} starts"
            ),
        )
    } else {
        return None;
    };
    Some(Finding::new(
        code,
        Spot::line(&script.path, line),
        sentence,
        mend(snapshot, script, assignment.stands),
    ))
}

/// What mends a line that sets a credential.
fn mend(snapshot: &Snapshot, script: &Script, stands: Stands) -> Mend {
    let at_home = snapshot.home.as_deref().is_some_and(|home| {
        script
            .path
            .starts_with(&format!("{}/", home.trim_end_matches('/')))
    });
    match (script.reader, stands) {
        (
            Reader::Sh | Reader::Bash | Reader::Zsh | Reader::Fish | Reader::PowerShell,
            Stands::Alone,
        ) if at_home => Mend::CommentOut,
        (Reader::Ci, _) => Mend::words(
            "revoke the key, keep a new one among the service's secrets, or use federation",
        ),
        (Reader::DotEnv | Reader::Direnv | Reader::Editor, _) => Mend::words(
            "keep it with `keyreeve profile add NAME`, and give the project a virtual key instead",
        ),
        (
            Reader::Sh
            | Reader::Bash
            | Reader::Zsh
            | Reader::Fish
            | Reader::PowerShell
            | Reader::System,
            Stands::Alone | Stands::AmongOthers,
        ) => Mend::words(format!(
            "take the line out of {} by hand",
            shown(&script.path)
        )),
    }
}

/// A key that no assignment accounts for, such as in an alias.
fn elsewhere(script: &Script, key: &KeyFound) -> Finding {
    let code = if script.reader.is_shell() {
        Code::KeyInShellFile
    } else {
        of_reader(script.reader)
    };
    Finding::new(
        code,
        Spot::line(&script.path, key.line),
        format!(
            "{} ({}) stands here in plain text",
            kind(key.family),
            key.hint
        ),
        mend_elsewhere(script),
    )
}

fn mend_elsewhere(script: &Script) -> Mend {
    Mend::words(format!(
        "take it out of {} by hand, and keep it with `keyreeve profile add NAME`",
        shown(&script.path)
    ))
}

fn of_reader(reader: Reader) -> Code {
    match reader {
        Reader::Sh
        | Reader::Bash
        | Reader::Zsh
        | Reader::Fish
        | Reader::PowerShell
        | Reader::System => Code::KeyInShellFile,
        Reader::Direnv | Reader::DotEnv => Code::KeyInEnvFile,
        Reader::Editor => Code::KeyInEditorSettings,
        Reader::Ci => Code::KeyInCiFile,
    }
}

fn remembered(path: &str, key: &KeyFound) -> Finding {
    Finding::new(
        Code::KeyInHistory,
        Spot::line(path, key.line),
        format!(
            "{} ({}) was typed into a command",
            kind(key.family),
            key.hint
        ),
        Mend::words(format!(
            "delete the line from {}, and replace the key: other programs saw it too",
            shown(path)
        )),
    )
}

fn kind(family: Family) -> &'static str {
    match family {
        Family::ApiKey => "an API key",
        Family::AdminKey => "a key of the Admin API",
        Family::OauthAccess => "an OAuth token",
        Family::OauthRefresh => "a refresh token",
        Family::ClaudeSession => "the cookie of a web session",
        Family::WorkToken => "a work token",
        Family::VirtualKey | Family::AdminVirtualKey => "a key of keyreeve",
        Family::UnknownAnthropic | Family::OtherVendor | Family::Opaque => "a credential",
    }
}

/// Modes of which any bit beyond the owner's is too much.
const OTHERS: u32 = 0o077;

fn open(keeper: &Keeper) -> Option<Finding> {
    let path = shown(&keeper.path);
    let what = match keeper.kept {
        KeptIn::Login => "Claude Code's login",
        KeptIn::SdkCredentials => "a credential of the SDKs",
        KeptIn::Settings => "settings with a credential in them",
        KeptIn::OwnStore => "what keyreeve keeps",
    };
    let (sentence, mend) = if keeper.mode & OTHERS != 0 {
        (
            format!(
                "{what} can be reached by others: its mode is {:03o}",
                keeper.mode & 0o777
            ),
            Mend::Run(format!("chmod 600 {}", quoted(&keeper.path))),
        )
    } else if !keeper.is_ours {
        (
            format!("{what} belongs to another user, who can read and replace it"),
            Mend::words(format!("find out whose {path} is, and make it your own")),
        )
    } else {
        return None;
    };
    Some(Finding::new(
        Code::OpenFile,
        Spot::file(&keeper.path),
        sentence,
        mend,
    ))
}

fn has_login(snapshot: &Snapshot) -> bool {
    snapshot
        .login
        .as_ref()
        .is_some_and(|login| match login.state {
            LoginState::Present { .. } => true,
            LoginState::SignedOut | LoginState::Damaged(_) | LoginState::Unreadable => false,
        })
}

/// What templates hold where a key belongs.
fn is_placeholder(text: &str) -> bool {
    let of_a_template = text.starts_with('<') || text.contains("...") || text.contains('…');
    of_a_template || (text.chars().count() < 20 && !looks_like_a_key(text))
}
