//! Picks named members of JSON objects as raw values, in one pass and without building a tree.
//!
//! Invariants: the results are slices of the input text; an array is never accepted as an object; a duplicate name, in
//! any spelling, is rejected; skipped values are checked to be JSON, to any depth; the elements of an array are
//! processed one by one, without collecting them.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

/// The values of the requested members, in the order of their names. `null` is a value like any other.
pub(crate) type Members<'a, const N: usize> = [Option<&'a RawValue>; N];

/// The reason that no members are picked.
#[derive(Debug)]
pub(crate) enum MembersError {
    /// The text is not one JSON object, or not an array of objects.
    NotAnObject,
    /// The object contains one of the names twice.
    Duplicate,
}

/// Picks members of a JSON object.
///
/// # Errors
/// [`MembersError`] if it is not a JSON object, or contains one of the names twice.
pub(crate) fn pick_members<'a, const N: usize>(
    object: &'a str,
    names: [&'static str; N],
) -> Result<Members<'a, N>, MembersError> {
    let mut text = serde_json::Deserializer::from_str(object);
    let picked = Object(names).deserialize(&mut text);
    let picked = picked.map_err(|_| MembersError::NotAnObject)?;
    text.end().map_err(|_| MembersError::NotAnObject)?;
    if picked.has_duplicate {
        Err(MembersError::Duplicate)
    } else {
        Ok(picked.members)
    }
}

/// Calls `act` with the members of each object of an array.
///
/// # Errors
/// [`MembersError`] if it is not an array of objects, or one of them contains a name twice; else the error of `act`.
pub(crate) fn for_each_object<'a, const N: usize, E: From<MembersError>>(
    array: &'a RawValue,
    names: [&'static str; N],
    mut act: impl FnMut(Members<'a, N>) -> Result<(), E>,
) -> Result<(), E> {
    let mut failed = None;
    let objects = Objects {
        names,
        act: |members| {
            act(members).map_err(|error| {
                failed = Some(error);
            })
        },
    };
    let mut text = serde_json::Deserializer::from_str(array.get());
    let result = text.deserialize_seq(objects);
    result.map_err(|_| failed.unwrap_or_else(|| MembersError::NotAnObject.into()))
}

/// Picks the members with these names.
struct Object<const N: usize>([&'static str; N]);

struct PickedMembers<'a, const N: usize> {
    members: Members<'a, N>,
    /// `true` if one of the names appeared twice.
    has_duplicate: bool,
}

impl<'de, const N: usize> DeserializeSeed<'de> for Object<N> {
    type Value = PickedMembers<'de, N>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Object<N> {
    type Value = PickedMembers<'de, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut members, mut has_duplicate) = ([None; N], false);
        while let Some(index) = map.next_key_seed(MemberKey(&self.0))? {
            let Some(index) = index else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            has_duplicate |= members[index].replace(map.next_value()?).is_some();
        }
        Ok(PickedMembers {
            members,
            has_duplicate,
        })
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
        while let Some(picked) = array.next_element_seed(Object(self.names))? {
            if picked.has_duplicate {
                return Err(A::Error::custom("duplicate name"));
            }
            (self.act)(picked.members).map_err(|()| A::Error::custom("stopped"))?;
        }
        Ok(())
    }
}
