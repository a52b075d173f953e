//! Pricing: costs of the fixtures, pricing options, unknown models, and invalid price lists.

use keyreeve_core::price::{CostBasis, PriceTable};
use keyreeve_core::usage::{Geo, PricedPart, ServiceTier, Speed, TokenCounts, Usage, meter_body};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::usage::{fixtures, meter};

fn tokens(counts: [u64; 5]) -> TokenCounts {
    let [input, output, cache_read, write_5m, write_1h] = counts;
    TokenCounts {
        input,
        output,
        cache_read,
        write_5m,
        write_1h,
    }
}

/// Returns one part at the response's model, with standard options.
fn usage(counts: [u64; 5]) -> Usage {
    Usage {
        parts: vec![PricedPart {
            model: None,
            tokens: tokens(counts),
        }],
        ..Usage::default()
    }
}

/// Returns the cost in dollars, with `<=` if it is an upper bound.
fn cost(model: &str, usage: &Usage) -> String {
    let cost = PriceTable::embedded().cost(Some(model), usage);
    match cost.basis {
        CostBasis::Known => cost.amount.to_string(),
        CostBasis::AtMost => format!("<= {}", cost.amount),
        CostBasis::Equivalent => format!("equivalent {}", cost.amount),
    }
}

#[test]
fn fixture_streams_have_the_expected_cost() {
    let table = PriceTable::embedded();
    for fixture in fixtures() {
        let metered = meter([fixture.stream]);
        let cost = table.cost(metered.model.as_deref(), &metered.usage);
        let actual = (cost.amount.to_string(), cost.basis);
        assert_eq!(actual, (fixture.cost, CostBasis::Known), "{}", fixture.file);
    }
}

#[test]
fn fixture_bodies_have_the_expected_cost() {
    let success: Value = serde_json::from_str(include_str!("../fixtures/success.json")).unwrap();
    let success = success["body"].to_string();
    let iterations = include_str!("../fixtures/usage-iterations.json");
    for (body, dollars) in [(success.as_str(), "0.017914"), (iterations, "0.06006")] {
        let metered = meter_body(body.as_bytes());
        assert_eq!(
            cost(metered.model.as_deref().unwrap(), &metered.usage),
            dollars
        );
    }
}

#[test]
fn prompt_size_determines_the_tier() {
    for (counts, dollars) in [
        ([100_000, 1000, 0, 0, 0], "0.0105"),
        ([100_001, 1000, 0, 0, 0], "0.0525005"),
        ([1, 1000, 99_999, 0, 0], "0.00150009"),
        ([1, 0, 50_000, 25_000, 25_000], "0.0431255"),
        ([0, 1_000_000, 0, 0, 0], "0.5"),
    ] {
        assert_eq!(
            cost("claude-haiku-5-5", &usage(counts)),
            dollars,
            "{counts:?}"
        );
    }
}

#[test]
fn each_part_has_its_own_tier() {
    let part = PricedPart {
        model: None,
        tokens: tokens([60_000, 0, 0, 0, 0]),
    };
    let two = Usage {
        parts: vec![part.clone(), part],
        ..Usage::default()
    };
    assert_eq!(cost("claude-haiku-5-5", &two), "0.012");
    assert_eq!(
        cost("claude-haiku-5-5", &usage([120_000, 0, 0, 0, 0])),
        "0.06"
    );
}

#[test]
fn part_with_its_own_model_has_its_own_price() {
    let mut both = usage([1000, 0, 0, 0, 0]);
    let advisor = Some("claude-opus-5-5".to_owned());
    both.parts.push(PricedPart {
        model: advisor,
        tokens: tokens([0, 100, 0, 0, 0]),
    });
    assert_eq!(cost("claude-sonnet-5-5", &both), "0.004");
    both.parts[1].model = Some("unknown-model".to_owned());
    assert_eq!(cost("claude-sonnet-5-5", &both), "<= 0.0095");
}

#[test]
fn options_multiply_every_class() {
    let standard = usage([100, 100, 100, 100, 100]);
    let with = |change: fn(&mut Usage)| {
        let mut usage = standard.clone();
        change(&mut usage);
        usage
    };
    for (model, usage, dollars) in [
        ("claude-opus-5-5", with(|_| ()), "0.00372"),
        (
            "claude-opus-5-5",
            with(|usage| usage.service_tier = ServiceTier::Batch),
            "0.00186",
        ),
        (
            "claude-opus-5-5",
            with(|usage| usage.service_tier = ServiceTier::Priority),
            "0.00372",
        ),
        (
            "claude-opus-5-5",
            with(|usage| usage.geo = Geo::Us),
            "0.004092",
        ),
        (
            "claude-opus-5-5",
            with(|usage| usage.speed = Speed::Fast),
            "0.00744",
        ),
        (
            "claude-sonnet-5-5",
            with(|usage| usage.speed = Speed::Fast),
            "0.00186",
        ),
        (
            "claude-haiku-4-5",
            with(|usage| usage.geo = Geo::Us),
            "0.000935",
        ),
        (
            "claude-opus-5-5",
            with(|usage| usage.web_searches = 7),
            "0.07372",
        ),
        (
            "claude-opus-5-5",
            with(|usage| {
                usage.geo = Geo::Us;
                usage.speed = Speed::Fast;
                usage.service_tier = ServiceTier::Batch;
                usage.web_searches = 1;
            }),
            "0.014092",
        ),
    ] {
        assert_eq!(cost(model, &usage), dollars, "{model} {usage:?}");
    }
}

#[test]
fn cost_is_rounded_up_once() {
    let mut half = usage([1, 0, 0, 0, 0]);
    half.service_tier = ServiceTier::Batch;
    half.geo = Geo::Us;
    // 0.125 $/M for a 5-minute write of Haiku 5.5: 125 nano-dollars, times 0.5 and 1.1, is 68.75.
    half.parts[0].tokens = tokens([0, 0, 0, 1, 0]);
    assert_eq!(cost("claude-haiku-5-5", &half), "0.000000069");
    half.parts.push(half.parts[0].clone());
    assert_eq!(cost("claude-haiku-5-5", &half), "0.000000138");
}

#[test]
fn date_suffix_is_optional_but_version_is_not() {
    let million = usage([1_000_000, 0, 0, 0, 0]);
    for (model, dollars) in [
        ("claude-opus-5-5", "4"),
        ("claude-opus-5-5-20261001", "4"),
        ("claude-opus-5-5@20261001", "4"),
        ("claude-opus-4-5", "5"),
        ("claude-opus-4-5-20251101", "5"),
        ("claude-opus-4-5-20260101", "5"),
        ("claude-opus-4-7-20260416", "5"),
        ("claude-opus-5-6", "<= 15"),
        ("claude-opus-5-5-1", "<= 15"),
        ("claude-opus-5-5-20261301", "<= 15"),
        ("claude-opus-5-5-2026100", "<= 15"),
        ("claude-opus-5-5-latest", "<= 15"),
        ("claude-opus", "<= 15"),
        ("Claude-Opus-5-5", "<= 15"),
        ("-20261001", "<= 15"),
        ("", "<= 15"),
    ] {
        assert_eq!(cost(model, &million), dollars, "{model}");
    }
}

#[test]
fn unknown_model_is_priced_at_the_maximum_of_each_class() {
    for (counts, dollars) in [
        ([1_000_000, 0, 0, 0, 0], "<= 15"),
        ([0, 1_000_000, 0, 0, 0], "<= 75"),
        ([0, 0, 1_000_000, 0, 0], "<= 1.5"),
        ([0, 0, 0, 1_000_000, 0], "<= 18.75"),
        ([0, 0, 0, 0, 1_000_000], "<= 30"),
        ([0, 0, 0, 0, 0], "0"),
    ] {
        assert_eq!(cost("unknown-model", &usage(counts)), dollars, "{counts:?}");
    }
    let table = PriceTable::embedded();
    assert_eq!(
        table.cost(None, &usage([1, 0, 0, 0, 0])).basis,
        CostBasis::AtMost
    );
    let zero = table.cost(None, &Usage::default());
    assert_eq!((zero.amount.get(), zero.basis), (0, CostBasis::Known));
}

#[test]
fn worst_case_depends_on_body_size_and_max_tokens() {
    let table = PriceTable::embedded();
    for (model, bytes, max_tokens, dollars, basis) in [
        // (1000 / 2 at 8 + 100 at 20) x 1.1
        (
            "claude-opus-5-5",
            1000,
            Some(100),
            "0.0066",
            CostBasis::Known,
        ),
        // The most expensive tier, whatever the size: (500 at 1 + 100 at 2.5) x 1.1
        (
            "claude-haiku-5-5",
            1000,
            Some(100),
            "0.000825",
            CostBasis::Known,
        ),
        // No premium in the US: 500 at 2 + 64,000 at 5
        ("claude-haiku-4-5", 1000, None, "0.321", CostBasis::Known),
        // At most the context window as input: 200,000 at 2
        (
            "claude-haiku-4-5",
            32 << 20,
            Some(0),
            "0.4",
            CostBasis::Known,
        ),
        (
            "unknown-model",
            1000,
            Some(100),
            "0.02475",
            CostBasis::AtMost,
        ),
    ] {
        let cost = table.worst_case(model, bytes, max_tokens);
        assert_eq!(
            (cost.amount.to_string().as_str(), cost.basis),
            (dollars, basis),
            "{model}"
        );
    }
    let maximum = table.worst_case("unknown-model", usize::MAX, Some(u64::MAX));
    // At most the model's maximum output, whatever is requested.
    assert_eq!(maximum.amount.to_string(), "43.56");
}

#[test]
fn embedded_list_has_its_date_and_models() {
    let table = PriceTable::embedded();
    assert_eq!(table.as_of(), "2026-11-21");
    assert_eq!(table.models().count(), 26);
    assert_eq!(
        table.models().next(),
        Some(("claude-fable-5-2", "Claude Fable 5.2"))
    );
    let from = table
        .effective_from("claude-opus-5-5")
        .map(|date| date.to_string());
    assert_eq!(from.as_deref(), Some("2026-09-22"));
    assert_eq!(table.effective_from("claude-opus-4-8"), None);
}

/// Returns a small valid list, to be made invalid.
fn list() -> Value {
    let tier = json!({"max_prompt_tokens": null, "input": 1, "output": 5, "cache_read": 0.1,
        "cache_write_5m": 1.25, "cache_write_1h": 2});
    json!({"as_of": "2026-01-31", "models": [{"id": "m", "aliases": ["n"], "tiers": [tier],
        "context_window": 1000, "max_output": 100}]})
}

#[test]
fn list_can_be_replaced() {
    let table = PriceTable::parse(&list().to_string()).unwrap();
    assert_eq!(table.as_of(), "2026-01-31");
    assert_eq!(table.models().collect::<Vec<_>>(), [("m", "m")]);
    assert_eq!(
        table.cost(Some("n"), &usage([1, 1, 1, 0, 0])).amount.get(),
        6100
    );
}

#[test]
fn invalid_value_is_refused_by_name() {
    for (pointer, value, text) in [
        (
            "/as_of",
            json!("soon"),
            r#"as_of is not a date (YYYY-MM-DD): "soon""#,
        ),
        ("/models", json!([]), "it contains no model"),
        ("/models", json!({}), "not a price list"),
        ("/models/0/aliases/0", json!("m"), r#""m" is listed twice"#),
        ("/models/0/tiers", json!([]), r#""m": tiers are missing"#),
        (
            "/models/0/tiers/0/max_prompt_tokens",
            json!(5),
            r#""m": tiers do not cover the largest prompts"#,
        ),
        (
            "/models/0/tiers/0/input",
            json!(-1),
            r#""m": input is negative"#,
        ),
        (
            "/models/0/tiers/0/input",
            json!("1"),
            r#""m": input is not a plain number"#,
        ),
        (
            "/models/0/tiers/0/input",
            json!(null),
            r#""m": input is not a plain number"#,
        ),
        (
            "/models/0/tiers/0/output",
            json!(0.0001),
            r#""m": output has more than three decimals"#,
        ),
        (
            "/models/0/tiers/0/output",
            json!(1e300),
            r#""m": output is not a plain number"#,
        ),
        (
            "/models/0/tiers/0/output",
            json!(2_000_000),
            r#""m": output is implausibly large"#,
        ),
        (
            "/models/0/max_output",
            json!(0),
            r#""m": context_window or max_output is zero"#,
        ),
    ] {
        let mut invalid = list();
        *invalid.pointer_mut(pointer).unwrap() = value;
        let error = PriceTable::parse(&invalid.to_string()).unwrap_err();
        assert_eq!(error.to_string(), text, "{pointer}");
    }
}

#[test]
fn invalid_optional_field_is_refused_by_name() {
    for (field, value, text) in [
        (
            "batch_multiplier",
            json!(-0.5),
            r#""m": batch_multiplier is negative"#,
        ),
        (
            "us_inference_multiplier",
            json!(1000),
            r#""m": us_inference_multiplier is implausibly large"#,
        ),
        (
            "effective_from",
            json!("x"),
            r#""m": effective_from is not a date"#,
        ),
        (
            "fast_mode",
            json!({"input": 2, "output": 11}),
            r#""m": fast_mode does not multiply input and output by the same factor"#,
        ),
    ] {
        let mut invalid = list();
        invalid["models"][0][field] = value;
        let error = PriceTable::parse(&invalid.to_string()).unwrap_err();
        assert_eq!(error.to_string(), text);
    }
    let mut invalid = list();
    invalid["currency"] = json!("EUR");
    let error = PriceTable::parse(&invalid.to_string()).unwrap_err();
    assert_eq!(error.to_string(), r#"currency must be "USD""#);
}

/// Generates models with usage and pricing options.
fn priced_usage() -> impl Strategy<Value = (&'static str, Usage)> {
    let model = prop::sample::select(vec![
        "claude-opus-5-5",
        "claude-haiku-5-5",
        "claude-3-haiku-20240307",
    ]);
    let counts = prop::array::uniform5(0..200_000_u64);
    let options = (any::<bool>(), any::<bool>(), any::<bool>());
    (model, counts, options).prop_map(|(model, counts, (batch, us, fast))| {
        let mut usage = usage(counts);
        usage.service_tier = if batch {
            ServiceTier::Batch
        } else {
            ServiceTier::Standard
        };
        usage.geo = if us { Geo::Us } else { Geo::Global };
        usage.speed = if fast { Speed::Fast } else { Speed::Standard };
        (model, usage)
    })
}

/// Calculates the exact cost in twentieths of a nano-dollar from the list, independently of the implementation.
fn twentieths(list: &Value, model: &str, usage: &Usage) -> u128 {
    let models = list["models"].as_array().unwrap();
    let listed = models.iter().find(|listed| listed["id"] == model).unwrap();
    let part = usage.parts[0].tokens;
    let tiers = listed["tiers"].as_array().unwrap();
    let fits = |tier: &&Value| {
        tier["max_prompt_tokens"]
            .as_u64()
            .is_none_or(|max| part.prompt() <= max)
    };
    let tier = tiers.iter().find(fits).unwrap();
    let nanos = |class: &str| {
        // Prices are whole nano-dollars per token, so rounding to the nearest is exact.
        format!("{:.0}", tier[class].as_f64().unwrap() * 1000.0)
            .parse::<u128>()
            .unwrap()
    };
    let sum: u128 = [
        ("input", part.input),
        ("output", part.output),
        ("cache_read", part.cache_read),
        ("cache_write_5m", part.write_5m),
        ("cache_write_1h", part.write_1h),
    ]
    .into_iter()
    .map(|(class, count)| nanos(class) * u128::from(count))
    .sum();
    let batch = if usage.service_tier == ServiceTier::Batch {
        1
    } else {
        2
    };
    let us = usage.geo == Geo::Us && !listed["us_inference_multiplier"].is_null();
    let fast = usage.speed == Speed::Fast && !listed["fast_mode"].is_null();
    sum * batch * if us { 11 } else { 10 } * if fast { 2 } else { 1 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn cost_is_exact_and_rounded_up((model, usage) in priced_usage()) {
        let list: Value = serde_json::from_str(include_str!("../../data/pricing.json")).unwrap();
        let exact = twentieths(&list, model, &usage);
        let cost = PriceTable::embedded().cost(Some(model), &usage);
        prop_assert_eq!(u128::from(cost.amount.get()), exact.div_ceil(20));
    }

    #[test]
    fn more_tokens_never_cost_less((model, usage) in priced_usage(), more in prop::array::uniform5(0..1000_u64)) {
        let table = PriceTable::embedded();
        for class in 0..5 {
            let mut added = [0; 5];
            added[class] = more[class];
            let mut larger = usage.clone();
            larger.parts[0].tokens = larger.parts[0].tokens.plus(tokens(added));
            let (less, more) = (table.cost(Some(model), &usage), table.cost(Some(model), &larger));
            prop_assert!(less.amount <= more.amount);
        }
    }
}
