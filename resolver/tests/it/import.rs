//! Import: one directory per case in `tests/cases/import`.
//!
//! `files` contains the other program's files, with a database as the text in it; `ask.toml` names the program and the
//! existing profiles; `expected.txt` is the expected plan. Tokens are written `{{api03:A}}`.

use std::fmt::Write as _;
use std::path::Path;

use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::Source;
use keyreeve_core::secret::Fingerprint;
use keyreeve_resolver::import::{
    ExistingProfile, ExistingSource, FilePattern, FoundFile, ImportAction, ImportEntry, ImportPlan,
    ImportSource, NewProfile, plan,
};
use zeroize::Zeroizing;

use crate::cases::{entries, expand_tokens, folders, read};

struct Case {
    source: ImportSource,
    directory: Option<String>,
    files: Vec<FoundFile>,
    existing: Vec<ExistingProfile>,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let ask: toml::Table = read(&folder.join("ask.toml")).parse().unwrap();
        let name = ask["kind"].as_str().unwrap();
        let source = ImportSource::ALL
            .into_iter()
            .find(|source| source.name() == name)
            .unwrap();
        let mut files = Vec::new();
        gather(source, &folder.join("files"), "", &mut files);
        files.sort_by_key(|file| pattern_index(source, &file.path));
        let existing = ask.get("known").and_then(toml::Value::as_array);
        Self {
            source,
            directory: ask
                .get("directory")
                .map(|directory| directory.as_str().unwrap().to_owned()),
            files,
            existing: existing
                .into_iter()
                .flatten()
                .map(existing_profile)
                .collect(),
        }
    }

    fn plan(&self, existing: &[ExistingProfile]) -> ImportPlan {
        plan(
            self.source,
            self.directory.as_deref(),
            &self.files,
            existing,
        )
    }
}

fn existing_profile(profile: &toml::Value) -> ExistingProfile {
    let text = |key| profile.get(key).and_then(toml::Value::as_str);
    let source = match text("variable") {
        Some(variable) => ExistingSource::Reference(Source::Environment {
            variable: variable.to_owned(),
        }),
        None => ExistingSource::Sealed(
            text("token").map(|token| Fingerprint::of(&expand_tokens(token))),
        ),
    };
    let base_url = text("base_url").unwrap_or("https://api.anthropic.com");
    ExistingProfile {
        name: text("name").unwrap().parse().unwrap(),
        base_url: BaseUrl::parse(base_url, PlainHttp::Forbidden).unwrap(),
        source,
    }
}

fn gather(source: ImportSource, folder: &Path, prefix: &str, files: &mut Vec<FoundFile>) {
    for file in entries(folder) {
        let path = format!("{prefix}{}", file.file_name().unwrap().to_str().unwrap());
        if file.is_dir() {
            gather(source, &file, &format!("{path}/"), files);
        } else {
            files.push(FoundFile {
                role: source.files()[pattern_index(source, &path)].role,
                text: Zeroizing::new(expand_tokens(&read(&file))),
                path,
            });
        }
    }
}

/// Returns the index of the file pattern that a path matches.
fn pattern_index(source: ImportSource, path: &str) -> usize {
    let names: Vec<_> = path.split('/').collect();
    let matches = |file: &FilePattern| {
        let pattern: Vec<_> = file.path.split('/').collect();
        let mut pairs = pattern.iter().zip(&names);
        pattern.len() == names.len() && pairs.all(|(part, name)| FilePattern::matches(part, name))
    };
    source.files().iter().position(matches).unwrap()
}

fn format_plan(plan: &ImportPlan) -> String {
    let mut text = String::new();
    for entry in &plan.entries {
        writeln!(text, "{} in {}", entry.label, entry.path).unwrap();
        write_action(&mut text, entry);
        for remark in &entry.remarks {
            writeln!(text, "  ({remark})").unwrap();
        }
    }
    for note in &plan.notes {
        writeln!(text, "note: {}", note.text).unwrap();
        if let Some(hint) = &note.hint {
            writeln!(text, "  > {hint}").unwrap();
        }
    }
    text
}

fn write_action(text: &mut String, entry: &ImportEntry) {
    match &entry.action {
        ImportAction::Create(profile) => {
            writeln!(text, "  create {}", describe_profile(profile)).unwrap();
        }
        ImportAction::Reuse { name } => writeln!(text, "  same as {name}").unwrap(),
        ImportAction::Conflict { name } => writeln!(text, "  conflict with {name}").unwrap(),
        ImportAction::Skip(reason) => {
            writeln!(text, "  skip {}: {reason}", reason.code()).unwrap();
            if let Some(command) = reason.fix_command() {
                writeln!(text, "  > {command}").unwrap();
            }
        }
    }
}

fn describe_profile(profile: &NewProfile) -> String {
    let source = match &profile.source {
        Source::Sealed => format!("sealed {}", profile.hint.as_deref().unwrap()),
        reference => format!("{reference:?}"),
    };
    format!(
        "{}: {source}, to {} as {:?}, {:?}, {:?}",
        profile.name, profile.base_url, profile.auth, profile.provenance, profile.billing
    )
}

/// Returns the profiles that the plan creates.
fn created_profiles(plan: &ImportPlan) -> Vec<ExistingProfile> {
    let existing = |entry: &ImportEntry| match &entry.action {
        ImportAction::Create(profile) => {
            let source = match &profile.secret {
                Some(secret) => ExistingSource::Sealed(Some(secret.fingerprint())),
                None => ExistingSource::Reference(profile.source.clone()),
            };
            Some(ExistingProfile {
                name: profile.name.clone(),
                base_url: profile.base_url.clone(),
                source,
            })
        }
        ImportAction::Reuse { .. } | ImportAction::Skip(_) | ImportAction::Conflict { .. } => None,
    };
    plan.entries.iter().filter_map(existing).collect()
}

fn check(folder: &Path) {
    let case = Case::read(folder);
    let plan = case.plan(&case.existing);
    let text = format_plan(&plan);
    let expected = folder.join("expected.txt");
    assert_eq!(text, read(&expected), "{}", folder.display());
    assert_sanitized(&text, folder);
    let mut existing = created_profiles(&plan);
    existing.extend(case.existing);
    let case = Case::read(folder);
    for entry in case.plan(&existing).entries {
        assert!(
            !matches!(entry.action, ImportAction::Create(_)),
            "{}: created twice: {}",
            folder.display(),
            entry.label
        );
    }
}

/// Asserts that only hints of tokens are shown, and no control characters.
fn assert_sanitized(text: &str, folder: &Path) {
    for letter in ('A'..='Z').chain('a'..='z') {
        let is_shown = text.contains(&letter.to_string().repeat(12));
        assert!(!is_shown, "{}: a token of {letter}", folder.display());
    }
    let is_control = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!text.contains(is_control), "{}", folder.display());
}

#[test]
fn every_case_matches_and_a_second_run_adds_nothing() {
    let cases = folders("import");
    assert!(cases.len() >= 12);
    for case in cases {
        check(&case);
    }
}
