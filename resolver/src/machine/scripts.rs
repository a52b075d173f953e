//! Reads files that set variables, the files that these read, and copies of them.
//!
//! Invariant: the number of files and the length of a chain of files are bounded, and no file is read twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use keyreeve_os::file_system::{FileState, FileSystem, TextFile};

use super::snapshot::to_text;
use crate::rules::finding::{BackupFile, Evidence, Script, ScriptKind, SourcedFile};
use crate::rules::snapshot::Snapshot;

/// Maximum number of files from a start-up file to one that is read through others.
pub(super) const MAX_SOURCE_DEPTH: usize = 5;

/// Maximum number of files that are read.
const MAX_SCRIPTS: usize = 400;

/// Reads files that set variables, and the files that these read in turn.
pub(super) fn read_scripts(
    snapshot: &Snapshot,
    files: &FileSystem,
    paths: Vec<(PathBuf, ScriptKind)>,
    evidence: &mut Evidence,
) {
    let mut seen: BTreeSet<PathBuf> = paths.iter().map(|(path, _)| path.clone()).collect();
    for (path, kind) in paths {
        if let Some(file) = record_read(evidence, files.read(&path), &path) {
            let script = Script::parse(to_text(&path), kind, &file.text);
            evidence.scripts.push(script.with_mode(file.mode));
        }
    }
    let mut next = 0;
    for _ in 0..MAX_SOURCE_DEPTH {
        let end = evidence.scripts.len();
        let sourced = (next..end).flat_map(|at| sourced(snapshot, files, at, evidence));
        let sourced: Vec<_> = sourced.collect();
        next = end;
        for (at, command, path) in sourced {
            let Some(path) = path else {
                let location = unresolved_source(snapshot, &evidence.scripts, at, &command);
                evidence.unresolved_sources.extend(location);
                continue;
            };
            if evidence.scripts.len() >= MAX_SCRIPTS || !seen.insert(path.clone()) {
                continue;
            }
            if let Some(file) = record_read(evidence, files.read(&path), &path)
                && let Some(by) = evidence.scripts.get(at)
            {
                let script = Script::parse_sourced(to_text(&path), by, &command, &file.text);
                evidence.scripts.push(script.with_mode(file.mode));
            }
        }
    }
    evidence.unresolved_sources.sort();
    evidence.unresolved_sources.dedup();
}

/// Returns the location of a command that reads an unknown file, if the user can change it.
fn unresolved_source(
    snapshot: &Snapshot,
    scripts: &[Script],
    at: usize,
    command: &SourcedFile,
) -> Option<String> {
    let script = scripts.get(at)?;
    let is_below = |base: &Option<String>| {
        let base = base.as_deref().map(Path::new);
        base.is_some_and(|base| Path::new(&script.path).starts_with(base))
    };
    let is_own = is_below(&snapshot.home) || is_below(&snapshot.directory);
    is_own.then(|| format!("{}:{}", script.path, command.line))
}

/// Returns the files that a script reads; a path with a `*` is replaced by the files that it names.
fn sourced(
    snapshot: &Snapshot,
    files: &FileSystem,
    at: usize,
    evidence: &Evidence,
) -> Vec<(usize, SourcedFile, Option<PathBuf>)> {
    let Some(script) = evidence.scripts.get(at) else {
        return Vec::new();
    };
    let variable = |name: &str| match name {
        "HOME" => snapshot.home.clone(),
        // Shells set it to the home directory if nothing else does.
        "ZDOTDIR" => {
            let set = snapshot.environment.get(name).map(ToOwned::to_owned);
            set.or_else(|| snapshot.home.clone())
        }
        _ => snapshot.environment.get(name).map(ToOwned::to_owned),
    };
    let mut all = Vec::new();
    for command in script.sourced_files(variable) {
        match &command.path {
            None => all.push((at, command, None)),
            Some(path) => {
                let paths = matching_files(files, Path::new(path));
                all.extend(
                    paths
                        .into_iter()
                        .map(|path| (at, command.clone(), Some(path))),
                );
            }
        }
    }
    all
}

/// Returns a path, or the files that it names if there is a `*` in its last part.
fn matching_files(files: &FileSystem, path: &Path) -> Vec<PathBuf> {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let (Some(directory), Some(name)) = (path.parent(), name) else {
        return Vec::new();
    };
    let Some((start, end)) = name.split_once('*') else {
        return vec![path.to_owned()];
    };
    let is_match = |found: &String| {
        found.len() >= start.len() + end.len() && found.starts_with(start) && found.ends_with(end)
    };
    let names = files.list(directory).into_iter().filter(is_match);
    names.map(|name| directory.join(name)).collect()
}

/// Reads copies of the files that set variables, which editors and `doctor --fix` leave next to them.
pub(super) fn read_backups(files: &FileSystem, evidence: &mut Evidence) {
    let mut directories: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for script in &evidence.scripts {
        let path = Path::new(&script.path);
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            continue;
        };
        let names = directories
            .entry(directory.to_owned())
            .or_insert_with(|| files.list(directory));
        let name = name.to_string_lossy();
        let copies = names.iter().filter(|it| is_backup(it, &name));
        found.extend(copies.map(|copy| directory.join(copy)));
    }
    let known: BTreeSet<String> = evidence.scripts.iter().map(|it| it.path.clone()).collect();
    for path in found.into_iter().take(MAX_SCRIPTS) {
        if known.contains(&to_text(&path)) {
            continue;
        }
        if let Some(file) = record_read(evidence, files.read(&path), &path) {
            let backup = BackupFile::parse(to_text(&path), file.mode, &file.text);
            evidence.backups.extend(backup);
        }
    }
}

/// Returns `true` if a name is that of a copy of a file.
fn is_backup(name: &str, original: &str) -> bool {
    const SUFFIXES: [&str; 6] = [".bak", ".backup", ".old", ".orig", ".save", "~"];
    let is_copy = |rest: &str| {
        SUFFIXES.iter().any(|suffix| rest.ends_with(suffix))
            || rest.starts_with(".bak")
            || rest.starts_with(".pre-")
    };
    name.strip_prefix(original).is_some_and(is_copy)
}

/// Records that a file was read, or that it cannot be.
pub(super) fn record_read(
    evidence: &mut Evidence,
    state: FileState,
    path: &Path,
) -> Option<TextFile> {
    match state {
        FileState::Missing => None,
        FileState::Unreadable => {
            evidence.unreadable_files.push(to_text(path));
            None
        }
        FileState::Text(file) => {
            evidence.files_checked += 1;
            Some(file)
        }
    }
}
