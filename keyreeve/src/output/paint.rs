//! Whether a stream takes colour.

use anstyle::Style;
use keyreeve_core::snapshot::Environment;

use crate::args::Color;
use crate::variables;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Paint {
    Plain,
    Colored,
}

impl Paint {
    /// `--color` decides; else `NO_COLOR`, `CLICOLOR_FORCE`, `TERM=dumb` and the terminal, in this order.
    pub(super) fn wanted(color: Color, terminal: bool, environment: &Environment) -> Self {
        let set = |name| environment.get(name).is_some_and(|value| !value.is_empty());
        let forced = || {
            set(variables::CLICOLOR_FORCE)
                && environment.get(variables::CLICOLOR_FORCE) != Some("0")
        };
        let colored = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if set(variables::NO_COLOR) => false,
            Color::Auto if forced() => true,
            Color::Auto => terminal && environment.get(variables::TERM) != Some("dumb"),
        };
        if colored { Self::Colored } else { Self::Plain }
    }

    /// The style, where there is colour.
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
    fn color_is_for_terminals_that_want_it() {
        for (color, terminal, variables, expected) in [
            (Color::Auto, true, &[][..], Paint::Colored),
            (Color::Auto, false, &[], Paint::Plain),
            (Color::Auto, true, &[("NO_COLOR", "1")], Paint::Plain),
            (Color::Auto, true, &[("NO_COLOR", "")], Paint::Colored),
            (Color::Auto, true, &[("TERM", "dumb")], Paint::Plain),
            (
                Color::Auto,
                false,
                &[("CLICOLOR_FORCE", "1")],
                Paint::Colored,
            ),
            (
                Color::Auto,
                false,
                &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
                Paint::Plain,
            ),
            (Color::Always, false, &[("NO_COLOR", "1")], Paint::Colored),
            (Color::Never, true, &[("CLICOLOR_FORCE", "1")], Paint::Plain),
        ] {
            let environment = Environment::from_pairs(variables.iter().copied());
            assert_eq!(
                Paint::wanted(color, terminal, &environment),
                expected,
                "{color:?} {terminal} {variables:?}"
            );
        }
    }
}
