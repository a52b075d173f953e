//! The repository that a directory is in, as Claude Code finds it (docs/facts.md#claude-code-files).

use std::path::{Component, Path, PathBuf};

use keyreeve_os::file_system::{FileState, FileSystem};

/// Returns the directory whose local settings apply in the whole repository: the nearest one with an entry `.git`, or in
/// a linked worktree the main checkout.
pub(super) fn settings_root(directory: &Path, files: &FileSystem) -> Option<PathBuf> {
    let has_entry = |it: &&Path| !matches!(files.read(&it.join(".git")), FileState::Missing);
    let root = directory.ancestors().find(has_entry)?;
    Some(main_checkout(root, files).unwrap_or_else(|| root.to_owned()))
}

/// Returns the main checkout of a linked worktree. Its entry `.git` is a file that names a directory of the main one,
/// which must point back to it.
fn main_checkout(root: &Path, files: &FileSystem) -> Option<PathBuf> {
    let entry = root.join(".git");
    let text = |path: &Path| match files.read(path) {
        FileState::Text(file) => Some(file.text.trim().to_owned()),
        FileState::Missing | FileState::Unreadable => None,
    };
    let link = text(&entry)?;
    let worktree = without_dots(&root.join(link.strip_prefix("gitdir:")?.trim()));
    let back = worktree.join(text(&worktree.join("gitdir"))?);
    let shared = without_dots(&worktree.join(text(&worktree.join("commondir"))?));
    let is_linked = without_dots(&back) == entry && shared.file_name()? == ".git";
    is_linked.then(|| shared.parent().map(Path::to_owned))?
}

/// Resolves `.` and `..` by name alone.
fn without_dots(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                result.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                result.push(component);
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn root(directory: &str, files: &[(&str, &str)]) -> Option<String> {
        let file =
            |(path, text): &(&str, &str)| (PathBuf::from(path), FileState::fake(0o644, text));
        let files = FileSystem::Fake(files.iter().map(file).collect::<BTreeMap<_, _>>());
        settings_root(Path::new(directory), &files).map(|root| root.display().to_string())
    }

    #[test]
    fn nearest_entry_is_the_root() {
        for (directory, files, expected) in [
            ("/w/a/b", &[][..], None),
            ("/w/a/b", &[("/w/.git/HEAD", "")], Some("/w")),
            (
                "/w/a/b",
                &[("/w/.git/HEAD", ""), ("/w/a/.git/HEAD", "")],
                Some("/w/a"),
            ),
            ("/w/a/b", &[("/w/.git", "garbage")], Some("/w")),
            (
                "/w",
                &[("/w/.git", "gitdir: ../main/.git/modules/w")],
                Some("/w"),
            ),
        ] {
            assert_eq!(root(directory, files).as_deref(), expected, "{files:?}");
        }
    }

    #[test]
    fn linked_worktree_belongs_to_its_main_checkout() {
        let link = ("/wt/.git", "gitdir: ../main/.git/worktrees/wt\n");
        let shared = ("/main/.git/worktrees/wt/commondir", "../..\n");
        let back = ("/main/.git/worktrees/wt/gitdir", "/wt/.git\n");
        let elsewhere = ("/main/.git/worktrees/wt/gitdir", "/other/.git\n");
        for (files, expected) in [
            (&[link, shared, back][..], "/main"),
            (&[link, shared], "/wt"),
            (&[link, back], "/wt"),
            (&[link, shared, elsewhere], "/wt"),
        ] {
            assert_eq!(
                root("/wt/sub", files).as_deref(),
                Some(expected),
                "{files:?}"
            );
        }
    }
}
