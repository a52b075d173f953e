//! Random bodies, whole and damaged, cut into random pieces: read as `serde_json` reads them.

use keyreeve_core::peek::peek;
use proptest::prelude::*;

use super::pieces::peek_pieces;
use super::reference::reference;

/// Names that matter, and their kin.
const NAMES: [&str; 20] = [
    "model",
    "Model",
    "mod\\u0065l",
    "stream",
    "STREAM",
    "max_tokens",
    "metadata",
    "user_id",
    "User_id",
    "messages",
    "system",
    "tools",
    "input_schema",
    "schema",
    "fallbacks",
    "models",
    "advisor_model",
    "\u{17F}tream",
    "x",
    "",
];

/// Bytes at which damage is likely to change the meaning.
const BYTES: &[u8] = b"\"\"\\\\{}[]:,,ntu0e-.1 \n\x00\x1f\x7f\x80\xc3\xe2\xff";

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just(""), 1 => Just(" "), 1 => Just("\r\n\t  ")]
}

fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => "[a-zA-Z0-9 .,:{}\\[\\]]{0,40}",
        1 => any::<char>().prop_filter_map("plain", |char| {
            (!matches!(char, '"' | '\\' | '\0'..='\x1f')).then(|| char.to_string())
        }),
        2 => prop::sample::select(vec![
            r"\n", r"\t", r"\r", r"\b", r"\f", r"\/", r#"\""#, r"\\", r"\u00e4", r"\uD83d\uDE00", "漢字", "\u{1F600}",
        ]).prop_map(ToOwned::to_owned),
        1 => (0..70_usize).prop_map(|count| r"\\".repeat(count)),
    ];
    prop::collection::vec(part, 0..5).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(&NAMES[..]).prop_map(|name| format!("\"{name}\"")),
        1 => text(),
    ]
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => text(),
        1 => any::<u64>().prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_filter_map("finite", |number| {
            number.is_finite().then(|| format!("{number:e}"))
        }),
        2 => prop::sample::select(vec![
            "true", "false", "null", "0", "-0", "1e999", "1.50E-7", r#""\ud800""#, r#""a\udc00b""#,
        ]).prop_map(ToOwned::to_owned),
    ]
}

fn members(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let member = (space(), name(), space(), space(), value, space()).prop_map(
        |(before, name, after, start, value, end)| {
            format!("{before}{name}{after}:{start}{value}{end}")
        },
    );
    prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn value() -> impl Strategy<Value = String> {
    scalar().prop_recursive(5, 40, 6, |inner| {
        let array = prop::collection::vec((space(), inner.clone(), space()), 0..6);
        let array = array.prop_map(|elements| {
            let elements = elements.into_iter();
            let texts: Vec<_> = elements
                .map(|(before, value, after)| format!("{before}{value}{after}"))
                .collect();
            format!("[{}]", texts.join(","))
        });
        prop_oneof![array, members(inner)]
    })
}

/// A body whose fields mostly have the right types, and appear once.
fn valid_body() -> impl Strategy<Value = String> {
    let field = |name: &'static str, value: BoxedStrategy<String>| {
        prop::option::of(value.prop_map(move |value| format!("\"{name}\":{value}")))
    };
    let number = prop_oneof![
        any::<u64>().prop_map(|number| number.to_string()),
        Just("null".to_owned())
    ];
    let fields = (
        field("model", text().boxed()),
        field(
            "stream",
            prop::sample::select(vec!["true", "false", "null"])
                .prop_map(ToOwned::to_owned)
                .boxed(),
        ),
        field("max_tokens", number.boxed()),
        field("metadata", members(scalar()).boxed()),
        field("tools", value().boxed()),
        field("messages", value().boxed()),
        field("fallbacks", value().boxed()),
    );
    let order = any::<[u8; 7]>();
    (fields, order).prop_map(|((a, b, c, d, e, f, g), order)| {
        let mut fields: Vec<_> = [a, b, c, d, e, f, g].into_iter().zip(order).collect();
        fields.sort_by_key(|(_, order)| *order);
        let present: Vec<_> = fields.into_iter().filter_map(|(field, _)| field).collect();
        format!("{{{}}}", present.join(" , "))
    })
}

fn damaged(body: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let damage = prop::collection::vec(
        (
            any::<prop::sample::Index>(),
            0..3_u8,
            prop::sample::select(BYTES),
        ),
        1..4,
    );
    (body, damage).prop_map(|(body, damage)| {
        let mut body = body.into_bytes();
        for (index, kind, byte) in damage {
            let index = index.index(body.len() + 1);
            match kind {
                0 => body.insert(index, byte),
                1 if index < body.len() => body[index] = byte,
                _ => body.truncate(index.max(body.len().saturating_sub(3))),
            }
        }
        body
    })
}

fn check(body: &[u8], cuts: &[prop::sample::Index]) -> Result<(), TestCaseError> {
    let whole = peek(body);
    prop_assert_eq!(whole.clone().ok(), reference(body), "{:?}", &whole);
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
    cuts.extend([0, body.len()]);
    cuts.sort_unstable();
    let pieces = cuts.windows(2).map(|cut| &body[cut[0]..cut[1]]);
    prop_assert_eq!(peek_pieces(pieces), whole);
    Ok(())
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn valid_body_is_read_as_serde_json_reads_it(body in valid_body(), cuts in cuts()) {
        check(body.as_bytes(), &cuts)?;
    }

    #[test]
    fn any_object_is_read_as_serde_json_reads_it(body in members(value()), cuts in cuts()) {
        check(body.as_bytes(), &cuts)?;
    }

    #[test]
    fn damaged_body_is_refused_as_by_serde_json(body in damaged(valid_body()), cuts in cuts()) {
        check(&body, &cuts)?;
    }

    #[test]
    fn damaged_object_is_refused_as_by_serde_json(body in damaged(members(value())), cuts in cuts()) {
        check(&body, &cuts)?;
    }

    #[test]
    fn almost_json_is_refused_as_by_serde_json(
        body in r#"\{("model"|"stream"|:|,|"|\\|\[|\]|\{|\}|1|true|null| ){0,30}\}"#,
        cuts in cuts(),
    ) {
        check(body.as_bytes(), &cuts)?;
    }

    #[test]
    fn arbitrary_bytes_are_refused_as_by_serde_json(body in prop::collection::vec(any::<u8>(), 0..200), cuts in cuts()) {
        check(&body, &cuts)?;
    }
}
