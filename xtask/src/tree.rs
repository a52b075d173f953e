//! Reads the repository: every file that is tracked or about to be, as text.
//!
//! Invariant: rules look at a [`Tree`] and at nothing else, so that a test can pass one made of strings.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// One file of the repository.
pub(crate) struct File {
    /// Path from the root, with forward slashes.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

impl File {
    /// Returns the lines outside code blocks of a Markdown document, with their numbers from 1.
    pub(crate) fn lines_outside_code(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut in_code = false;
        let lines = (1..).zip(self.text.lines());
        lines.filter(move |(_, line)| {
            let is_fence = line.trim_start().starts_with("```");
            in_code ^= is_fence;
            !in_code && !is_fence
        })
    }
}

/// The text files of the repository.
pub(crate) struct Tree {
    /// The directory they were read from; a test's tree has a made-up one.
    pub(crate) root: PathBuf,
    /// The files, ordered by path.
    pub(crate) files: Vec<File>,
}

impl Tree {
    /// Reads the files that git tracks, and untracked ones that are not ignored. Files that are not UTF-8 are skipped.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let output = Command::new("git")
            .args([
                "-c",
                "safe.directory=*",
                "ls-files",
                "-z",
                "--cached",
                "--others",
            ])
            .arg("--exclude-standard")
            .current_dir(root)
            .output()
            .context("cannot run git ls-files")?;
        ensure!(
            output.status.success(),
            "git ls-files failed in {}",
            root.display()
        );
        let mut files: Vec<File> = String::from_utf8_lossy(&output.stdout)
            .split_terminator('\0')
            .filter_map(|path| {
                let text = std::fs::read_to_string(root.join(path)).ok()?;
                Some(File {
                    path: path.to_owned(),
                    text,
                })
            })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self {
            root: root.to_owned(),
            files,
        })
    }

    /// Returns the file at a path, if there is one.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Returns the text at a path; empty if there is no such file.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.file(path).map_or("", |file| &file.text)
    }

    /// Lists the Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.with_extension("rs")
    }

    /// Lists the Markdown documents.
    pub(crate) fn documents(&self) -> impl Iterator<Item = &File> {
        self.with_extension("md")
    }

    fn with_extension(&self, extension: &str) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| {
            Path::new(&file.path)
                .extension()
                .is_some_and(|end| end == extension)
        })
    }
}

#[cfg(test)]
pub(crate) fn tree(files: &[(&str, &str)]) -> Tree {
    let mut files: Vec<File> = files
        .iter()
        .map(|(path, text)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Tree {
        root: PathBuf::from("/srv/checkouts/keyreeve"),
        files,
    }
}
