//! Picks named members out of JSON objects as they are written, in one pass and without a tree.
//!
//! Invariants: what is given points into the text that was handed in; an array never passes for an object; a name that
//! stands twice, however it is spelled, is refused; nothing is kept of an array's elements, however many there are.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::Left;

/// The values of the members that were asked for, in the order of their names. `null` is given as it is written.
pub(super) type Members<'a, const N: usize> = [Option<&'a RawValue>; N];

/// Picks the members out of the object that a text is.
///
/// # Errors
/// [`Left::Shape`] where it is no JSON object, or has one of the names twice.
pub(super) fn members<'a, const N: usize>(
    object: &'a str,
    names: [&'static str; N],
) -> Result<Members<'a, N>, Left> {
    let mut text = serde_json::Deserializer::from_str(object);
    let found = Object(names).deserialize(&mut text);
    let found = found.map_err(|_| Left::Shape)?;
    text.end().map_err(|_| Left::Shape)?;
    Ok(found)
}

/// Does something with each object of an array.
///
/// # Errors
/// [`Left::Shape`] where it is no array of objects, and whatever `act` does not like.
pub(super) fn each<'a, const N: usize>(
    array: &'a RawValue,
    names: [&'static str; N],
    mut act: impl FnMut(Members<'a, N>) -> Result<(), Left>,
) -> Result<(), Left> {
    let mut left = Left::Shape;
    let objects = Objects {
        names,
        act: |members| {
            act(members).map_err(|why| {
                left = why;
            })
        },
    };
    let mut text = serde_json::Deserializer::from_str(array.get());
    let done = text.deserialize_seq(objects);
    done.map_err(|_| left)
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
        while let Some(place) = map.next_key_seed(Key(&self.0))? {
            let Some(place) = place.and_then(|place| members.get_mut(place)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if place.replace(map.next_value()?).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(members)
    }
}

/// A key: its place among the names, its escapes resolved.
struct Key<'n>(&'n [&'static str]);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
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
            (self.act)(members).map_err(|()| A::Error::custom("left alone"))?;
        }
        Ok(())
    }
}
