//! Where keyreeve keeps its things: three directories, found from the captured environment alone.
//!
//! Invariants: every path is absolute, so that nothing is ever read from the working directory; `config` (with the master
//! key) and `data` (with the database) are never the same directory.

use std::path::{Path, PathBuf};

use keyreeve_core::snapshot::Environment;

use crate::settings::Problem;
use crate::variables;

/// The three directories.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Places {
    /// `config.toml` and the master key.
    pub(crate) config: PathBuf,
    /// The database.
    pub(crate) data: PathBuf,
    /// Locks and the runtime file.
    pub(crate) state: PathBuf,
}

/// One of the three, and the names it goes by.
struct Place {
    own: &'static str,
    xdg: &'static str,
    in_home: &'static str,
    in_one_folder: &'static str,
}

const CONFIG: Place = Place {
    own: variables::CONFIG_DIR,
    xdg: variables::XDG_CONFIG_HOME,
    in_home: ".config",
    in_one_folder: "config",
};
const DATA: Place = Place {
    own: variables::DATA_DIR,
    xdg: variables::XDG_DATA_HOME,
    in_home: ".local/share",
    in_one_folder: "data",
};
const STATE: Place = Place {
    own: variables::STATE_DIR,
    xdg: variables::XDG_STATE_HOME,
    in_home: ".local/state",
    in_one_folder: "state",
};

impl Places {
    /// Finds them: `KEYREEVE_{CONFIG,DATA,STATE}_DIR`, else inside `KEYREEVE_HOME`, else by the XDG base directories.
    ///
    /// # Errors
    /// All problems at once: a relative path, no home directory, the master key beside the database.
    pub(crate) fn find(environment: &Environment) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut find = |place: &Place| match find(place, environment) {
            Ok(path) => path,
            Err(problem) => {
                problems.push(problem);
                PathBuf::new()
            }
        };
        let found = Self {
            config: find(&CONFIG),
            data: find(&DATA),
            state: find(&STATE),
        };
        problems.dedup();
        if problems.is_empty() && found.config == found.data {
            problems.push(Problem::of_variable(
                variables::DATA_DIR,
                "the database may not lie in the directory of its master key",
            ));
        }
        if problems.is_empty() {
            Ok(found)
        } else {
            Err(problems)
        }
    }

    /// The configuration file.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }
}

fn find(place: &Place, environment: &Environment) -> Result<PathBuf, Problem> {
    if let Some(own) = absolute(place.own, environment)? {
        return Ok(own);
    }
    if let Some(home) = absolute(variables::HOME, environment)? {
        return Ok(home.join(place.in_one_folder));
    }
    // The XDG specification says to ignore a relative path.
    if let Some(base) = environment
        .get(place.xdg)
        .map(Path::new)
        .filter(|path| path.is_absolute())
    {
        return Ok(base.join("keyreeve"));
    }
    match absolute(variables::USER_HOME, environment)? {
        Some(home) => Ok(home.join(place.in_home).join("keyreeve")),
        None => Err(Problem::of_variable(
            variables::USER_HOME,
            "is not set, so there is no place to keep anything: set KEYREEVE_HOME",
        )),
    }
}

/// The person's directory of configuration, by the XDG base directory specification.
///
/// # Errors
/// Where there is neither such a directory nor a home.
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

/// The person's home directory.
///
/// # Errors
/// Where `HOME` does not say.
pub(crate) fn user_home(environment: &Environment) -> Result<PathBuf, Vec<Problem>> {
    match absolute(variables::USER_HOME, environment) {
        Ok(Some(home)) => Ok(home),
        Ok(None) => Err(vec![Problem::of_variable(
            variables::USER_HOME,
            "is not set",
        )]),
        Err(problem) => Err(vec![problem]),
    }
}

/// Reads a variable that must hold an absolute path; an empty one counts as unset.
fn absolute(variable: &'static str, environment: &Environment) -> Result<Option<PathBuf>, Problem> {
    match environment
        .get(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
    {
        Some(path) if path.is_absolute() => Ok(Some(path)),
        Some(_) => Err(Problem::of_variable(variable, "must be an absolute path")),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(variables: &[(&str, &str)]) -> Result<[String; 3], Vec<String>> {
        Places::find(&Environment::from_pairs(variables.iter().copied()))
            .map(|p| [p.config, p.data, p.state].map(|path| path.display().to_string()))
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_nearest_word_wins() {
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
    fn what_cannot_be_is_refused() {
        for (variables, expected) in [
            (
                &[][..],
                "HOME is not set, so there is no place to keep anything: set KEYREEVE_HOME",
            ),
            (
                &[("KEYREEVE_HOME", "here")],
                "KEYREEVE_HOME must be an absolute path",
            ),
            (
                &[("KEYREEVE_HOME", "/k"), ("KEYREEVE_DATA_DIR", "/k/config")],
                "KEYREEVE_DATA_DIR: the database may not lie in the directory of its master key",
            ),
        ] {
            assert_eq!(find(variables).unwrap_err(), [expected], "{variables:?}");
        }
    }
}
