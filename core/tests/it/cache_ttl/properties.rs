//! What holds for every body: the tree differs in nothing but lifetimes, and the bytes in nothing but their spelling.

use keyreeve_core::cache_ttl::{Edit, Left, Ttl, edit};
use proptest::prelude::*;
use proptest::sample::select;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::model::{gaps, request, walked};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_edited_tree_differs_in_lifetimes_alone(
        request in request(), gaps in gaps(), ttl in select(&Ttl::ALL[..])
    ) {
        let body = request.text(&gaps);
        let mut before: Value = serde_json::from_str(&body).unwrap();
        let mut expected = before.clone();
        let after = walked(&mut expected, Some(ttl));
        match edit(body.as_bytes(), ttl) {
            Edit::Edited { body: edited, markers } => {
                let tree: Value = serde_json::from_slice(&edited).unwrap();
                prop_assert_eq!(without_default(tree), without_default(expected));
                prop_assert!(is_in_order(&after), "{:?}", after);
                prop_assert_eq!(undone(body.as_bytes(), &edited, ttl), Some(markers));
                prop_assert_eq!(edit(&edited, ttl), Edit::Nothing);
            }
            Edit::Nothing => {
                let before = walked(&mut before, None);
                prop_assert_eq!(before, after);
            }
            Edit::Left(left) => {
                prop_assert_eq!(left, Left::Order);
                prop_assert!(!is_in_order(&after), "{:?}", after);
            }
        }
    }

    #[test]
    fn a_damaged_body_is_never_damaged_further(
        request in request(), gaps in gaps(), at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let mut body = request.text(&gaps).into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        match edit(&body, Ttl::OneHour) {
            Edit::Edited { body: edited, markers } => {
                prop_assert!(serde_json::from_slice::<IgnoredAny>(&edited).is_ok());
                prop_assert_eq!(undone(&body, &edited, Ttl::OneHour), Some(markers));
            }
            Edit::Nothing | Edit::Left(_) => {}
        }
    }

    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let edited = matches!(edit(&body, Ttl::OneHour), Edit::Edited { .. });
        prop_assert!(!edited);
    }
}

/// Whether one hour never stands after five minutes.
fn is_in_order(ttls: &[String]) -> bool {
    !ttls
        .windows(2)
        .any(|pair| pair[0] == "5m" && pair[1] == "1h")
}

/// A marker without a lifetime is one of five minutes, wherever it stands: what was edited wrongly would differ in `1h`.
fn without_default(mut tree: Value) -> Value {
    fn strip(tree: &mut Value) {
        match tree {
            Value::Array(elements) => elements.iter_mut().for_each(strip),
            Value::Object(members) => {
                if members.get("type").is_some_and(|kind| kind == "ephemeral")
                    && members.get("ttl").is_some_and(|ttl| ttl == "5m")
                {
                    members.remove("ttl");
                }
                members.values_mut().for_each(strip);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    strip(&mut tree);
    tree
}

/// How many lifetimes have to be undone to have the body back; none where anything else differs.
pub(super) fn undone(body: &[u8], edited: &[u8], ttl: Ttl) -> Option<usize> {
    let (added, value) = (format!(",\"ttl\":\"{ttl}\""), format!("{ttl}\""));
    let (mut was, mut is, mut count) = (body, edited, 0);
    while !is.is_empty() {
        // No marker has two: where there was one, its value is what differs.
        if is.starts_with(added.as_bytes()) && !was.starts_with(b",\"ttl\":") {
            is = &is[added.len()..];
            count += 1;
        } else if was.first() == is.first() {
            (was, is) = (&was[1..], &is[1..]);
        } else {
            // In the middle of a value: its old spelling reads as the other lifetime.
            let end = was.iter().position(|byte| *byte == b'"')?;
            let old: String = serde_json::from_slice(&[b"\"", &was[..=end]].concat()).ok()?;
            let other = Ttl::of(&old).filter(|old| *old != ttl);
            is = is
                .strip_prefix(value.as_bytes())
                .filter(|_| other.is_some())?;
            was = &was[end + 1..];
            count += 1;
        }
    }
    was.is_empty().then_some(count)
}
