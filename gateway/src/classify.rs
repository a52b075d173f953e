//! What came back? Gathers what core's verdict is made of.
//!
//! Invariants: the answer is only looked at. An error is judged by its whole body, or, where that is too long or too slow,
//! by as much of it as was held; then the headers and the status speak.

use keyreeve_broker::judged;
use keyreeve_core::verdict::Verdict;

use crate::beginning::Is;
use crate::forward::{Answer, Failed};

/// Says what the beginning of an answer means for the credential.
pub(crate) fn classify(came: &Result<Answer, Failed>) -> Verdict {
    match came {
        Ok(answer) => match &answer.beginning.is {
            Is::StreamedError { kind, message } => {
                Verdict::of_stream_end(false, Some(kind), message.as_deref())
            }
            Is::OnItsWay | Is::Error if answer.head.status.is_success() => Verdict::ok(),
            Is::OnItsWay | Is::Error => of_error(answer),
        },
        Err(Failed::Redirect(status)) => Verdict::of_status(*status),
        Err(_) => Verdict::no_answer(),
    }
}

fn of_error(answer: &Answer) -> Verdict {
    let body = answer.beginning.bytes.as_deref().unwrap_or_default();
    judged(answer.head.status.as_u16(), &answer.head.headers, body)
}
