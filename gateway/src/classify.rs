//! What came back? Gathers what core's verdict is made of.
//!
//! Invariants: the answer is only looked at. The body is judged by its first piece, which for an error is mostly all of
//! it; a piece that is not the whole leaves the headers and the status to speak.

use keyreeve_core::verdict::{ErrorAnswer, Verdict};
use keyreeve_os::world;

use crate::forward::{Answer, Failed};

/// Says what the beginning of an answer means for the credential.
pub(crate) fn classify(came: &Result<Answer, Failed>) -> Verdict {
    match came {
        Ok(answer) if answer.head.status.is_success() => Verdict::ok(),
        Ok(answer) => of_error(answer),
        Err(Failed::Redirect(status)) => Verdict::of_status(*status),
        Err(_) => Verdict::no_answer(),
    }
}

fn of_error(answer: &Answer) -> Verdict {
    let headers: Vec<(&str, &str)> = answer
        .head
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let answer = ErrorAnswer {
        status: answer.head.status.as_u16(),
        headers: &headers,
        body: answer.first.as_deref().unwrap_or_default(),
    };
    Verdict::of_error(&answer, world::now())
}
