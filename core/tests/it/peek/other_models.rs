//! The places of a request that name a model other than the requested one.

use keyreeve_core::peek::{MAX_OTHER_MODELS, peek};

/// Returns the other models, joined by spaces, or the text of the error.
fn other_models(body: &str) -> String {
    match peek(body.as_bytes()) {
        Ok(fields) => fields.other_models.join(" "),
        Err(error) => error.to_string(),
    }
}

/// F-27: a tool or a fallback may name a model that answers, too.
#[test]
fn models_named_elsewhere_are_reported() {
    for (body, expected) in [
        (
            r#"{"model":"m","tools":[{"type":"advisor_20260301","name":"advisor","model":"opus"}]}"#,
            "opus",
        ),
        (
            r#"{"tools":[{"parameters":{"model":"a"}},{"m\u006fdel":"b"},{"MODEL":"c","model":"d"}]}"#,
            "a b c d",
        ),
        (
            r#"{"fallbacks":[{"model":"a"},"b"],"fallback_models":["c",["d"]],"fallback":"e"}"#,
            "a b c d e",
        ),
        (
            r#"{"models":["a","a",null,7,{"x":"y","model":"b"}],"Advisor_Model":"c","fallback\u017f":"d"}"#,
            "a b c d",
        ),
        (
            r#"{"x":{"metadata":{"model":"a"},"messages":[{"model":"b"}]}}"#,
            "a b",
        ),
    ] {
        assert_eq!(other_models(body), expected, "{body}");
    }
}

#[test]
fn content_names_no_model() {
    for body in [
        r#"{"messages":[{"content":[{"type":"tool_use","input":{"model":"haiku"}}]}]}"#,
        r#"{"system":[{"type":"text","model":"a"}]}"#,
        r#"{"tools":[{"input_schema":{"properties":{"model":{"const":"a"}},"default":{"model":"a"}}}]}"#,
        r#"{"tools":[{"input_examples":[{"model":"a"}]}]}"#,
        r#"{"output_format":{"type":"json_schema","schema":{"default":{"model":"a"}}}}"#,
        r#"{"metadata":{"model":"a"}}"#,
        r#"{"tools":[{"model":null},{"model":3},{"modeling":"a","remodels_":"b"}]}"#,
    ] {
        assert_eq!(other_models(body), "", "{body}");
    }
    // Only the exact names are content: another parser may read these as something else.
    assert_eq!(other_models(r#"{"Messages":[{"model":"a"}]}"#), "a");
    assert_eq!(other_models(r#"{"tools":[{"Schema":{"model":"a"}}]}"#), "a");
}

#[test]
fn number_of_other_models_is_limited() {
    let body = |count: usize| {
        let names: Vec<_> = (0..count).map(|number| format!("\"m{number}\"")).collect();
        format!(r#"{{"models":[{}]}}"#, names.join(","))
    };
    let most = peek(body(MAX_OTHER_MODELS).as_bytes()).unwrap();
    assert_eq!(most.other_models.len(), MAX_OTHER_MODELS);
    assert_eq!(
        other_models(&body(MAX_OTHER_MODELS + 1)),
        "the body names more than 64 models"
    );
    assert_eq!(
        other_models(r#"{"tools":[{"model":"\udc00"}]}"#),
        "model must be a string"
    );
}
