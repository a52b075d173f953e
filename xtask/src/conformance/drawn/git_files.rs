//! The files of a repository and of its linked worktree, as git writes them.

use std::path::Path;

use super::world::StartDirectory;

/// Returns the files, by their paths below the world's directory.
pub(super) fn git_files(directory: StartDirectory, folder: &Path) -> Vec<(String, String)> {
    match directory {
        StartDirectory::Plain | StartDirectory::Home => Vec::new(),
        StartDirectory::Repository | StartDirectory::Subdirectory => repository(),
        StartDirectory::BrokenRepository => {
            vec![(
                "project/.git".to_owned(),
                "gitdir: /nowhere/.git/worktrees/project\n".to_owned(),
            )]
        }
        StartDirectory::Worktree | StartDirectory::WorktreeSubdirectory => {
            [repository(), worktree(&folder.display().to_string())].concat()
        }
    }
}

fn repository() -> Vec<(String, String)> {
    [
        ("HEAD", "ref: refs/heads/main\n"),
        (
            "config",
            "[core]\n\trepositoryformatversion = 0\n\tbare = false\n",
        ),
        ("objects/info/.keep", ""),
        ("refs/heads/.keep", ""),
    ]
    .map(|(name, text)| (format!("project/.git/{name}"), text.to_owned()))
    .to_vec()
}

fn worktree(folder: &str) -> Vec<(String, String)> {
    let own = "project/.git/worktrees/linked";
    vec![
        (
            "linked/.git".to_owned(),
            format!("gitdir: {folder}/{own}\n"),
        ),
        (format!("{own}/HEAD"), "ref: refs/heads/linked\n".to_owned()),
        (format!("{own}/commondir"), "../..\n".to_owned()),
        (format!("{own}/gitdir"), format!("{folder}/linked/.git\n")),
    ]
}
