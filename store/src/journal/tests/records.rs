//! Records are decoded as they were encoded, and other bytes are refused.

use keyreeve_core::price::CostBasis;
use keyreeve_core::select::Reason;

use super::super::enum_numbers::NumberedEnum;
use super::super::frame::{self, Frame, FrameKind, HALF_SIZE, MAX_BODY_SIZE, parse};
use super::super::record::{decode_intent, decode_outcome, encode_intent, encode_outcome};
use super::example::{Random, intent, outcome};
use crate::entries::{Ending, EntryOutcome, Intent, Operation};

fn round_trip(intent: &Intent, outcome: &EntryOutcome) -> (Option<Intent>, Option<EntryOutcome>) {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    encode_intent(intent, &mut first);
    encode_outcome(outcome, &mut second);
    // The sequence of the intent is before the outcome.
    assert!(first.len() <= MAX_BODY_SIZE && second.len() + 8 <= MAX_BODY_SIZE);
    (decode_intent(&first), decode_outcome(&second))
}

#[test]
fn records_are_decoded_as_encoded() {
    for number in 0..400 {
        let (intent, outcome) = (intent(number), outcome(number));
        let decoded = round_trip(&intent, &outcome);
        assert_eq!(decoded, (Some(intent), Some(outcome)));
    }
}

#[test]
fn absent_empty_and_longest_texts_are_decoded() {
    let longest = |length: usize| Some("ä".repeat(length / 2));
    for (id, model) in [
        (None, None),
        (Some(String::new()), Some(String::new())),
        (longest(128), longest(512)),
    ] {
        let mut intent = intent(1);
        (intent.session, intent.model_requested) = (id.clone(), model.clone());
        let mut outcome = outcome(1);
        outcome.verdict = Some("a_verdict_of_thirty_characters".to_owned());
        (outcome.upstream_request_id, outcome.model_served) = (id, model);
        let decoded = round_trip(&intent, &outcome);
        assert_eq!(decoded, (Some(intent), Some(outcome)));
    }
}

#[test]
fn fields_recovery_does_not_know_are_absent() {
    let unknown = EntryOutcome {
        ending: Ending::Unknown,
        status: None,
        verdict: None,
        upstream_request_id: None,
        model_served: None,
        basis: None,
        prices_as_of: None,
        first_byte_micros: None,
        duration_micros: None,
        response_hash: None,
        cache_edit: None,
        ..outcome(1)
    };
    assert_eq!(round_trip(&intent(1), &unknown).1, Some(unknown));
}

#[test]
fn too_long_texts_are_cut_between_characters() {
    let long = "ä€".repeat(500);
    let mut outcome = outcome(1);
    for text in [&mut outcome.verdict, &mut outcome.model_served] {
        *text = Some(long.clone());
    }
    let mut long_intent = intent(1);
    long_intent.model_requested = Some(long.clone());
    let (decoded, ended) = round_trip(&long_intent, &outcome);
    let model = decoded.unwrap().model_requested.unwrap();
    assert!(long.starts_with(&model) && model.len() > 700);
    let verdict = ended.unwrap().verdict.unwrap();
    assert!(long.starts_with(&verdict) && verdict.len() > 700);
}

#[test]
fn every_variant_has_its_own_number() {
    fn check<T: NumberedEnum + PartialEq + std::fmt::Debug>(count: usize) {
        let variants: Vec<_> = (0..=255)
            .filter_map(|n| Some((n, T::from_number(n)?)))
            .collect();
        assert_eq!(variants.len(), count);
        for (number, variant) in variants {
            assert_eq!(variant.number(), number);
        }
        assert_eq!(T::from_number(0), None);
    }
    check::<Operation>(4);
    check::<Reason>(9);
    check::<Ending>(4);
    check::<CostBasis>(3);
}

#[test]
fn any_bytes_are_decoded_without_a_panic() {
    let mut random = Random(1);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    encode_intent(&intent(3), &mut first);
    encode_outcome(&outcome(3), &mut second);
    for body in [&first, &second] {
        for length in 0..body.len() {
            assert_eq!(decode_intent(&body[..length]), None);
            assert_eq!(decode_outcome(&body[..length]), None);
        }
        for _ in 0..20_000 {
            let mut changed = body.clone();
            for _ in 0..=random.below(4) {
                let at = usize::try_from(random.below(body.len() as u64)).unwrap();
                changed[at] = u8::try_from(random.below(256)).unwrap();
            }
            decode_intent(&changed);
            decode_outcome(&changed);
        }
    }
}

#[test]
fn any_flipped_bit_of_a_frame_is_found() {
    let mut frame = frame::start();
    encode_intent(&intent(3), &mut frame);
    frame::finish(&mut frame, FrameKind::Intent, 9);
    let written = frame.len();
    frame.resize(HALF_SIZE, 0);
    assert!(matches!(
        parse(&frame, FrameKind::Intent),
        Frame::Valid { sequence: 9, .. }
    ));
    assert_eq!(parse(&frame, FrameKind::Outcome), Frame::Damaged);
    for bit in 0..written * 8 {
        frame[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            parse(&frame, FrameKind::Intent),
            Frame::Damaged,
            "bit {bit}"
        );
        frame[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn frame_of_another_version_is_damaged() {
    let mut frame = frame::start();
    encode_intent(&intent(3), &mut frame);
    frame::finish(&mut frame, FrameKind::Intent, 9);
    frame[6] += 1;
    let checksum = crc32fast::hash(&frame[4..]);
    frame[..4].copy_from_slice(&checksum.to_be_bytes());
    assert_eq!(parse(&frame, FrameKind::Intent), Frame::Damaged);
}
