//! Chooses the profile that pays for the next attempt at a virtual key's request.
//!
//! Invariants: a profile that the key does not name is never chosen; a plan login never stands behind a virtual key
//! (docs/facts.md#terms); a key pays with the billing class that its first profile had when it was made, and with another only where it says so;
//! nothing is refused while a profile that may serve is ready; a profile that refused the request is asked again only once
//! its limit is over, or with its secret renewed. `docs/standing.md` tells who serves.

mod choice;
mod choose;
mod conversation;
mod further;
mod no_profile;

pub use choice::{Choice, Chosen, Entry, Hold, Reason};
pub use choose::{Situation, choose};
pub use conversation::{CACHED_FROM_BYTES, Cache, Conversation, Conversations, HELD_FOR};
pub use further::{Further, MOST_ATTEMPTS, Tried};
pub use no_profile::{LeftOut, NoProfile};
