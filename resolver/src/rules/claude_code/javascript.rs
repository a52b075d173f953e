//! The text of a JSON value, as JavaScript converts it (docs/facts.md#claude-code-files).

use serde_json::{Number, Value};

/// The magnitudes between which JavaScript writes a number without an exponent.
const PLAIN_MAGNITUDES: std::ops::Range<f64> = 1e-6..1e21;

/// Returns the text of a value: `null`, `true`, a list joined by commas, `[object Object]`.
pub(crate) fn to_javascript_text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number_text(number),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let texts: Vec<String> = items
                .iter()
                .map(|item| match item {
                    // Inside a list, `null` is empty.
                    Value::Null => String::new(),
                    Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Array(_)
                    | Value::Object(_) => to_javascript_text(item),
                })
                .collect();
            texts.join(",")
        }
        Value::Object(_) => "[object Object]".to_owned(),
    }
}

fn number_text(number: &Number) -> String {
    let Some(value) = number.as_f64() else {
        return number.to_string();
    };
    if value == 0.0 {
        "0".to_owned()
    } else if PLAIN_MAGNITUDES.contains(&value.abs()) {
        value.to_string()
    } else {
        let text = format!("{value:e}");
        if text.contains("e-") {
            text
        } else {
            text.replace('e', "e+")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-02: `env` values that are not text become text as in JavaScript.
    #[test]
    fn values_become_text_as_in_javascript() {
        for (json, text) in [
            ("null", "null"),
            ("true", "true"),
            ("0", "0"),
            ("-0.0", "0"),
            ("7000001234567", "7000001234567"),
            ("1.5", "1.5"),
            ("1000.0", "1000"),
            ("1e21", "1e+21"),
            ("1e-7", "1e-7"),
            ("9007199254740993", "9007199254740992"),
            ("\"a\"", "a"),
            ("[]", ""),
            ("[\"a\", null, [1, \"b\"]]", "a,,1,b"),
            ("{}", "[object Object]"),
        ] {
            let value: Value = serde_json::from_str(json).unwrap();
            assert_eq!(to_javascript_text(&value), text, "{json}");
        }
    }
}
