//! The report on a lease: its verdict, response and usage, and from those the cost.
//!
//! Invariant: a messages request that was sent is never settled as free because usage is missing: if the response
//! reports no usage, the reserved cost is charged and marked as an upper bound.

use http::HeaderMap;
use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::{Cost, CostBasis, PriceTable};
use keyreeve_core::usage::MeterReport;
use keyreeve_core::verdict::{ErrorResponse, Verdict, VerdictScope};
use keyreeve_os::system;
use keyreeve_store::{Ending, Operation};

/// Report on an attempt.
#[derive(Clone, Debug)]
pub struct Report {
    /// The ending.
    pub ending: Ending,
    /// The verdict.
    pub verdict: Verdict,
    /// The response, if there was one.
    pub response: Option<CompletedResponse>,
}

/// A response, complete or cut short.
#[derive(Clone, Debug)]
pub struct CompletedResponse {
    /// The upstream's status.
    pub status: u16,
    /// The upstream's `request-id`.
    pub upstream_request_id: Option<String>,
    /// The organization named in `anthropic-organization-id`.
    pub organization: Option<String>,
    /// The metered usage.
    pub meter_report: MeterReport,
    /// Time from the lease to the first byte of the body.
    pub first_byte: Option<std::time::Duration>,
    /// BLAKE3 of the body as sent to the client.
    pub body_hash: [u8; 32],
    /// Length of the body in bytes.
    pub body_bytes: u64,
}

impl Report {
    /// Creates the report of an attempt without a response.
    pub fn no_response(ending: Ending) -> Self {
        Self {
            ending,
            verdict: Verdict::no_response(),
            response: None,
        }
    }

    /// Returns `true` if the verdict rejects the credential, so that a new one of the same profile may be accepted.
    pub(crate) fn rejects_credential(&self) -> bool {
        self.verdict.effect().rejects_credential()
            && self.verdict.scope() == VerdictScope::Credential
    }
}

/// Classifies a response by its status, its headers and the part of the body that was read; headers that are not text
/// are ignored.
pub fn classify_response(status: u16, headers: &HeaderMap, body: &[u8]) -> Verdict {
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let response = ErrorResponse {
        status,
        headers: &headers,
        body,
    };
    Verdict::from_response(&response, system::now())
}

/// Settles the cost of an attempt.
pub(crate) fn settle(
    report: &Report,
    operation: Operation,
    reserved: NanoDollars,
    prices: &PriceTable,
) -> Cost {
    if operation != Operation::Messages || report.ending == Ending::Failed {
        return Cost::FREE;
    }
    match &report.response {
        Some(response) if has_usage(&response.meter_report) => match report.ending {
            Ending::Done => prices.cost(
                response.meter_report.model.as_deref(),
                &response.meter_report.usage,
            ),
            Ending::Incomplete | Ending::Failed | Ending::Unknown => {
                cost_of_cut_response(response, reserved, prices)
            }
        },
        // Refused, or failed before any output was produced.
        Some(response)
            if !(200..300).contains(&response.status) || response.meter_report.error.is_some() =>
        {
            Cost::FREE
        }
        Some(_) | None => Cost {
            amount: reserved,
            basis: CostBasis::AtMost,
        },
    }
}

/// Estimates the cost of a response that was cut short, because its output tokens are reported at the end: one token
/// per eight bytes received, several times what streams need (docs/facts.md#streaming), at most the reserved cost.
fn cost_of_cut_response(
    response: &CompletedResponse,
    reserved: NanoDollars,
    prices: &PriceTable,
) -> Cost {
    const BYTES_PER_TOKEN: u64 = 8;
    let model = response.meter_report.model.as_deref();
    let reported = prices.cost(model, &response.meter_report.usage).amount;
    let mut usage = response.meter_report.usage.clone();
    if let Some(part) = usage.parts.first_mut() {
        let output = response.body_bytes / BYTES_PER_TOKEN;
        part.tokens.output = part.tokens.output.max(output);
    }
    let estimated = prices.cost(model, &usage).amount;
    Cost {
        amount: estimated.min(reserved).max(reported),
        basis: CostBasis::AtMost,
    }
}

/// Returns `true` if usage was reported completely.
fn has_usage(meter_report: &MeterReport) -> bool {
    !meter_report.usage.parts.is_empty() && !meter_report.has_gaps
}

/// Names an ending, for the log and the published JSON.
pub(crate) fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::Incomplete => "incomplete",
        Ending::Failed => "failed",
        Ending::Unknown => "unknown",
    }
}
