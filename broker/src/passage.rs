//! A passage: one attempt with a credential that the client carries itself.
//!
//! Invariants: nothing of the credential comes here, so nothing of it can be kept; no profile is chosen and no standing
//! is heard of it, because what an answer means there is the client's own affair; the intent is committed before a passage
//! is given, and it is closed once, as a lease's row is.

use std::sync::Arc;
use std::time::Duration;

use keyreeve_core::limits::{Limit, Subject};
use keyreeve_core::price::{Cost, Paid};
use keyreeve_core::profile::ProfileId;
use keyreeve_core::standing::RequestClass;
use keyreeve_os::world;
use keyreeve_store::{AttemptId, RequestId};

use crate::row::{OpenRow, Parties, Which};
use crate::standing::Asked;
use crate::{Ask, Broker, Client, LeaseError, Report};

/// The right to send one request on as it came. Must be reported.
#[must_use = "a passage that is dropped is recorded as incomplete"]
pub struct Passage {
    /// Names the attempt.
    pub attempt: AttemptId,
    /// The client's request it is for.
    pub request: RequestId,
    row: OpenRow,
    class: Option<RequestClass>,
}

/// Who pays for a passage, and where it leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// What is paid with.
    pub paid: Paid,
    /// Where it leads.
    pub beyond: Beyond,
}

/// Where requests pass through to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Beyond {
    /// The vendor's own API.
    Vendor,
    /// A sandbox, which simulates it.
    Sandbox,
}

impl Broker {
    /// Opens the row of a request that passes through under a virtual key, which needs no profile for it.
    ///
    /// # Errors
    /// See [`LeaseError`]. Whatever it is, nothing was sent.
    pub async fn passage(
        self: &Arc<Self>,
        client: &Client,
        ask: Ask,
        terms: Terms,
    ) -> Result<Passage, LeaseError> {
        // Again, since its body has been read: a revocation holds.
        let key = self.client(&client.presented)?.key;
        let parties = Parties {
            key: key.id,
            key_name: key.name.to_string(),
            profile: ProfileId::PASS_THROUGH,
            profile_name: ProfileId::PASS_THROUGH_NAME.to_owned(),
            paid: terms.paid,
            simulated: terms.beyond == Beyond::Sandbox,
        };
        let asked = Asked::new(ask.operation, ask.model.as_deref(), world::now());
        let (mut row, intent) = OpenRow::of(self, ask, parties, Which::ONLY)?;
        row.commit(intent).await?;
        Ok(Passage {
            attempt: row.attempt,
            request: row.request,
            row,
            class: asked.class().cloned(),
        })
    }
}

impl Passage {
    /// Remembers the limits that the answer tells.
    pub fn saw(&self, limits: Vec<Limit>) {
        let subject = Subject::PassThrough(self.row.parties.key);
        self.row
            .broker
            .see_limits(&subject, self.class.as_ref(), limits);
    }

    /// Tells how the attempt went, closes the row, and gives what it cost, or would have.
    pub fn report(mut self, report: Report) -> Cost {
        self.row.close(report)
    }

    /// How long ago the passage was given.
    pub fn age(&self) -> Duration {
        self.row.age()
    }
}
