//! Draws worlds: a few ordinary ingredients and, in most worlds, one or two odd ones.
//!
//! Invariant: a seed, a client and a number always give the same world.

use super::grammar::{self, Table};
use super::names::{in_env, values_of};
use super::proportions::{
    CLAUDE_CREDENTIALS, CLAUDE_ODDITIES, CONFIG_DIR, CREDENTIAL_COUNTS, CredentialKind,
    IN_SETTINGS, NO_BASE_URL, ODDITY_COUNTS, OddityKind, SDK_CREDENTIALS, SDK_ODDITIES,
};
use super::world::DrawnItem::{self, Arguments, Damage, Directory, Field, Variable};
use super::world::{DrawnValue, DrawnWorld, FileDamage, FilePlace};
use super::{oddities, values};
use crate::conformance::random::Random;
use crate::programs::{Program, client};

/// Returns the world of a seed, a client and a number.
pub(super) fn draw(seed: u64, program: Program, number: u64) -> DrawnWorld {
    let hash = blake3::hash(format!("{seed} {} {number}", client::client_name(program)).as_bytes());
    let bytes: [u8; 8] = hash.as_bytes()[..8].try_into().unwrap_or_default();
    let mut drawer = Drawer {
        random: Random::new(u64::from_le_bytes(bytes)),
        world: DrawnWorld {
            program,
            items: Vec::new(),
        },
    };
    drawer.draw();
    drawer.world
}

struct Drawer {
    random: Random,
    world: DrawnWorld,
}

impl Drawer {
    fn draw(&mut self) {
        let is_claude = matches!(self.world.program, Program::ClaudeCode(_));
        if !self.random.one_in(NO_BASE_URL) {
            self.set(Variable(
                "ANTHROPIC_BASE_URL",
                DrawnValue::Text("{upstream}"),
            ));
        }
        if is_claude {
            let directory = self.choose(grammar::DIRECTORIES);
            self.set(Directory(directory));
            if self.random.one_in(CONFIG_DIR) {
                self.set(Variable(
                    "CLAUDE_CONFIG_DIR",
                    DrawnValue::Text("{home}/elsewhere"),
                ));
            }
        }
        let (credentials, oddities) = if is_claude {
            (CLAUDE_CREDENTIALS, CLAUDE_ODDITIES)
        } else {
            (SDK_CREDENTIALS, SDK_ODDITIES)
        };
        for _ in 0..self.choose(CREDENTIAL_COUNTS) {
            let kind = self.choose(credentials);
            self.add_credential(kind);
        }
        for _ in 0..self.choose(ODDITY_COUNTS) {
            let kind = self.choose(oddities);
            self.add_oddity(kind);
        }
    }

    fn add_credential(&mut self, kind: CredentialKind) {
        match kind {
            CredentialKind::Variable => {
                let name = self.choose(grammar::CREDENTIALS);
                self.set(Variable(name, grammar::TOKEN));
            }
            CredentialKind::SettingsVariable => {
                let (place, name) = (
                    self.choose(grammar::SETTINGS),
                    self.choose(grammar::CREDENTIALS),
                );
                self.set(Field(place, in_env(name), grammar::TOKEN));
            }
            CredentialKind::StateVariable => {
                let (place, name) = (
                    self.choose(grammar::STATES),
                    self.choose(grammar::CREDENTIALS),
                );
                self.set(Field(place, in_env(name), grammar::TOKEN));
            }
            CredentialKind::Helper => {
                let place = self.choose(grammar::SETTINGS);
                self.set(Field(place, "apiKeyHelper", grammar::HELPER));
            }
            CredentialKind::PrimaryKey => {
                let place = self.choose(grammar::STATES);
                self.set(grammar::PRIMARY_KEY.moved(place));
            }
            CredentialKind::Login => self.set_all(grammar::LOGIN_ITEMS),
            CredentialKind::Profile => {
                let items = self.choose(grammar::PROFILES);
                self.set_all(items);
            }
            CredentialKind::Cloud => {
                let items = self.choose(grammar::CLOUDS);
                self.set_all(items);
            }
        }
    }

    fn add_oddity(&mut self, kind: OddityKind) {
        match kind {
            OddityKind::Value => self.change_value(),
            OddityKind::Variable => {
                let (name, values) = self.choose(oddities::VARIABLES);
                self.set_variable(name, values, values::SWITCH_JSON);
            }
            OddityKind::Url => {
                let name = if self.random.one_in(4) {
                    self.random.choose(oddities::URL_VARIABLES)
                } else {
                    "ANTHROPIC_BASE_URL"
                };
                self.set_variable(name, values::URLS, values::URL_JSON);
            }
            OddityKind::Damage => self.damage_file(),
            OddityKind::SettingsField => {
                let (place, (key, value)) = (
                    self.choose(grammar::SETTINGS),
                    self.choose(oddities::SETTINGS_FIELDS),
                );
                self.set(Field(place, key, value));
            }
            OddityKind::StateField => {
                let (place, (key, value)) = (
                    self.choose(grammar::STATES),
                    self.choose(oddities::STATE_FIELDS),
                );
                self.set(Field(place, key, value));
            }
            OddityKind::LoginField => self.change_login(),
            OddityKind::ProfileField => self.change_profile(),
            OddityKind::Arguments => {
                let arguments = self.choose(oddities::ARGUMENTS);
                self.set(Arguments(arguments));
            }
        }
    }

    /// Gives an ingredient of the world an odd value.
    fn change_value(&mut self) {
        let with_value: Vec<DrawnItem> = self
            .world
            .items
            .iter()
            .copied()
            .filter(|item| item.value().is_some())
            .collect();
        if with_value.is_empty() {
            return;
        }
        let item = self.random.choose(&with_value);
        let Some((name, _)) = item.value() else {
            return;
        };
        let (texts, others) = values_of(name);
        let is_json = item.file().is_some() && self.random.one_in(2);
        let value = self.choose(if is_json { others } else { texts });
        self.set(item.with_value(value));
    }

    /// Sets a variable of the process or, less often, of a settings file.
    fn set_variable(
        &mut self,
        name: &'static str,
        texts: Table<DrawnValue>,
        others: Table<DrawnValue>,
    ) {
        if !self.random.one_in(IN_SETTINGS) {
            let value = self.choose(texts);
            return self.set(Variable(name, value));
        }
        let place = self.choose(grammar::SETTINGS);
        let value = if self.random.one_in(4) {
            self.choose(others)
        } else {
            self.choose(texts)
        };
        self.set(Field(place, in_env(name), value));
    }

    fn damage_file(&mut self) {
        let files: Vec<FilePlace> = self
            .world
            .items
            .iter()
            .filter_map(|item| item.file())
            .collect();
        let place = if files.is_empty() || self.random.one_in(5) {
            self.choose(grammar::SETTINGS)
        } else {
            self.random.choose(&files)
        };
        let damage = self.random.choose(&FileDamage::ALL);
        self.set(Damage(place, damage));
    }

    fn change_login(&mut self) {
        self.set_all(grammar::LOGIN_ITEMS);
        if self.random.one_in(6) {
            self.set(Variable(
                "CLAUDE_SECURESTORAGE_CONFIG_DIR",
                DrawnValue::Text("{home}/secure"),
            ));
            for item in grammar::LOGIN_ITEMS {
                self.set(item.moved(grammar::SECURE_LOGIN));
            }
        }
        let (key, values) = self.choose(oddities::LOGIN_FIELDS);
        let value = self.choose(values);
        self.set(Field(grammar::LOGIN, key, value));
    }

    fn change_profile(&mut self) {
        self.set_all(grammar::PROFILE_ITEMS);
        let (place, (key, values)) = if self.random.one_in(2) {
            (grammar::CONFIG, self.choose(oddities::PROFILE_FIELDS))
        } else {
            (grammar::SECRETS, self.choose(oddities::SECRET_FIELDS))
        };
        let value = self.choose(values);
        self.set(Field(place, key, value));
    }

    fn set_all(&mut self, items: &[DrawnItem]) {
        for item in items {
            self.set(*item);
        }
    }

    /// Adds an ingredient; a user's file usually follows `CLAUDE_CONFIG_DIR`.
    fn set(&mut self, item: DrawnItem) {
        let has_config_dir = self.world.items.contains(&Variable(
            "CLAUDE_CONFIG_DIR",
            DrawnValue::Text("{home}/elsewhere"),
        ));
        let moved = grammar::MOVED
            .iter()
            .find(|(place, _)| item.file() == Some(*place));
        let item = match moved {
            Some((_, to)) if has_config_dir && !self.random.one_in(5) => item.moved(*to),
            _ => item,
        };
        self.world.set(item);
    }

    fn choose<T: Copy>(&mut self, table: Table<T>) -> T {
        let total: u32 = table.iter().map(|(weight, _)| weight).sum();
        let mut left = self
            .random
            .below(usize::try_from(total).unwrap_or_default());
        for (weight, value) in table {
            let weight = usize::try_from(*weight).unwrap_or_default();
            if left < weight {
                return *value;
            }
            left -= weight;
        }
        table[0].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEWEST: Program = Program::ClaudeCode("2.1.332");
    const SDK: Program = Program::Python("2.14.0");
    /// A seed whose 1,000 worlds have every value; with others, one of the rarest may be missing.
    const SEED: u64 = 187;

    fn worlds(program: Program, seed: u64) -> Vec<DrawnWorld> {
        (0..1000)
            .map(|number| draw(seed, program, number))
            .collect()
    }

    #[test]
    fn equal_seeds_give_equal_worlds() {
        assert_eq!(worlds(NEWEST, SEED), worlds(NEWEST, SEED));
        assert_ne!(worlds(NEWEST, SEED), worlds(NEWEST, SEED + 1));
    }

    #[test]
    fn every_place_and_form_is_drawn() {
        let worlds = worlds(NEWEST, SEED);
        let items: Vec<DrawnItem> = worlds.into_iter().flat_map(|world| world.items).collect();
        let places = grammar::SETTINGS.iter().chain(grammar::STATES);
        for (_, place) in places {
            assert!(
                items.iter().any(|item| item.file() == Some(*place)),
                "{place:?}"
            );
        }
        for (_, directory) in grammar::DIRECTORIES {
            assert!(items.contains(&Directory(*directory)), "{directory:?}");
        }
        for (_, arguments) in oddities::ARGUMENTS {
            assert!(items.contains(&Arguments(arguments)), "{arguments:?}");
        }
        for damage in FileDamage::ALL {
            let is_drawn = |item: &DrawnItem| matches!(item, Damage(_, other) if *other == damage);
            assert!(items.iter().any(is_drawn), "{damage:?}");
        }
        for (_, bundle) in [grammar::PROFILES, grammar::CLOUDS].concat() {
            for item in bundle {
                let is_drawn = |other: &DrawnItem| item.replaces(*other);
                assert!(items.iter().any(is_drawn), "{item}");
            }
        }
    }

    /// Returns the values and names that none of the worlds of a seed has.
    fn missing(seed: u64) -> Vec<String> {
        let worlds = [worlds(NEWEST, seed), worlds(SDK, seed)].concat();
        let drawn: Vec<(&str, DrawnValue)> = worlds
            .iter()
            .flat_map(|world| &world.items)
            .filter_map(|item| item.value())
            .collect();
        let (names, values) = names_and_values();
        let has_value = |value: &DrawnValue| drawn.iter().any(|(_, other)| other == value);
        let has_name = |name: &&str| drawn.iter().any(|(other, _)| other == name);
        let values = values.iter().filter(|value| !has_value(value));
        let names = names.iter().filter(|name| !has_name(name));
        values
            .map(ToString::to_string)
            .chain(names.map(ToString::to_string))
            .collect()
    }

    fn names_and_values() -> (Vec<&'static str>, Vec<DrawnValue>) {
        let tables = [
            values::CREDENTIAL_TEXTS,
            values::CREDENTIAL_JSON,
            values::HELPERS,
            values::URLS,
            values::URL_JSON,
            values::SWITCHES,
            values::SWITCH_JSON,
            values::PATHS,
            values::NAMES,
            values::OTHER_VALUES,
        ];
        let named = [
            oddities::LOGIN_FIELDS,
            oddities::PROFILE_FIELDS,
            oddities::SECRET_FIELDS,
            oddities::VARIABLES,
        ]
        .concat();
        let fields = [oddities::SETTINGS_FIELDS, oddities::STATE_FIELDS].concat();
        let tables = tables
            .into_iter()
            .chain(named.iter().map(|(_, (_, values))| *values));
        let values = tables.flatten().map(|(_, value)| *value);
        let values = values.chain(fields.iter().map(|(_, (_, value))| *value));
        let names = named.iter().map(|(_, (name, _))| *name);
        let names = names.chain(fields.iter().map(|(_, (name, _))| *name));
        let names = names.map(|name| name.strip_prefix("env.").unwrap_or(name));
        (names.collect(), values.collect())
    }

    #[test]
    fn every_value_and_variable_is_drawn() {
        assert_eq!(missing(SEED), Vec::<String>::new());
    }
}
