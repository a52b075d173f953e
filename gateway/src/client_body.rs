//! The body of a client's request, in the pieces in which it arrived, and the memory budget for all such bodies.
//!
//! Invariants: a reservation never waits; it counts bytes that have arrived, not those that were announced; no key uses
//! more than its share of the budget, so that none can lock the others out.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use bytes::BytesMut;
use keyreeve_broker::upstream::RequestBody;
use keyreeve_core::virtual_key::KeyId;

/// The minimum length of a further piece in bytes. Shorter ones are joined: each piece needs memory of its own, and
/// keeps the buffer that it was read into.
const MIN_PIECE: usize = 4 * 1024;

/// The part of the budget that one key may use.
const SHARES: usize = 4;

/// The minimum share of a key in bytes, if the budget is that large: a body of maximum size, and its edited copy.
const MIN_SHARE: usize = 64 * 1024 * 1024;

/// A request body that has been read.
#[derive(Default)]
pub(crate) struct ClientBody {
    pieces: Vec<Bytes>,
    /// Short pieces at the end, joined.
    tail: BytesMut,
    bytes: usize,
    /// Its part of the budget.
    reserved: Option<Reservation>,
}

/// The memory budget for request bodies, over all requests.
#[derive(Clone)]
pub(crate) struct BodyBudget(Arc<Mutex<Usage>>);

#[derive(Default)]
struct Usage {
    budget: usize,
    used: usize,
    by_key: HashMap<KeyId, usize>,
}

/// Reserved memory; it is released on drop.
pub(crate) struct Reservation {
    budget: BodyBudget,
    key: KeyId,
    bytes: usize,
}

/// The budget has no room for a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum BodyBudgetError {
    #[error("The gateway is handling too many large requests. Retry in a moment")]
    All,
    #[error("The gateway is handling too many large requests of this key. Retry in a moment")]
    Key,
}

impl BodyBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Mutex::new(Usage {
            budget: bytes,
            ..Usage::default()
        })))
    }

    /// Starts the reservation of a key's request.
    pub(crate) fn start(&self, key: KeyId) -> Reservation {
        Reservation {
            budget: self.clone(),
            key,
            bytes: 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Usage> {
        // Each change is a few additions, so a panic leaves consistent data.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    /// Reserves more memory until `bytes` are reserved, or fails at once if there is none: requests that wait with half
    /// a body read could deadlock.
    ///
    /// # Errors
    /// [`BodyBudgetError`].
    pub(crate) fn reserve(&mut self, bytes: usize) -> Result<(), BodyBudgetError> {
        let more = bytes.saturating_sub(self.bytes);
        let mut usage = self.budget.lock();
        if usage.used + more > usage.budget {
            return Err(BodyBudgetError::All);
        }
        let share = usage.share();
        let of_key = usage.by_key.entry(self.key).or_default();
        if *of_key + more > share {
            return Err(BodyBudgetError::Key);
        }
        *of_key += more;
        usage.used += more;
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut usage = self.budget.lock();
        usage.used -= self.bytes;
        if let Some(of_key) = usage.by_key.get_mut(&self.key) {
            *of_key -= self.bytes;
            if *of_key == 0 {
                usage.by_key.remove(&self.key);
            }
        }
    }
}

impl Usage {
    /// The maximum number of bytes of one key.
    fn share(&self) -> usize {
        (self.budget / SHARES).max(MIN_SHARE).min(self.budget)
    }
}

impl ClientBody {
    pub(crate) fn new(reserved: Reservation) -> Self {
        Self {
            reserved: Some(reserved),
            ..Self::default()
        }
    }

    /// Creates the body of a request in this process.
    pub(crate) fn from_owner(body: Bytes) -> Self {
        Self {
            bytes: body.len(),
            pieces: vec![body],
            ..Self::default()
        }
    }

    /// Adds the next piece.
    ///
    /// # Errors
    /// [`BodyBudgetError`].
    pub(crate) fn push(&mut self, piece: Bytes) -> Result<(), BodyBudgetError> {
        self.bytes += piece.len();
        if let Some(reserved) = &mut self.reserved {
            reserved.reserve(self.bytes)?;
        }
        if piece.len() < MIN_PIECE && !self.pieces.is_empty() {
            self.tail.extend_from_slice(&piece);
        } else {
            self.finish();
            self.pieces.push(piece);
        }
        Ok(())
    }

    /// Ends the last piece.
    pub(crate) fn finish(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push(self.tail.split().freeze());
        }
    }

    /// Reserves the memory for an edited copy.
    ///
    /// # Errors
    /// [`BodyBudgetError`].
    pub(crate) fn reserve_copy(&mut self) -> Result<(), BodyBudgetError> {
        match &mut self.reserved {
            Some(reserved) => reserved.reserve(2 * self.bytes),
            None => Ok(()),
        }
    }

    /// Returns the length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// Returns the bytes in one piece, which copies them if they arrived in several.
    pub(crate) fn joined(&self) -> Cow<'_, [u8]> {
        match self.pieces.as_slice() {
            [piece] => Cow::Borrowed(piece),
            pieces => Cow::Owned(pieces.concat()),
        }
    }

    /// Returns the body to send, without copying it.
    pub(crate) fn to_send(&self) -> RequestBody {
        self.pieces.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn key(number: u128) -> KeyId {
        KeyId(Uuid::from_u128(number))
    }

    /// F-26: one key cannot use the whole budget.
    #[test]
    fn key_uses_its_share_only() {
        let budget = BodyBudget::new(4 * MIN_SHARE);
        let mut greedy = budget.start(key(1));
        assert_eq!(greedy.reserve(MIN_SHARE), Ok(()));
        assert_eq!(greedy.reserve(MIN_SHARE + 1), Err(BodyBudgetError::Key));
        assert_eq!(budget.start(key(1)).reserve(1), Err(BodyBudgetError::Key));
        let others: Vec<_> = (2..5).map(|number| budget.start(key(number))).collect();
        for mut other in others {
            assert_eq!(other.reserve(MIN_SHARE), Ok(()));
        }
        drop(greedy);
        assert_eq!(budget.start(key(1)).reserve(MIN_SHARE), Ok(()));
    }

    #[test]
    fn short_pieces_are_joined() {
        let budget = BodyBudget::new(1 << 20);
        let mut body = ClientBody::new(budget.start(key(1)));
        let long = Bytes::from(vec![b'l'; MIN_PIECE]);
        let short = Bytes::from_static(b"s");
        for piece in [&short, &short, &short, &long, &short, &short] {
            body.push(piece.clone()).unwrap();
        }
        body.finish();
        let lengths: Vec<_> = body.pieces.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [1, 2, MIN_PIECE, 2]);
        let expected = ["sss", &"l".repeat(MIN_PIECE), "ss"].concat();
        assert_eq!(body.joined(), expected.as_bytes());
        assert_eq!(body.len(), expected.len());
    }

    /// F-26: what was announced and has not arrived counts for nothing.
    #[test]
    fn reservation_follows_the_bytes_received() {
        let budget = BodyBudget::new(4);
        let mut bodies: Vec<_> = (0..4)
            .map(|_| ClientBody::new(budget.start(key(1))))
            .collect();
        for body in &mut bodies {
            assert_eq!(body.push(Bytes::from_static(b"x")), Ok(()));
        }
        let mut next = ClientBody::new(budget.start(key(2)));
        assert_eq!(
            next.push(Bytes::from_static(b"x")),
            Err(BodyBudgetError::All)
        );
        assert!(bodies.pop().is_some());
        let mut next = ClientBody::new(budget.start(key(2)));
        assert_eq!(next.push(Bytes::from_static(b"x")), Ok(()));
        assert_eq!(next.reserve_copy(), Err(BodyBudgetError::All));
        assert!(bodies.pop().is_some());
        assert_eq!(next.reserve_copy(), Ok(()));
        drop((bodies, next));
        assert_eq!(budget.lock().used, 0);
        assert!(budget.lock().by_key.is_empty());
    }
}
