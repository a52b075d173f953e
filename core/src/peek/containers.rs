//! The objects and arrays around the current value.

use super::MAX_DEPTH;
use super::members::{MemberPlace, Role};

/// A stack of objects and arrays, one bit each.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Containers {
    depth: usize,
    /// Set for an object, clear for an array; the innermost one is the lowest bit.
    objects: u128,
    /// Set for a list of models.
    model_lists: u128,
    /// The depth of the outermost container without relevant members; zero if there is none.
    opaque_depth: usize,
    /// `true` inside `metadata`.
    in_metadata: bool,
}

const _: () = assert!(
    MAX_DEPTH <= u128::BITS as usize,
    "one bit for each container"
);

impl Containers {
    /// Enters an object with this role. Returns `false` if it is nested too deep.
    pub(super) fn open_object(&mut self, role: Role) -> bool {
        self.in_metadata |= role == Role::Metadata;
        self.open(1, role)
    }

    /// Enters an array with this role. Returns `false` if it is nested too deep.
    pub(super) fn open_array(&mut self, role: Role) -> bool {
        let is_open = self.open(0, role);
        self.model_lists |= u128::from(role == Role::OtherModel);
        is_open
    }

    fn open(&mut self, object: u128, role: Role) -> bool {
        self.depth += 1;
        self.objects = self.objects << 1 | object;
        self.model_lists <<= 1;
        if role == Role::Opaque && self.opaque_depth == 0 {
            self.opaque_depth = self.depth;
        }
        self.depth <= MAX_DEPTH
    }

    /// Leaves the innermost container.
    pub(super) fn close(&mut self) {
        self.objects >>= 1;
        self.model_lists >>= 1;
        if self.depth == self.opaque_depth {
            self.opaque_depth = 0;
        }
        self.depth = self.depth.saturating_sub(1);
        self.in_metadata &= self.depth > 1;
    }

    /// Returns `true` if the innermost container is an object.
    pub(super) fn is_object(&self) -> bool {
        self.objects & 1 == 1
    }

    /// Returns `true` if the innermost container is an object without relevant members.
    pub(super) fn is_opaque_object(&self) -> bool {
        self.is_object() && self.opaque_depth != 0
    }

    /// Returns `true` if nothing is open.
    pub(super) fn is_empty(&self) -> bool {
        self.depth == 0
    }

    /// Returns the place of the members here; `None` if none of them is relevant.
    pub(super) fn place(&self) -> Option<MemberPlace> {
        match self.depth {
            _ if self.opaque_depth != 0 => None,
            1 => Some(MemberPlace::Request),
            _ if self.in_metadata => Some(MemberPlace::Metadata),
            _ => Some(MemberPlace::Nested),
        }
    }

    /// Returns the role of the elements of the array here.
    pub(super) fn element_role(&self) -> Role {
        if self.opaque_depth != 0 {
            Role::Opaque
        } else if self.model_lists & 1 == 1 {
            Role::OtherModel
        } else {
            Role::Plain
        }
    }
}
