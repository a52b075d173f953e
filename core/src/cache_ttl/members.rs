//! Picks named members of JSON objects as raw values, in one pass and without building a tree.
//!
//! Invariants: the results are slices of the input text; an array is never accepted as an object; a duplicate name, in
//! any spelling, is rejected; the elements of an array are processed one by one, without collecting them.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::TtlSkipReason;

/// The values of the requested members, in the order of their names. `null` is a value like any other.
pub(super) type Members<'a, const N: usize> = [Option<&'a RawValue>; N];

/// Picks members of a JSON object.
///
/// # Errors
/// [`TtlSkipReason::Shape`] if it is not a JSON object, or contains one of the names twice.
pub(super) fn pick_members<'a, const N: usize>(
    object: &'a str,
    names: [&'static str; N],
) -> Result<Members<'a, N>, TtlSkipReason> {
    let mut text = serde_json::Deserializer::from_str(object);
    let members = Object(names).deserialize(&mut text);
    let members = members.map_err(|_| TtlSkipReason::Shape)?;
    text.end().map_err(|_| TtlSkipReason::Shape)?;
    Ok(members)
}

/// Calls `act` with the members of each object of an array.
///
/// # Errors
/// [`TtlSkipReason::Shape`] if it is not an array of objects, or the error of `act`.
pub(super) fn for_each_object<'a, const N: usize>(
    array: &'a RawValue,
    names: [&'static str; N],
    mut act: impl FnMut(Members<'a, N>) -> Result<(), TtlSkipReason>,
) -> Result<(), TtlSkipReason> {
    let mut reason = TtlSkipReason::Shape;
    let objects = Objects {
        names,
        act: |members| {
            act(members).map_err(|error| {
                reason = error;
            })
        },
    };
    let mut text = serde_json::Deserializer::from_str(array.get());
    let result = text.deserialize_seq(objects);
    result.map_err(|_| reason)
}

struct Object<const N: usize>([&'static str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for Object<N> {
    type Value = Members<'de, N>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Object<N> {
    type Value = Members<'de, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = [None; N];
        while let Some(index) = map.next_key_seed(MemberKey(&self.0))? {
            let Some(slot) = index.and_then(|index| members.get_mut(index)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if slot.replace(map.next_value()?).is_some() {
                return Err(A::Error::custom("duplicate name"));
            }
        }
        Ok(members)
    }
}

/// A key, with escapes resolved: deserializes to its index among the names.
struct MemberKey<'n>(&'n [&'static str]);

impl<'de> DeserializeSeed<'de> for MemberKey<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberKey<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}

struct Objects<const N: usize, F> {
    names: [&'static str; N],
    act: F,
}

impl<'de, const N: usize, F> Visitor<'de> for Objects<N, F>
where
    F: FnMut(Members<'de, N>) -> Result<(), ()>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut array: A) -> Result<(), A::Error> {
        while let Some(members) = array.next_element_seed(Object(self.names))? {
            (self.act)(members).map_err(|()| A::Error::custom("stopped"))?;
        }
        Ok(())
    }
}
