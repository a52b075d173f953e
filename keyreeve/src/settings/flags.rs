//! Flags of `serve` that override settings, and the pass-through setting.

use super::Setting;
use crate::args;

/// Values of flags that override settings; empty if not given.
#[derive(Clone, Default, Debug)]
pub(crate) struct Flags {
    /// Value of `--listen`.
    pub(crate) listen: Vec<String>,
    /// `true` for `--pass-through`.
    pub(crate) pass_through: Vec<String>,
    /// Value of `--log-format`.
    pub(crate) log_format: Vec<String>,
}

/// The pass-through setting, for clients that use their own credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PassThroughMode {
    /// Allowed, on loopback.
    On,
    /// Not allowed.
    Off,
}

/// No variable: a hostile environment must not be able to turn pass-through on.
pub(super) const PASS_THROUGH: Setting = Setting {
    key: "serve.pass_through",
    variable: None,
    flag: Some("--pass-through"),
};

impl Flags {
    /// Collects the flags of `serve`.
    pub(crate) fn from_args(serve: &args::ServeArgs) -> Self {
        Self {
            listen: serve.listen.iter().cloned().collect(),
            pass_through: serve
                .pass_through
                .then(|| true.to_string())
                .into_iter()
                .collect(),
            log_format: serve.log_format.iter().cloned().collect(),
        }
    }
}

/// Parses `serve.pass_through`.
pub(super) fn parse_pass_through(word: &str) -> Result<PassThroughMode, String> {
    match word {
        "true" => Ok(PassThroughMode::On),
        "false" => Ok(PassThroughMode::Off),
        _ => Err("true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use keyreeve_os::environment::Environment;

    use super::*;
    use crate::settings::{Layer, Settings};

    /// SU-01: only a flag or the file turns pass-through on, never a variable.
    #[test]
    fn variables_cannot_turn_pass_through_on() {
        let variables = [
            ("KEYREEVE_PASS_THROUGH", "true"),
            ("KEYREEVE_SERVE_PASS_THROUGH", "true"),
        ];
        let environment = Environment::from_pairs(variables);
        for (flags, file, expected, from) in [
            (&[][..], "", PassThroughMode::Off, Layer::Default),
            (
                &["true"],
                "",
                PassThroughMode::On,
                Layer::Flag("--pass-through"),
            ),
            (
                &[],
                "[serve]\npass_through = true",
                PassThroughMode::On,
                Layer::File("serve.pass_through"),
            ),
            (
                &[],
                "[serve]\npass_through = false",
                PassThroughMode::Off,
                Layer::File("serve.pass_through"),
            ),
        ] {
            let flags = Flags {
                pass_through: flags.iter().map(ToString::to_string).collect(),
                ..Flags::default()
            };
            let (file, problems) = crate::config::read(file);
            assert_eq!(problems, []);
            let settings = Settings::resolve(&flags, &environment, &file).unwrap();
            let got = settings.pass_through;
            assert_eq!((got.value, got.from), (expected, from));
        }
    }
}
