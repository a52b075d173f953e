//! Finds a program as a shell does, except in the working directory: what lies there may be somebody else's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// Where programs lie when nothing else is said.
const USUAL: &str = "/usr/bin:/bin";

/// Why a program cannot be started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// There is no such file.
    NotFound,
    /// There is one, but it may not be run.
    NotExecutable,
}

/// Finds the file that `name` stands for. A name with a slash must be a whole path; another is looked up in `path`, the
/// value of `PATH`, whose empty and relative entries mean the working directory and are passed over.
pub fn find(name: &str, path: &str) -> Option<PathBuf> {
    locate(name, path).ok()
}

/// As [`find`], telling why there is none.
///
/// # Errors
/// [`Missing`], as a shell would tell by its exit codes 127 and 126.
pub fn locate(name: &str, path: &str) -> Result<PathBuf, Missing> {
    let candidates: Vec<PathBuf> = if name.contains('/') {
        let file = PathBuf::from(name);
        file.is_absolute().then_some(file).into_iter().collect()
    } else {
        std::env::split_paths(path)
            .filter(|folder| folder.is_absolute() && !name.is_empty())
            .map(|folder| folder.join(name))
            .collect()
    };
    match candidates.iter().find(|file| is_program(file)) {
        Some(file) => Ok(file.clone()),
        None if candidates.iter().any(|file| file.exists()) => Err(Missing::NotExecutable),
        None => Err(Missing::NotFound),
    }
}

/// A value of `PATH` without the entries that mean the working directory, for programs that we start: what they start in
/// turn does not come from there either.
pub fn without_working_directory(path: &str) -> OsString {
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    // They were split at the mark that joining would stumble over.
    let left = std::env::join_paths(folders).unwrap_or_default();
    if left.is_empty() {
        // An empty value means the working directory too.
        OsString::from(USUAL)
    } else {
        left
    }
}

fn is_program(file: &Path) -> bool {
    file.is_file() && access(file, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_on_the_path_and_nowhere_else() {
        let sh = find("sh", "/nowhere:/usr/bin:/bin");
        assert!(sh.is_some_and(|file| file.is_absolute() && file.ends_with("sh")));
        assert_eq!(find("/bin/sh", ""), Some(PathBuf::from("/bin/sh")));
        assert_eq!(find("no-such-program", "/usr/bin:/bin"), None);
    }

    #[test]
    fn the_working_directory_is_never_looked_at() {
        for path in ["", ".", ":", "::", "relative/bin", "./bin:."] {
            assert_eq!(find("Cargo.toml", path), None, "{path}");
            assert_eq!(find("sh", path), None, "{path}");
        }
        assert_eq!(find("./sh", "/bin"), None);
        assert_eq!(find("bin/sh", "/"), None);
    }

    #[test]
    fn what_is_started_does_not_look_there_either() {
        for (path, left) in [
            (".::/usr/bin:./x:rel:/bin:", "/usr/bin:/bin"),
            ("/usr/bin", "/usr/bin"),
            (".", USUAL),
            ("", USUAL),
        ] {
            assert_eq!(without_working_directory(path), left, "{path}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_run_is_no_program() {
        assert_eq!(find("passwd", "/etc"), None);
        assert_eq!(find("bin", "/usr"), None, "a directory");
        assert_eq!(locate("passwd", "/etc"), Err(Missing::NotExecutable));
        assert_eq!(locate("passwd", "/nowhere"), Err(Missing::NotFound));
    }
}
