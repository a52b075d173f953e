//! Random combinations, to cover cases that the fixed ones do not.
//!
//! Invariant: equal seeds give equal combinations.

use std::time::SystemTime;

use super::documented::{CLAUDE_CODE, SDKS};
use super::ingredient::Ingredient::{
    Arguments, Entry, Environment, Federation, Helper, Login, Profile, Setting, Variable,
};
use super::ingredient::{Case, FederationSetup, HelperScript, Ingredient, Layer, Shape, Slot};
use super::ingredient::{LoginFile, SdkProfileSetup};

/// Variable with the seed of a run to repeat.
pub(super) const SEED_VARIABLE: &str = "KEYREEVE_TEST_SEED";

/// Number of combinations for Claude Code and for the SDKs.
const CASE_COUNTS: [usize; 2] = [60, 20];

const CREDENTIALS: [Slot; 3] = [Slot::ApiKey, Slot::AuthToken, Slot::OauthToken];
const LAYERS: [Layer; 4] = [Layer::User, Layer::Project, Layer::Local, Layer::Flag];
const SHAPES: [Shape; 10] = [
    Shape::Set,
    Shape::Set,
    Shape::Set,
    Shape::Empty,
    Shape::Blank,
    Shape::Padded,
    Shape::Multiline,
    Shape::Quoted,
    Shape::Prefixed,
    Shape::OtherFamily,
];
const HELPERS: [HelperScript; 8] = [
    HelperScript::Prints,
    HelperScript::Prints,
    HelperScript::PrintsPadded,
    HelperScript::PrintsTwoLines,
    HelperScript::PrintsNothing,
    HelperScript::Fails,
    HelperScript::Missing,
    HelperScript::EmptyText,
];
const LOGINS: [LoginFile; 7] = [
    LoginFile::Present,
    LoginFile::Present,
    LoginFile::Expired,
    LoginFile::ExpiredNoRefresh,
    LoginFile::Damaged,
    LoginFile::EmptyObject,
    LoginFile::NoInference,
];
const PROFILES: [SdkProfileSetup; 9] = [
    SdkProfileSetup::Named,
    SdkProfileSetup::Active,
    SdkProfileSetup::Unnamed,
    SdkProfileSetup::NamedAbsent,
    SdkProfileSetup::NamedEmpty,
    SdkProfileSetup::NamedFederation,
    SdkProfileSetup::ActiveFederation,
    SdkProfileSetup::NamedExpired,
    SdkProfileSetup::NamedReadable,
];
const FEDERATIONS: [FederationSetup; 4] = [
    FederationSetup::Complete,
    FederationSetup::FromFile,
    FederationSetup::WithoutOrganization,
    FederationSetup::WithoutServiceAccount,
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

/// Returns the given seed, or one from the clock.
pub(super) fn seed() -> u64 {
    let given = std::env::var(SEED_VARIABLE)
        .ok()
        .and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(0, |now| u64::from(now.subsec_nanos()))
    })
}

/// Returns the combinations of a seed.
pub(super) fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random(seed);
    let mut cases = Vec::new();
    for number in 0..CASE_COUNTS[0] {
        cases.push(Case {
            program: CLAUDE_CODE[number % CLAUDE_CODE.len()],
            ingredients: random.for_claude_code(),
        });
    }
    for number in 0..CASE_COUNTS[1] {
        cases.push(Case {
            program: SDKS[number % SDKS.len()],
            ingredients: random.for_sdk(),
        });
    }
    cases
}

/// A generator of pseudo-random numbers.
pub(super) struct Random(u64);

impl Random {
    /// Returns the generator of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number below a bound.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % bound
    }

    /// Returns one of the items, each with the same probability.
    pub(super) fn choose<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Returns `true` with a probability of one in `times`.
    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn for_claude_code(&mut self) -> Vec<Ingredient> {
        let mut ingredients = self.credentials();
        for layer in LAYERS {
            if self.one_in(4) {
                let (slot, shape) = (self.choose(&CREDENTIALS), self.choose(&SHAPES));
                ingredients.push(Setting(layer, slot, shape));
            }
            if self.one_in(6) {
                ingredients.push(Helper(layer, self.choose(&HELPERS)));
            }
            if self.one_in(8) {
                ingredients.push(Entry(layer, "ANTHROPIC_BASE_URL", "{other}"));
            }
        }
        if self.one_in(2) {
            ingredients.push(Login(self.choose(&LOGINS)));
        }
        if self.one_in(3) {
            ingredients.push(self.choose(&SWITCHES));
        }
        ingredients
    }

    fn for_sdk(&mut self) -> Vec<Ingredient> {
        let mut ingredients = self.credentials();
        if self.one_in(3) {
            ingredients.push(Environment("CLAUDE_CODE_USE_BEDROCK", "1"));
        }
        ingredients
    }

    /// Returns credentials that every client reads.
    fn credentials(&mut self) -> Vec<Ingredient> {
        let mut ingredients = Vec::new();
        for slot in CREDENTIALS {
            if self.one_in(3) {
                ingredients.push(Variable(slot, self.choose(&SHAPES)));
            }
        }
        if self.one_in(3) {
            ingredients.push(Profile(self.choose(&PROFILES)));
        }
        if self.one_in(6) {
            ingredients.push(Federation(self.choose(&FEDERATIONS)));
        }
        ingredients
    }
}

#[cfg(test)]
mod tests {
    use super::cases;

    #[test]
    fn equal_seeds_give_equal_combinations() {
        assert_eq!(cases(7), cases(7));
        assert_ne!(cases(7), cases(8));
    }
}
