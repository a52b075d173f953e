//! The numbers of our enums in the journal: the byte that stands for each variant.
//!
//! Invariants: each number is written here once, for both directions, and never changes; a new variant does not compile
//! without its number. Zero stands for no variant.

use keyreeve_core::price::CostBasis;
use keyreeve_core::select::Reason;

use crate::entries::{Ending, Operation};

/// An enum with one number for each variant.
pub(super) trait NumberedEnum: Sized + Copy {
    /// Returns the variant's number.
    fn number(self) -> u8;
    /// Returns the variant with this number, or `None` if there is none.
    fn from_number(number: u8) -> Option<Self>;
}

macro_rules! numbered_enums {
    ($enum:ty { $($variant:ident = $number:literal,)* }) => {
        impl NumberedEnum for $enum {
            fn number(self) -> u8 {
                match self { $(Self::$variant => $number,)* }
            }

            fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

numbered_enums!(Operation {
    Messages = 1,
    CountTokens = 2,
    Models = 3,
    Account = 4,
});

numbered_enums!(Reason {
    First = 1,
    Spread = 2,
    Sticky = 3,
    Moved = 4,
    AfterRefusal = 5,
    AfterFailure = 6,
    Renewed = 7,
    Waited = 8,
    Named = 9,
});

numbered_enums!(Ending {
    Done = 1,
    Incomplete = 2,
    Failed = 3,
    Unknown = 4,
});

numbered_enums!(CostBasis {
    Known = 1,
    AtMost = 2,
    Equivalent = 3,
});
