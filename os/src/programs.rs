//! Finds a program as a shell does, but never in the working directory, which may be under another user's control.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::files::open_anywhere;

/// First lines of a shim: a script that has a program's name and starts keyreeve, which starts the program. Without this
/// mark a shim that is first on `PATH` would start itself for ever.
pub const SHIM_MARK: &str = "#!/bin/sh\n# keyreeve shim";

/// The `PATH` used when none is usable.
const DEFAULT_PATH: &str = "/usr/bin:/bin";

/// The reason that a program cannot be started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProgramLookupError {
    /// There is no such file.
    NotFound,
    /// The file exists but is not executable.
    NotExecutable,
}

/// Finds the executable called `name`. A name with a slash must be an absolute path; any other is looked up in `path`,
/// the value of `PATH`, whose empty and relative entries mean the working directory and are skipped. So are our own shims.
pub fn find(name: &str, path: &str) -> Option<PathBuf> {
    locate(name, path).ok()
}

/// Like [`find`], but with the reason if there is none.
///
/// # Errors
/// [`ProgramLookupError`]; a shell reports these as exit codes 127 and 126.
pub fn locate(name: &str, path: &str) -> Result<PathBuf, ProgramLookupError> {
    let candidates: Vec<PathBuf> = if name.contains('/') {
        let file = PathBuf::from(name);
        file.is_absolute().then_some(file).into_iter().collect()
    } else {
        std::env::split_paths(path)
            .filter(|folder| folder.is_absolute() && !name.is_empty())
            .map(|folder| folder.join(name))
            .filter(|file| !is_shim(file))
            .collect()
    };
    match candidates.iter().find(|file| is_program(file)) {
        Some(file) => Ok(file.clone()),
        None if candidates.iter().any(|file| file.exists()) => {
            Err(ProgramLookupError::NotExecutable)
        }
        None => Err(ProgramLookupError::NotFound),
    }
}

/// Removes the entries that mean the working directory from a value of `PATH`, for programs that we start: the programs
/// that these start in turn are not looked up there either.
pub fn without_working_directory(path: &str) -> OsString {
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    // Joining cannot fail: the entries were split at the only character it rejects.
    let joined = std::env::join_paths(folders).unwrap_or_default();
    if joined.is_empty() {
        // An empty value means the working directory, too.
        OsString::from(DEFAULT_PATH)
    } else {
        joined
    }
}

/// Returns `true` if the file is a shim of keyreeve's, directly or by a link.
pub fn is_shim(file: &Path) -> bool {
    let mut start = [0; SHIM_MARK.len()];
    let opened = open_anywhere(file).ok();
    opened.is_some_and(|mut file| file.read_exact(&mut start).is_ok())
        && start == *SHIM_MARK.as_bytes()
}

fn is_program(file: &Path) -> bool {
    file.is_file() && access(file, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_only_on_the_path() {
        let sh = find("sh", "/nowhere:/usr/bin:/bin");
        assert!(sh.is_some_and(|file| file.is_absolute() && file.ends_with("sh")));
        assert_eq!(find("/bin/sh", ""), Some(PathBuf::from("/bin/sh")));
        assert_eq!(find("no-such-program", "/usr/bin:/bin"), None);
    }

    #[test]
    fn working_directory_is_never_searched() {
        for path in ["", ".", ":", "::", "relative/bin", "./bin:."] {
            assert_eq!(find("Cargo.toml", path), None, "{path}");
            assert_eq!(find("sh", path), None, "{path}");
        }
        assert_eq!(find("./sh", "/bin"), None);
        assert_eq!(find("bin/sh", "/"), None);
    }

    #[test]
    fn path_for_children_has_no_relative_entry() {
        for (path, expected) in [
            (".::/usr/bin:./x:rel:/bin:", "/usr/bin:/bin"),
            ("/usr/bin", "/usr/bin"),
            (".", DEFAULT_PATH),
            ("", DEFAULT_PATH),
        ] {
            assert_eq!(without_working_directory(path), expected, "{path}");
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the test writes programs as a user would"
    )]
    fn put(path: &Path, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;

        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("written");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).expect("a mode");
    }

    /// F-60: a shim that is first on `PATH` never starts itself.
    #[test]
    fn shims_are_skipped_on_the_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        put(
            &file("shims/claude"),
            &format!("{SHIM_MARK}\nexec keyreeve"),
        );
        put(&file("genuine/claude"), "#!/bin/sh\n# keyreeve\n");
        put(&file("links/other"), "");
        std::os::unix::fs::symlink(file("shims/claude"), file("links/claude")).expect("a link");
        let path = |folders: &[&str]| {
            let folders = folders.iter().map(|name| file(name).display().to_string());
            folders.collect::<Vec<_>>().join(":")
        };
        let genuine = Ok(file("genuine/claude"));
        assert_eq!(
            locate("claude", &path(&["shims", "links", "genuine"])),
            genuine
        );
        let only_shims = locate("claude", &path(&["shims", "links"]));
        assert_eq!(only_shims, Err(ProgramLookupError::NotFound));
    }

    #[test]
    fn non_executable_file_is_not_a_program() {
        assert_eq!(find("passwd", "/etc"), None);
        assert_eq!(find("bin", "/usr"), None, "a directory");
        assert_eq!(
            locate("passwd", "/etc"),
            Err(ProgramLookupError::NotExecutable)
        );
        assert_eq!(
            locate("passwd", "/nowhere"),
            Err(ProgramLookupError::NotFound)
        );
    }
}
