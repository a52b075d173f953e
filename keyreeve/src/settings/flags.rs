//! What `serve`'s flags say of settings that have layers, and whether a client's own credential may pass through.

use super::{Setting, args};

/// What flags said of settings that have layers, empty where they were not given.
#[derive(Clone, Default, Debug)]
pub(crate) struct Flags {
    /// `--listen`
    pub(crate) listen: Vec<String>,
    /// `--pass-through`, as the word it stands for.
    pub(crate) pass_through: Vec<String>,
}

/// Whether a client's own credential may pass through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Passing {
    /// It may, on loopback.
    On,
    /// It may not.
    Off,
}

/// No variable: a hostile environment must not be able to open a way to the vendor.
pub(super) const PASS_THROUGH: Setting = Setting {
    key: "serve.pass_through",
    variable: None,
    flag: Some("--pass-through"),
};

impl Flags {
    /// What was typed.
    pub(crate) fn of(serve: &args::Serve) -> Self {
        Self {
            listen: serve.listen.iter().cloned().collect(),
            pass_through: serve
                .pass_through
                .then(|| true.to_string())
                .into_iter()
                .collect(),
        }
    }
}

/// Reads whether it may.
pub(super) fn passing(word: &str) -> Result<Passing, String> {
    match word {
        "true" => Ok(Passing::On),
        "false" => Ok(Passing::Off),
        _ => Err("must be true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use keyreeve_core::snapshot::Environment;

    use super::*;
    use crate::settings::{Layer, Settings};

    #[test]
    fn su_01_pass_through_is_turned_on_by_a_flag_or_the_file_alone() {
        let variables = [
            ("KEYREEVE_PASS_THROUGH", "true"),
            ("KEYREEVE_SERVE_PASS_THROUGH", "true"),
        ];
        let environment = Environment::from_pairs(variables);
        for (flags, file, expected, from) in [
            (&[][..], "", Passing::Off, Layer::Default),
            (&["true"], "", Passing::On, Layer::Flag("--pass-through")),
            (
                &[],
                "[serve]\npass_through = true",
                Passing::On,
                Layer::File("serve.pass_through"),
            ),
            (
                &[],
                "[serve]\npass_through = false",
                Passing::Off,
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
