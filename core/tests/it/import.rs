//! Moving in: one folder a case under `tests/cases/import`.
//!
//! `files` holds the other program's files, a database as the text that is read out of it; `ask.toml` names the kind and
//! what keyreeve has already; `expected.txt` is what must come out. Tokens are written `{{api03:A}}`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use keyreeve_core::import::{
    Entry, Found, Kind, Known, KnownSource, Outcome, Plan, Take, Wanted, plan,
};
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::Source;
use keyreeve_core::secret::Fingerprint;
use zeroize::Zeroizing;

use crate::resolve::expanded;

struct Case {
    kind: Kind,
    directory: Option<String>,
    files: Vec<Found>,
    known: Vec<Known>,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let ask: toml::Table = read(&folder.join("ask.toml")).parse().unwrap();
        let word = ask["kind"].as_str().unwrap();
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word);
        let kind = kind.unwrap();
        let mut files = Vec::new();
        gather(kind, &folder.join("files"), "", &mut files);
        files.sort_by_key(|file| place(kind, &file.path));
        let known = ask.get("known").and_then(toml::Value::as_array);
        Self {
            kind,
            directory: ask
                .get("directory")
                .map(|directory| directory.as_str().unwrap().to_owned()),
            files,
            known: known.into_iter().flatten().map(known_profile).collect(),
        }
    }

    fn plan(&self, known: &[Known]) -> Plan {
        plan(self.kind, self.directory.as_deref(), &self.files, known)
    }
}

fn known_profile(known: &toml::Value) -> Known {
    let text = |key| known.get(key).and_then(toml::Value::as_str);
    let source = match text("variable") {
        Some(variable) => KnownSource::Elsewhere(Source::Environment {
            variable: variable.to_owned(),
        }),
        None => KnownSource::Sealed(text("token").map(|token| Fingerprint::of(&expanded(token)))),
    };
    let base_url = text("base_url").unwrap_or("https://api.anthropic.com");
    Known {
        name: text("name").unwrap().parse().unwrap(),
        base_url: BaseUrl::parse(base_url, PlainHttp::Refused).unwrap(),
        source,
    }
}

fn gather(kind: Kind, folder: &Path, below: &str, into: &mut Vec<Found>) {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in names {
        let (file, path) = (folder.join(&name), format!("{below}{name}"));
        if file.is_dir() {
            gather(kind, &file, &format!("{path}/"), into);
        } else {
            into.push(Found {
                role: kind.wanted()[place(kind, &path)].role,
                text: Zeroizing::new(expanded(&read(&file))),
                path,
            });
        }
    }
}

/// Which of the wanted files a path is.
fn place(kind: Kind, path: &str) -> usize {
    let names: Vec<_> = path.split('/').collect();
    let fits = |wanted: &Wanted| {
        let pattern: Vec<_> = wanted.path.split('/').collect();
        let mut pairs = pattern.iter().zip(&names);
        pattern.len() == names.len() && pairs.all(|(part, name)| Wanted::takes(part, name))
    };
    kind.wanted().iter().position(fits).unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the cases are files, and core itself reads none"
)]
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| format!("{}: {error}", path.display()))
}

fn written(plan: &Plan) -> String {
    let mut text = String::new();
    for entry in &plan.entries {
        writeln!(text, "{} in {}", entry.what, entry.path).unwrap();
        outcome(&mut text, entry);
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

fn outcome(text: &mut String, entry: &Entry) {
    match &entry.outcome {
        Outcome::Take(take) => writeln!(text, "  take {}", taken(take)).unwrap(),
        Outcome::Same { name } => writeln!(text, "  same as {name}").unwrap(),
        Outcome::Conflict { name } => writeln!(text, "  conflict with {name}").unwrap(),
        Outcome::Leave(why) => {
            writeln!(text, "  leave {}: {why}", why.code()).unwrap();
            if let Some(hint) = why.hint() {
                writeln!(text, "  > {hint}").unwrap();
            }
        }
    }
}

fn taken(take: &Take) -> String {
    let source = match &take.source {
        Source::Sealed => format!("sealed {}", take.hint.as_deref().unwrap()),
        elsewhere => format!("{elsewhere:?}"),
    };
    format!(
        "{}: {source}, to {} as {:?}, {:?}, {:?}",
        take.name, take.base_url, take.auth, take.provenance, take.billing
    )
}

/// What keyreeve has once the plan is done.
fn done(plan: &Plan) -> Vec<Known> {
    let known = |entry: &Entry| match &entry.outcome {
        Outcome::Take(take) => {
            let source = match &take.secret {
                Some(secret) => KnownSource::Sealed(Some(secret.fingerprint())),
                None => KnownSource::Elsewhere(take.source.clone()),
            };
            Some(Known {
                name: take.name.clone(),
                base_url: take.base_url.clone(),
                source,
            })
        }
        Outcome::Same { .. } | Outcome::Leave(_) | Outcome::Conflict { .. } => None,
    };
    plan.entries.iter().filter_map(known).collect()
}

fn check(folder: &Path) {
    let case = Case::read(folder);
    let plan = case.plan(&case.known);
    let text = written(&plan);
    let expected = folder.join("expected.txt");
    assert_eq!(text, read(&expected), "{}", folder.display());
    assert_nothing_told(&text, folder);
    let mut known = done(&plan);
    known.extend(case.known);
    let case = Case::read(folder);
    for entry in case.plan(&known).entries {
        assert!(
            !matches!(entry.outcome, Outcome::Take(_)),
            "{}: taken twice: {}",
            folder.display(),
            entry.what
        );
    }
}

/// No token is told beyond its hint, and nothing that acts comes out.
fn assert_nothing_told(text: &str, folder: &Path) {
    for letter in ('A'..='Z').chain('a'..='z') {
        let told = text.contains(&letter.to_string().repeat(12));
        assert!(!told, "{}: a token of {letter}", folder.display());
    }
    let acts = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!text.contains(acts), "{}", folder.display());
}

#[test]
fn every_case_comes_out_as_expected_and_a_second_run_takes_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/import");
    let cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|case| case.unwrap().path())
        .collect();
    assert!(cases.len() >= 12);
    for case in cases {
        check(&case);
    }
}
