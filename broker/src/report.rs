//! The report on a lease: what the answer was and what it used, and from that what it cost.
//!
//! Invariant: a message request that was sent is never settled as free for want of figures. Where the answer told no usage,
//! its reserved cost stands and is marked as an upper bound.

use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::{Basis, Cost, PriceTable};
use keyreeve_core::usage::{Metered, Tokens};
use keyreeve_core::verdict::{Effect, Scope, Verdict};
use keyreeve_os::world;
use keyreeve_store::{Ending, Operation, Outcome};

use crate::row::OpenRow;
use crate::view::ending;

/// How an attempt went.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub ending: Ending,
    /// What that means for the credential.
    pub verdict: Verdict,
    /// What came back, if anything did.
    pub answer: Option<Answered>,
}

/// An answer, seen whole or cut.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The upstream's status.
    pub status: u16,
    /// The upstream's `request-id`.
    pub upstream_request_id: Option<String>,
    /// The organization that the answer names in `anthropic-organization-id`.
    pub organization: Option<String>,
    /// What the meter counted.
    pub metered: Metered,
    /// From lease to the first byte of the body.
    pub first_byte: Option<std::time::Duration>,
    /// BLAKE3 of the body as it went to the client.
    pub body_hash: [u8; 32],
    /// Length of the body in bytes.
    pub body_bytes: u64,
}

impl Report {
    /// An attempt on which no answer came.
    pub fn unanswered(ending: Ending) -> Self {
        Self {
            ending,
            verdict: Verdict::no_answer(),
            answer: None,
        }
    }
}

impl Report {
    /// Whether another credential of the same profile may fare better.
    pub(crate) fn speaks_against_the_credential(&self) -> bool {
        match self.verdict.effect() {
            Effect::Dead | Effect::Refresh => self.verdict.scope() == Scope::Credential,
            Effect::None
            | Effect::Blocked
            | Effect::OutOfCredit
            | Effect::SpentUntil
            | Effect::CoolUntil
            | Effect::CoolModelUntil
            | Effect::Transient
            | Effect::Feature
            | Effect::Request
            | Effect::Config => false,
        }
    }
}

/// What the attempt cost.
pub(crate) fn settle(
    report: &Report,
    operation: Operation,
    reserved: NanoDollars,
    prices: &PriceTable,
) -> Cost {
    if operation != Operation::Messages || report.ending == Ending::Failed {
        return Cost::FREE;
    }
    match &report.answer {
        Some(answer) if told_usage(&answer.metered) => match report.ending {
            Ending::Done => prices.cost(answer.metered.model.as_deref(), &answer.metered.usage),
            Ending::Incomplete | Ending::Failed | Ending::Unknown => {
                cut_short(answer, reserved, prices)
            }
        },
        // Refused, or failed before anything was produced.
        Some(answer) if !(200..300).contains(&answer.status) || answer.metered.error.is_some() => {
            Cost::FREE
        }
        Some(_) | None => Cost {
            amount: reserved,
            basis: Basis::AtMost,
        },
    }
}

/// The output of an answer is told at its end. One that was cut is reckoned by what came of it, at a token for every
/// eight bytes, several times what streams need (docs/facts.md#streaming), within what was reserved for it.
fn cut_short(answer: &Answered, reserved: NanoDollars, prices: &PriceTable) -> Cost {
    const BYTES_PER_TOKEN: u64 = 8;
    let model = answer.metered.model.as_deref();
    let told = prices.cost(model, &answer.metered.usage).amount;
    let mut usage = answer.metered.usage.clone();
    if let Some(part) = usage.parts.first_mut() {
        let output = answer.body_bytes / BYTES_PER_TOKEN;
        part.tokens.output = part.tokens.output.max(output);
    }
    let reckoned = prices.cost(model, &usage).amount;
    Cost {
        amount: reckoned.min(reserved).max(told),
        basis: Basis::AtMost,
    }
}

/// Whether the figures are there, and whole.
fn told_usage(metered: &Metered) -> bool {
    !metered.usage.parts.is_empty() && !metered.gaps
}

/// The row that closes the attempt.
pub(crate) fn outcome(open: &OpenRow, report: Report, cost: Cost) -> Outcome {
    let verdict = report.verdict.name();
    let duration_micros = micros(open.age());
    let prices_as_of = open.prices().as_of().to_owned();
    let row = Outcome {
        attempt: open.attempt,
        ending: report.ending,
        ended_at: world::now(),
        status: None,
        verdict,
        upstream_request_id: None,
        model_served: None,
        tokens: Tokens::default(),
        web_searches: 0,
        cost: cost.amount,
        basis: cost.basis,
        prices_as_of,
        first_byte_micros: None,
        duration_micros,
        answer_hash: None,
        answer_bytes: 0,
        cache_edit: open.cache_edit,
    };
    match report.answer {
        None => row,
        Some(answer) => Outcome {
            status: Some(answer.status),
            upstream_request_id: answer.upstream_request_id,
            tokens: answer.metered.usage.totals(),
            web_searches: answer.metered.usage.web_searches,
            model_served: answer.metered.model,
            first_byte_micros: answer.first_byte.map(micros),
            answer_hash: Some(answer.body_hash),
            answer_bytes: answer.body_bytes,
            ..row
        },
    }
}

/// The one log event of an attempt, at its end. Names and figures only: nothing a client or an upstream wrote.
pub(crate) fn log(open: &OpenRow, row: &Outcome) {
    tracing::info!(
        request = %open.request,
        key = open.parties.key_name,
        profile = open.parties.profile_name,
        status = row.status,
        verdict = row.verdict,
        ending = ending(row.ending),
        input = row.tokens.input,
        output = row.tokens.output,
        cache_read = row.tokens.cache_read,
        write_5m = row.tokens.write_5m,
        write_1h = row.tokens.write_1h,
        cost_usd = %row.cost,
        micros = row.duration_micros,
        "attempt",
    );
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
