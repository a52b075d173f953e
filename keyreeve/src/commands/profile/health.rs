//! `profile resume`, `pause`, `drain`.

use jiff::Timestamp;
use keyreeve_broker::admin::profile_health::{Paused, Resumed};
use keyreeve_core::clock::Clock;
use keyreeve_core::profile::Name;

use crate::output::{Line, relative_time};

/// Returns what `resume` did.
pub(super) fn resumed(name: &Name, resumed: Resumed) -> Vec<Line> {
    let success = Line::Success(format!("Resumed profile `{name}`"));
    match resumed {
        Resumed::Profile => vec![success],
        Resumed::Organization => vec![
            success,
            Line::Note("This also resumed the other profiles of its organization".to_owned()),
        ],
    }
}

/// Returns what `pause` did.
pub(super) fn paused(name: &Name, paused: Paused, until: Timestamp, clock: &Clock) -> Vec<Line> {
    match paused {
        Paused::StaysDrained => vec![
            Line::Note(format!("Profile `{name}` is drained and stays drained")),
            Line::Fix(format!("keyreeve profile resume {name}")),
        ],
        Paused::Paused => vec![
            Line::Success(format!(
                "Paused profile `{name}` until {}",
                relative_time(until, clock)
            )),
            Line::Hint(format!(
                "End the pause earlier: `keyreeve profile resume {name}`"
            )),
        ],
    }
}

/// Returns what `drain` did.
pub(super) fn drained(name: &Name) -> Vec<Line> {
    vec![
        Line::Success(format!("Drained profile `{name}`: it gets no new requests")),
        Line::Hint(format!("Use it again: `keyreeve profile resume {name}`")),
    ]
}
