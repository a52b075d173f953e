//! What came back? Today the class of the status; the verdict itself is core's.

use keyreeve_core::verdict::Verdict;

use crate::forward::{Answer, Failed};

/// Says what the beginning of an answer means for the credential.
pub(crate) fn classify(came: &Result<Answer, Failed>) -> Verdict {
    match came {
        Ok(answer) => Verdict::of_status(answer.head.status.as_u16()),
        Err(Failed::Redirect(status)) => Verdict::of_status(*status),
        Err(_) => Verdict::no_answer(),
    }
}
