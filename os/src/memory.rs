//! Memory for the one key that opens all others: overwritten when dropped and, where the system allows, never swapped out.
//!
//! Invariant: only this file and `terminal.rs` hold `unsafe`.

use std::ffi::c_void;

use zeroize::Zeroize as _;

/// Holds `N` secret bytes at one place of the heap.
pub struct Pinned<const N: usize> {
    bytes: Box<[u8; N]>,
    swap: Swap,
}

/// Whether the system may write the bytes to its swap space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Swap {
    /// Their page is locked into memory.
    LockedOut,
    /// The system refused to lock it, as it does when the limit on locked memory is used up.
    Possible,
}

impl<const N: usize> Pinned<N> {
    /// Makes room, locks it, then lets `fill` write into it.
    pub fn filled<E>(fill: impl FnOnce(&mut [u8; N]) -> Result<(), E>) -> Result<Self, E> {
        let mut bytes = Box::new([0; N]);
        let swap = lock(bytes.as_mut());
        let mut pinned = Self { bytes, swap };
        fill(&mut pinned.bytes)?;
        Ok(pinned)
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8; N] {
        &self.bytes
    }

    /// Whether they can reach the swap space.
    pub fn swap(&self) -> Swap {
        self.swap
    }
}

impl<const N: usize> Drop for Pinned<N> {
    fn drop(&mut self) {
        // The page stays locked: locks do not nest, and another secret may lie on the same page.
        self.bytes.zeroize();
    }
}

fn lock(bytes: &mut [u8]) -> Swap {
    let start = bytes.as_mut_ptr().cast::<c_void>();
    #[expect(unsafe_code, reason = "there is no safe call that locks memory")]
    // SAFETY: the range lies inside one live allocation, and locking a page changes neither its content nor its address.
    let locked = unsafe { rustix::mm::mlock(start, bytes.len()) };
    if locked.is_ok() {
        Swap::LockedOut
    } else {
        Swap::Possible
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_filled_in_comes_out() {
        let pinned = Pinned::<32>::filled(|bytes| {
            bytes.fill(7);
            Ok::<_, ()>(())
        })
        .unwrap();
        assert_eq!(pinned.expose(), &[7; 32]);
    }

    #[test]
    fn locking_is_seen_by_the_kernel() {
        let pinned = Pinned::<32>::filled(|_| Ok::<_, ()>(())).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a file of the kernel, in a test")]
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let locked = status
            .lines()
            .find_map(|line| line.strip_prefix("VmLck:"))
            .unwrap();
        let any = locked.split_whitespace().next() != Some("0");
        assert_eq!(any, pinned.swap() == Swap::LockedOut, "VmLck: {locked}");
    }
}
