//! The encoding of an intent and of an outcome in a frame of the journal.
//!
//! Invariants: decoding never panics, whatever the bytes, and accepts only what an encoder writes; times are as exact as
//! in the database, to the microsecond. A text that does not fit is cut, so that an entry is never refused.

use jiff::Timestamp;
use keyreeve_core::money::NanoDollars;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::usage::TokenCounts;
use keyreeve_core::virtual_key::KeyId;
use uuid::Uuid;

use super::enum_numbers::NumberedEnum;
use crate::entries::{AttemptId, EntryOutcome, Intent, RequestId};

/// Maximum length of all texts of one record, with their lengths, in bytes. The other fields of an outcome, the larger
/// record, have less than 208.
const MAX_TEXT_SIZE: usize = 800;

/// The length that stands for no text.
const NO_TEXT: u16 = u16::MAX;

/// Appends the body of an intent's frame.
pub(super) fn encode_intent(intent: &Intent, body: &mut Vec<u8>) {
    body.extend(intent.attempt.0.as_bytes());
    body.extend(intent.request.0.as_bytes());
    put_time(body, intent.started_at);
    body.push(intent.operation.number());
    body.extend(intent.key.0.as_bytes());
    body.extend(intent.profile.0.as_bytes());
    body.extend(intent.number.to_be_bytes());
    body.push(intent.reason.number());
    body.push(u8::from(intent.stream));
    body.extend(intent.request_hash);
    body.extend(intent.request_bytes.to_be_bytes());
    body.extend(intent.reserved.get().to_be_bytes());
    body.push(u8::from(intent.simulated));
    put_texts(body, [&intent.session, &intent.model_requested]);
}

/// Decodes an intent, or returns `None` if the bytes are not one.
pub(super) fn decode_intent(body: &[u8]) -> Option<Intent> {
    let mut fields = Fields::new(body);
    let attempt = AttemptId(fields.uuid()?);
    let request = RequestId(fields.uuid()?);
    let started_at = fields.time()?;
    let operation = fields.variant()?;
    let key = KeyId(fields.uuid()?);
    let profile = ProfileId(fields.uuid()?);
    let number = u32::from_be_bytes(fields.array()?);
    let reason = fields.variant()?;
    let stream = fields.flag()?;
    let request_hash = fields.array()?;
    let request_bytes = fields.count()?;
    let reserved = NanoDollars::new(fields.count()?);
    let simulated = fields.flag()?;
    let (session, model_requested) = (fields.text()?, fields.text()?);
    fields.is_empty().then_some(Intent {
        attempt,
        request,
        started_at,
        operation,
        key,
        profile,
        number,
        reason,
        session,
        model_requested,
        stream,
        request_hash,
        request_bytes,
        reserved,
        simulated,
    })
}

/// Appends the body of an outcome's frame, after the sequence of its intent.
pub(super) fn encode_outcome(outcome: &EntryOutcome, body: &mut Vec<u8>) {
    let tokens = &outcome.tokens;
    body.push(outcome.ending.number());
    put_time(body, outcome.ended_at);
    put_optional(body, outcome.status.map(u16::to_be_bytes));
    for count in [
        tokens.input,
        tokens.output,
        tokens.cache_read,
        tokens.write_5m,
        tokens.write_1h,
        outcome.web_searches,
        outcome.cost.get(),
    ] {
        body.extend(count.to_be_bytes());
    }
    body.push(outcome.basis.map_or(0, NumberedEnum::number));
    put_optional(body, outcome.first_byte_micros.map(u64::to_be_bytes));
    put_optional(body, outcome.duration_micros.map(u64::to_be_bytes));
    put_optional(body, outcome.response_hash);
    body.extend(outcome.response_bytes.to_be_bytes());
    put_texts(
        body,
        [
            &outcome.verdict,
            &outcome.prices_as_of,
            &outcome.cache_edit,
            &outcome.upstream_request_id,
            &outcome.model_served,
        ],
    );
}

/// Decodes an outcome, or returns `None` if the bytes are not one.
pub(super) fn decode_outcome(body: &[u8]) -> Option<EntryOutcome> {
    let mut fields = Fields::new(body);
    let ending = fields.variant()?;
    let ended_at = fields.time()?;
    let status = fields.optional()?.map(u16::from_be_bytes);
    let tokens = TokenCounts {
        input: fields.count()?,
        output: fields.count()?,
        cache_read: fields.count()?,
        write_5m: fields.count()?,
        write_1h: fields.count()?,
    };
    let web_searches = fields.count()?;
    let cost = NanoDollars::new(fields.count()?);
    let basis = match fields.array()? {
        [0] => None,
        [number] => Some(NumberedEnum::from_number(number)?),
    };
    let first_byte_micros = fields.optional()?.map(u64::from_be_bytes);
    let duration_micros = fields.optional()?.map(u64::from_be_bytes);
    let response_hash = fields.optional()?;
    let response_bytes = fields.count()?;
    let [verdict, prices_as_of, cache_edit] = [fields.text()?, fields.text()?, fields.text()?];
    let (upstream_request_id, model_served) = (fields.text()?, fields.text()?);
    fields.is_empty().then_some(EntryOutcome {
        ending,
        ended_at,
        status,
        verdict,
        upstream_request_id,
        model_served,
        tokens,
        web_searches,
        cost,
        basis,
        prices_as_of,
        first_byte_micros,
        duration_micros,
        response_hash,
        response_bytes,
        cache_edit,
    })
}

fn put_time(body: &mut Vec<u8>, time: Timestamp) {
    body.extend(time.as_microsecond().to_be_bytes());
}

fn put_optional<const N: usize>(body: &mut Vec<u8>, bytes: Option<[u8; N]>) {
    body.push(u8::from(bytes.is_some()));
    body.extend(bytes.into_iter().flatten());
}

/// Appends texts, each after its length; they are cut where all of them are too long.
fn put_texts<const N: usize>(body: &mut Vec<u8>, texts: [&Option<String>; N]) {
    let mut space = MAX_TEXT_SIZE - N * size_of::<u16>();
    for text in texts {
        let text = text
            .as_deref()
            .map(|text| &text[..text.floor_char_boundary(space)]);
        let length = text.map_or(Some(NO_TEXT), |text| u16::try_from(text.len()).ok());
        body.extend(length.unwrap_or(NO_TEXT).to_be_bytes());
        body.extend(text.unwrap_or_default().as_bytes());
        space -= text.map_or(0, str::len);
    }
}

/// The fields that remain to be decoded.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Starts decoding.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns the next `N` bytes, or `None` if there are fewer.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*array)
    }

    /// Returns the next count of 8 bytes.
    pub(super) fn count(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Returns the bytes that remain.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn uuid(&mut self) -> Option<Uuid> {
        self.array().map(Uuid::from_bytes)
    }

    fn time(&mut self) -> Option<Timestamp> {
        Timestamp::from_microsecond(i64::from_be_bytes(self.array()?)).ok()
    }

    fn flag(&mut self) -> Option<bool> {
        match self.array()? {
            [0] => Some(false),
            [1] => Some(true),
            [_] => None,
        }
    }

    fn variant<T: NumberedEnum>(&mut self) -> Option<T> {
        let [number] = self.array()?;
        T::from_number(number)
    }

    /// Returns bytes that may be absent; the outer `None` is an error.
    #[expect(clippy::option_option, reason = "an error and an absent field")]
    fn optional<const N: usize>(&mut self) -> Option<Option<[u8; N]>> {
        if self.flag()? {
            self.array().map(Some)
        } else {
            Some(None)
        }
    }

    /// Returns a text that may be absent; the outer `None` is an error.
    #[expect(clippy::option_option, reason = "an error and an absent field")]
    fn text(&mut self) -> Option<Option<String>> {
        let length = u16::from_be_bytes(self.array()?);
        if length == NO_TEXT {
            return Some(None);
        }
        let (text, rest) = self.rest.split_at_checked(usize::from(length))?;
        self.rest = rest;
        std::str::from_utf8(text)
            .ok()
            .map(|text| Some(text.to_owned()))
    }
}
