//! Color support of an output stream.

use anstyle::Style;
use keyreeve_os::environment::Environment;

use crate::args::ColorWhen;
use crate::variables;

/// Color mode of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Paint {
    Plain,
    Colored,
}

impl Paint {
    /// Chooses by `--color`, else by `NO_COLOR`, `CLICOLOR_FORCE`, `TERM=dumb` and the kind of stream, in this order.
    pub(super) fn choose(color: ColorWhen, is_terminal: bool, environment: &Environment) -> Self {
        let is_set = |name| environment.get(name).is_some_and(|value| !value.is_empty());
        let is_forced = || {
            is_set(variables::CLICOLOR_FORCE)
                && environment.get(variables::CLICOLOR_FORCE) != Some("0")
        };
        let colored = match color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto if is_set(variables::NO_COLOR) => false,
            ColorWhen::Auto if is_forced() => true,
            ColorWhen::Auto => is_terminal && environment.get(variables::TERM) != Some("dumb"),
        };
        if colored { Self::Colored } else { Self::Plain }
    }

    /// Returns the style, or none if the stream is not colored.
    pub(super) fn style(self, style: Style) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Colored => style,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_follows_options_environment_and_stream() {
        for (color, is_terminal, variables, expected) in [
            (ColorWhen::Auto, true, &[][..], Paint::Colored),
            (ColorWhen::Auto, false, &[], Paint::Plain),
            (ColorWhen::Auto, true, &[("NO_COLOR", "1")], Paint::Plain),
            (ColorWhen::Auto, true, &[("NO_COLOR", "")], Paint::Colored),
            (ColorWhen::Auto, true, &[("TERM", "dumb")], Paint::Plain),
            (
                ColorWhen::Auto,
                false,
                &[("CLICOLOR_FORCE", "1")],
                Paint::Colored,
            ),
            (
                ColorWhen::Auto,
                false,
                &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
                Paint::Plain,
            ),
            (
                ColorWhen::Always,
                false,
                &[("NO_COLOR", "1")],
                Paint::Colored,
            ),
            (
                ColorWhen::Never,
                true,
                &[("CLICOLOR_FORCE", "1")],
                Paint::Plain,
            ),
        ] {
            let environment = Environment::from_pairs(variables.iter().copied());
            assert_eq!(
                Paint::choose(color, is_terminal, &environment),
                expected,
                "{color:?} {is_terminal} {variables:?}"
            );
        }
    }
}
