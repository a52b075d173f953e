//! Decides which virtual keys of a backup work again: the rules, without a database.

use std::collections::HashMap;

use jiff::Timestamp;
use keyreeve_core::profile::Name;
use keyreeve_core::virtual_key::{KeyId, PublicId, VirtualKey};

/// The virtual keys that work again, in addition to those that work in the store that is replaced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RevivedKeys {
    /// The keys with these names.
    Named(Vec<Name>),
    /// All keys of the backup.
    All,
}

/// A virtual key of a backup, with its secrets.
pub(super) struct BackupKey {
    pub(super) id: KeyId,
    pub(super) name: Name,
    pub(super) created_at: Timestamp,
    /// Names of its profiles.
    pub(super) profiles: Vec<String>,
    /// Everything it may do; `None` in an old database, whose keys cannot be compared.
    pub(super) row: Option<VirtualKey>,
    pub(super) secrets: Vec<BackupSecret>,
}

/// A secret of a virtual key of a backup.
pub(super) struct BackupSecret {
    pub(super) id: PublicId,
    pub(super) valid_until: Option<Timestamp>,
}

/// A secret of the store that is replaced.
pub(super) struct ReplacedSecret {
    pub(super) key: VirtualKey,
    pub(super) valid_until: Option<Timestamp>,
    /// `true` if its row and that of its key verify.
    pub(super) is_verified: bool,
}

/// The secrets of the store that is replaced; none if there is no such store, or if it cannot be read.
pub(super) type ReplacedSecrets = HashMap<PublicId, ReplacedSecret>;

/// The fate of a secret of the backup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SecretFate {
    /// It stays dead.
    Dead,
    /// It works again.
    Works {
        /// Its expiry.
        until: Option<Timestamp>,
    },
}

impl BackupKey {
    /// Decides the fate of each secret: those that work in the replaced store, and whose key may do the same there, work
    /// again, at most until they expire there; so do all of a key that is named.
    pub(super) fn fates(
        &self,
        replaced: &ReplacedSecrets,
        revived: &RevivedKeys,
        at: Timestamp,
    ) -> Vec<SecretFate> {
        let is_named = match revived {
            RevivedKeys::All => true,
            RevivedKeys::Named(names) => names.contains(&self.name),
        };
        let fate = |secret: &BackupSecret| {
            if is_named {
                return SecretFate::Works {
                    until: secret.valid_until,
                };
            }
            match replaced.get(&secret.id) {
                Some(active) if active.works(at) && self.row.as_ref() == Some(&active.key) => {
                    SecretFate::Works {
                        until: earlier(secret.valid_until, active.valid_until),
                    }
                }
                Some(_) | None => SecretFate::Dead,
            }
        };
        self.secrets.iter().map(fate).collect()
    }
}

impl ReplacedSecret {
    fn works(&self, at: Timestamp) -> bool {
        let is_valid = self.valid_until.is_none_or(|until| until > at);
        is_valid && self.is_verified && self.key.refusal(at).is_none()
    }
}

/// Returns the earlier expiry; `None` is no expiry.
fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (until, None) | (None, until) => until,
    }
}

#[cfg(test)]
mod tests {
    use keyreeve_core::virtual_key::{ModelPattern, Strategy};
    use uuid::Uuid;

    use super::*;

    const SECRET: PublicId = PublicId(*b"aaaaaaaa");
    const NOW: i64 = 50;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn row() -> VirtualKey {
        VirtualKey {
            id: KeyId(Uuid::from_u128(1)),
            name: "tool".parse().unwrap(),
            profiles: Vec::new(),
            billing: None,
            strategy: Strategy::Ordered,
            allow_billing: Vec::new(),
            models: Vec::new(),
            cache_ttl: None,
            expires_at: None,
            revoked_at: None,
            created_at: at(1),
            simulated: false,
        }
    }

    fn backup_key(row: Option<VirtualKey>, valid_until: Option<i64>) -> BackupKey {
        BackupKey {
            id: KeyId(Uuid::from_u128(1)),
            name: "tool".parse().unwrap(),
            created_at: at(1),
            profiles: Vec::new(),
            row,
            secrets: vec![BackupSecret {
                id: SECRET,
                valid_until: valid_until.map(at),
            }],
        }
    }

    fn active() -> ReplacedSecret {
        ReplacedSecret {
            key: row(),
            valid_until: None,
            is_verified: true,
        }
    }

    fn works(until: Option<i64>) -> SecretFate {
        SecretFate::Works {
            until: until.map(at),
        }
    }

    /// Decides about one secret, of a key that is not named.
    fn fate(key: &BackupKey, replaced: Option<ReplacedSecret>) -> SecretFate {
        let replaced = replaced
            .map(|secret| (SECRET, secret))
            .into_iter()
            .collect();
        key.fates(&replaced, &RevivedKeys::Named(Vec::new()), at(NOW))[0]
    }

    /// F-24: only what works in the replaced store, and may do the same there, works again.
    #[test]
    fn only_secrets_that_work_in_the_replaced_store_work_again() {
        let key = backup_key(Some(row()), None);
        assert_eq!(fate(&key, Some(active())), works(None));
        assert_eq!(fate(&key, None), SecretFate::Dead, "unknown there");
        let changed = |change: fn(&mut ReplacedSecret)| {
            let mut secret = active();
            change(&mut secret);
            Some(secret)
        };
        for (case, secret) in [
            ("not verified", changed(|secret| secret.is_verified = false)),
            (
                "rotated out",
                changed(|secret| secret.valid_until = Some(at(NOW))),
            ),
            (
                "revoked",
                changed(|secret| secret.key.revoked_at = Some(at(40))),
            ),
            (
                "expired",
                changed(|secret| secret.key.expires_at = Some(at(NOW))),
            ),
            (
                "narrowed",
                changed(|secret| secret.key.models = vec![ModelPattern::new("a*")]),
            ),
            (
                "of another key",
                changed(|secret| secret.key.id = KeyId(Uuid::from_u128(2))),
            ),
        ] {
            assert_eq!(fate(&key, secret), SecretFate::Dead, "{case}");
        }
        let old = backup_key(None, None);
        assert_eq!(fate(&old, Some(active())), SecretFate::Dead, "old database");
    }

    #[test]
    fn earlier_expiry_of_both_stores_holds() {
        for (backup, replaced, expected) in [
            (None, Some(60), Some(60)),
            (Some(70), None, Some(70)),
            (Some(70), Some(60), Some(60)),
            (Some(55), Some(60), Some(55)),
        ] {
            let secret = ReplacedSecret {
                valid_until: replaced.map(at),
                ..active()
            };
            let key = backup_key(Some(row()), backup);
            assert_eq!(fate(&key, Some(secret)), works(expected));
        }
    }

    #[test]
    fn named_keys_work_as_in_the_backup() {
        let key = backup_key(None, Some(70));
        for (revived, expected) in [
            (RevivedKeys::All, works(Some(70))),
            (
                RevivedKeys::Named(vec!["tool".parse().unwrap()]),
                works(Some(70)),
            ),
            (
                RevivedKeys::Named(vec!["other".parse().unwrap()]),
                SecretFate::Dead,
            ),
        ] {
            let fates = key.fates(&ReplacedSecrets::new(), &revived, at(NOW));
            assert_eq!(fates, [expected], "{revived:?}");
        }
    }
}
