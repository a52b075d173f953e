//! Further combinations, drawn from a seed: what nobody thought of.
//!
//! Invariant: the same seed gives the same combinations.

use std::time::SystemTime;

use super::case::Case;
use super::documented::{CLAUDE_CODE, SDKS};
use super::ingredient::Ingredient::{
    Arguments, Entry, Environment, Federation, Helper, Login, Profile, Setting, Variable,
};
use super::ingredient::{Federation as Fed, Helper as Script, Ingredient, Layer, Shape, Slot};
use super::ingredient::{Login as File, Profile as Kept};

/// Replays a run whose seed was printed.
pub(super) const SEED: &str = "KEYREEVE_TEST_SEED";

/// How many are drawn for Claude Code, and for the SDKs.
const DRAWN: [usize; 2] = [60, 20];

const CREDENTIALS: [Slot; 3] = [Slot::ApiKey, Slot::AuthToken, Slot::OauthToken];
const LAYERS: [Layer; 4] = [Layer::User, Layer::Project, Layer::Local, Layer::Flag];
const SHAPES: [Shape; 10] = [
    Shape::Set,
    Shape::Set,
    Shape::Set,
    Shape::Empty,
    Shape::Blank,
    Shape::Padded,
    Shape::Broken,
    Shape::Quoted,
    Shape::Prefixed,
    Shape::OtherFamily,
];
const SCRIPTS: [Script; 8] = [
    Script::Prints,
    Script::Prints,
    Script::PrintsPadded,
    Script::PrintsTwoLines,
    Script::PrintsNothing,
    Script::Fails,
    Script::Missing,
    Script::EmptyText,
];
const FILES: [File; 7] = [
    File::Present,
    File::Present,
    File::Expired,
    File::ExpiredForGood,
    File::Damaged,
    File::Hollow,
    File::NoInference,
];
const KEPT: [Kept; 9] = [
    Kept::Named,
    Kept::Active,
    Kept::Unnamed,
    Kept::NamedAbsent,
    Kept::NamedEmpty,
    Kept::NamedFederation,
    Kept::ActiveFederation,
    Kept::NamedExpired,
    Kept::NamedReadable,
];
const FEDERATIONS: [Fed; 4] = [
    Fed::Whole,
    Fed::FromFile,
    Fed::WithoutOrganization,
    Fed::WithoutServiceAccount,
];
const SWITCHES: [Ingredient; 7] = [
    Environment("CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "1"),
    Environment("CLAUDE_CODE_SIMPLE", "1"),
    Environment("CLAUDE_CODE_USE_BEDROCK", "0"),
    Environment("CLAUDE_CONFIG_DIR", "{home}/elsewhere"),
    Arguments(&["--bare"]),
    Arguments(&["--setting-sources", ""]),
    Arguments(&["--setting-sources", "user,local"]),
];

/// The seed given, or one from the clock.
pub(super) fn seed() -> u64 {
    let given = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(0, |now| u64::from(now.subsec_nanos()))
    })
}

/// The combinations of a seed.
pub(super) fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random(seed);
    let mut cases = Vec::new();
    for number in 0..DRAWN[0] {
        cases.push(Case {
            program: CLAUDE_CODE[number % CLAUDE_CODE.len()],
            ingredients: random.for_claude_code(),
        });
    }
    for number in 0..DRAWN[1] {
        cases.push(Case {
            program: SDKS[number % SDKS.len()],
            ingredients: random.for_an_sdk(),
        });
    }
    cases
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % bound
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Whether something that happens once in so many times happens now.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn for_claude_code(&mut self) -> Vec<Ingredient> {
        let mut ingredients = self.credentials();
        for layer in LAYERS {
            if self.once_in(4) {
                let (slot, shape) = (self.one(&CREDENTIALS), self.one(&SHAPES));
                ingredients.push(Setting(layer, slot, shape));
            }
            if self.once_in(6) {
                ingredients.push(Helper(layer, self.one(&SCRIPTS)));
            }
            if self.once_in(8) {
                ingredients.push(Entry(layer, "ANTHROPIC_BASE_URL", "{other}"));
            }
        }
        if self.once_in(2) {
            ingredients.push(Login(self.one(&FILES)));
        }
        if self.once_in(3) {
            ingredients.push(self.one(&SWITCHES));
        }
        ingredients
    }

    fn for_an_sdk(&mut self) -> Vec<Ingredient> {
        let mut ingredients = self.credentials();
        if self.once_in(3) {
            ingredients.push(Environment("CLAUDE_CODE_USE_BEDROCK", "1"));
        }
        ingredients
    }

    /// What every client looks at.
    fn credentials(&mut self) -> Vec<Ingredient> {
        let mut ingredients = Vec::new();
        for slot in CREDENTIALS {
            if self.once_in(3) {
                ingredients.push(Variable(slot, self.one(&SHAPES)));
            }
        }
        if self.once_in(3) {
            ingredients.push(Profile(self.one(&KEPT)));
        }
        if self.once_in(6) {
            ingredients.push(Federation(self.one(&FEDERATIONS)));
        }
        ingredients
    }
}

#[cfg(test)]
mod tests {
    use super::cases;

    #[test]
    fn the_same_seed_gives_the_same_combinations() {
        assert_eq!(cases(7), cases(7));
        assert_ne!(cases(7), cases(8));
    }
}
