//! keyreeve's three directories, determined by the captured environment only.
//!
//! Invariants: every path is absolute, so that nothing is ever read from the working directory; `config` (with the master
//! key) and `data` (with the database) are never the same directory.

use std::path::{Path, PathBuf};

use keyreeve_os::environment::Environment;

use crate::problem::Problem;
use crate::variables;

/// keyreeve's directories.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Dirs {
    /// `config.toml` and the master key.
    pub(crate) config: PathBuf,
    /// The database.
    pub(crate) data: PathBuf,
    /// Locks and the runtime file.
    pub(crate) state: PathBuf,
}

/// Names of one of the directories.
struct DirSpec {
    variable: &'static str,
    xdg: &'static str,
    in_home: &'static str,
    in_keyreeve_home: &'static str,
}

const CONFIG: DirSpec = DirSpec {
    variable: variables::CONFIG_DIR,
    xdg: variables::XDG_CONFIG_HOME,
    in_home: ".config",
    in_keyreeve_home: "config",
};
const DATA: DirSpec = DirSpec {
    variable: variables::DATA_DIR,
    xdg: variables::XDG_DATA_HOME,
    in_home: ".local/share",
    in_keyreeve_home: "data",
};
const STATE: DirSpec = DirSpec {
    variable: variables::STATE_DIR,
    xdg: variables::XDG_STATE_HOME,
    in_home: ".local/state",
    in_keyreeve_home: "state",
};

impl Dirs {
    /// Determines the directories: `KEYREEVE_{CONFIG,DATA,STATE}_DIR`, else inside `KEYREEVE_HOME`, else by the XDG base
    /// directories.
    ///
    /// # Errors
    /// All problems at once: a relative path, no home directory, the master key in the database's directory.
    pub(crate) fn find(environment: &Environment) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut find = |spec: &DirSpec| match find(spec, environment) {
            Ok(path) => path,
            Err(problem) => {
                problems.push(problem);
                PathBuf::new()
            }
        };
        let dirs = Self {
            config: find(&CONFIG),
            data: find(&DATA),
            state: find(&STATE),
        };
        problems.dedup();
        if problems.is_empty() && dirs.config == dirs.data {
            problems.push(Problem::variable(
                variables::DATA_DIR,
                "must not be the directory of the master key",
            ));
        }
        if problems.is_empty() {
            Ok(dirs)
        } else {
            Err(problems)
        }
    }

    /// Returns the path of the configuration file.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }
}

fn find(spec: &DirSpec, environment: &Environment) -> Result<PathBuf, Problem> {
    if let Some(path) = absolute(spec.variable, environment)? {
        return Ok(path);
    }
    if let Some(home) = absolute(variables::HOME, environment)? {
        return Ok(home.join(spec.in_keyreeve_home));
    }
    // A relative path is ignored, as the XDG specification requires.
    if let Some(base) = environment
        .get(spec.xdg)
        .map(Path::new)
        .filter(|path| path.is_absolute())
    {
        return Ok(base.join("keyreeve"));
    }
    match absolute(variables::USER_HOME, environment)? {
        Some(home) => Ok(home.join(spec.in_home).join("keyreeve")),
        None => Err(Problem::variable(
            variables::USER_HOME,
            "is not set, so keyreeve has no directory to use. Set KEYREEVE_HOME.",
        )),
    }
}

/// Returns the user's configuration directory by the XDG base directory specification.
///
/// # Errors
/// If neither it nor a home directory is set.
pub(crate) fn user_config(environment: &Environment) -> Result<PathBuf, Vec<Problem>> {
    match environment
        .get(variables::XDG_CONFIG_HOME)
        .map(Path::new)
        .filter(|path| path.is_absolute())
    {
        Some(path) => Ok(path.to_owned()),
        None => Ok(user_home(environment)?.join(".config")),
    }
}

/// Returns the user's home directory.
///
/// # Errors
/// If `HOME` is not set.
pub(crate) fn user_home(environment: &Environment) -> Result<PathBuf, Vec<Problem>> {
    match absolute(variables::USER_HOME, environment) {
        Ok(Some(home)) => Ok(home),
        Ok(None) => Err(vec![Problem::variable(variables::USER_HOME, "is not set")]),
        Err(problem) => Err(vec![problem]),
    }
}

/// Reads a variable that must be an absolute path; an empty one counts as unset.
fn absolute(variable: &'static str, environment: &Environment) -> Result<Option<PathBuf>, Problem> {
    match environment
        .get(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
    {
        Some(path) if path.is_absolute() => Ok(Some(path)),
        Some(_) => Err(Problem::variable(variable, "must be an absolute path")),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(variables: &[(&str, &str)]) -> Result<[String; 3], Vec<String>> {
        Dirs::find(&Environment::from_pairs(variables.iter().copied()))
            .map(|p| [p.config, p.data, p.state].map(|path| path.display().to_string()))
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn most_specific_variable_wins() {
        for (variables, expected) in [
            (
                &[("HOME", "/h")][..],
                [
                    "/h/.config/keyreeve",
                    "/h/.local/share/keyreeve",
                    "/h/.local/state/keyreeve",
                ],
            ),
            (
                &[
                    ("HOME", "/h"),
                    ("XDG_DATA_HOME", "/d"),
                    ("XDG_STATE_HOME", "relative"),
                ],
                [
                    "/h/.config/keyreeve",
                    "/d/keyreeve",
                    "/h/.local/state/keyreeve",
                ],
            ),
            (
                &[
                    ("HOME", "/h"),
                    ("XDG_DATA_HOME", "/d"),
                    ("KEYREEVE_HOME", "/k"),
                ],
                ["/k/config", "/k/data", "/k/state"],
            ),
            (
                &[("KEYREEVE_HOME", "/k"), ("KEYREEVE_DATA_DIR", "/d")],
                ["/k/config", "/d", "/k/state"],
            ),
        ] {
            assert_eq!(find(variables).unwrap(), expected, "{variables:?}");
        }
    }

    #[test]
    fn unusable_directories_are_refused() {
        for (variables, expected) in [
            (
                &[][..],
                "HOME is not set, so keyreeve has no directory to use. Set KEYREEVE_HOME.",
            ),
            (
                &[("KEYREEVE_HOME", "here")],
                "KEYREEVE_HOME must be an absolute path",
            ),
            (
                &[("KEYREEVE_HOME", "/k"), ("KEYREEVE_DATA_DIR", "/k/config")],
                "KEYREEVE_DATA_DIR must not be the directory of the master key",
            ),
        ] {
            assert_eq!(find(variables).unwrap_err(), [expected], "{variables:?}");
        }
    }
}
