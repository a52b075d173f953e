//! Properties of every edit: the tree differs only in lifetimes, and the bytes only in their spelling.

use keyreeve_core::cache_ttl::{Ttl, TtlEdit, TtlSkipReason, apply_ttl};
use proptest::prelude::*;
use proptest::sample::select;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::model::{collect_ttls, gaps, request};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn edited_tree_differs_only_in_lifetimes(
        request in request(), gaps in gaps(), ttl in select(&Ttl::ALL[..])
    ) {
        let body = request.text(&gaps);
        let mut before: Value = serde_json::from_str(&body).unwrap();
        let mut expected = before.clone();
        let after = collect_ttls(&mut expected, Some(ttl));
        match apply_ttl(body.as_bytes(), ttl) {
            TtlEdit::Edited { body: edited, markers } => {
                let tree: Value = serde_json::from_slice(&edited).unwrap();
                prop_assert_eq!(without_default(tree), without_default(expected));
                prop_assert!(is_in_order(&after), "{:?}", after);
                prop_assert_eq!(count_edits(body.as_bytes(), &edited, ttl), Some(markers));
                prop_assert_eq!(apply_ttl(&edited, ttl), TtlEdit::Unchanged);
            }
            TtlEdit::Unchanged => {
                let before = collect_ttls(&mut before, None);
                prop_assert_eq!(before, after);
            }
            TtlEdit::Skipped(reason) => {
                prop_assert_eq!(reason, TtlSkipReason::Order);
                prop_assert!(!is_in_order(&after), "{:?}", after);
            }
        }
    }

    #[test]
    fn damaged_body_is_not_damaged_further(
        request in request(), gaps in gaps(), at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let mut body = request.text(&gaps).into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        match apply_ttl(&body, Ttl::OneHour) {
            TtlEdit::Edited { body: edited, markers } => {
                prop_assert!(serde_json::from_slice::<IgnoredAny>(&edited).is_ok());
                prop_assert_eq!(count_edits(&body, &edited, Ttl::OneHour), Some(markers));
            }
            TtlEdit::Unchanged | TtlEdit::Skipped(_) => {}
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let edited = matches!(apply_ttl(&body, Ttl::OneHour), TtlEdit::Edited { .. });
        prop_assert!(!edited);
    }
}

/// Returns `true` if one hour never follows five minutes.
fn is_in_order(ttls: &[String]) -> bool {
    !ttls
        .windows(2)
        .any(|pair| pair[0] == "5m" && pair[1] == "1h")
}

/// Removes the default `5m` from every marker, which is equivalent to no lifetime: a wrong edit would still differ in
/// `1h`.
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

/// Counts the edited lifetimes; returns `None` if anything else differs.
pub(super) fn count_edits(body: &[u8], edited: &[u8], ttl: Ttl) -> Option<usize> {
    let (added, value) = (format!(",\"ttl\":\"{ttl}\""), format!("{ttl}\""));
    let (mut old, mut new, mut count) = (body, edited, 0);
    while !new.is_empty() {
        // No marker has two lifetimes: if it had one, only the value differs.
        if new.starts_with(added.as_bytes()) && !old.starts_with(b",\"ttl\":") {
            new = &new[added.len()..];
            count += 1;
        } else if old.first() == new.first() {
            (old, new) = (&old[1..], &new[1..]);
        } else {
            // In the middle of a value: the old spelling means the other lifetime.
            let end = old.iter().position(|byte| *byte == b'"')?;
            let value_before: String =
                serde_json::from_slice(&[b"\"", &old[..=end]].concat()).ok()?;
            let other = Ttl::parse(&value_before).filter(|before| *before != ttl);
            new = new
                .strip_prefix(value.as_bytes())
                .filter(|_| other.is_some())?;
            old = &old[end + 1..];
            count += 1;
        }
    }
    old.is_empty().then_some(count)
}
