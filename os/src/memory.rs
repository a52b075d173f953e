//! Memory for the master key: zeroized when dropped and, if the system allows it, locked so that it is never swapped.
//!
//! Invariant: only this file and `terminal.rs` contain `unsafe`.

use std::ffi::c_void;

use zeroize::Zeroize as _;

/// `N` secret bytes at a fixed heap address.
pub struct Pinned<const N: usize> {
    bytes: Box<[u8; N]>,
    swap_protection: SwapProtection,
}

/// The swap protection of the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SwapProtection {
    /// Their page is locked in memory.
    Locked,
    /// The page is not locked, because the system refused: for example, the limit on locked memory is reached.
    Unlocked,
}

impl<const N: usize> Pinned<N> {
    /// Allocates the bytes, locks their page, then lets `fill` write them.
    pub fn fill_with<E>(fill: impl FnOnce(&mut [u8; N]) -> Result<(), E>) -> Result<Self, E> {
        let mut bytes = Box::new([0; N]);
        let swap_protection = lock(bytes.as_mut());
        let mut pinned = Self {
            bytes,
            swap_protection,
        };
        fill(&mut pinned.bytes)?;
        Ok(pinned)
    }

    /// Returns the bytes.
    pub fn expose(&self) -> &[u8; N] {
        &self.bytes
    }

    /// Returns the swap protection that was obtained.
    pub fn swap_protection(&self) -> SwapProtection {
        self.swap_protection
    }
}

impl<const N: usize> Drop for Pinned<N> {
    fn drop(&mut self) {
        // The page stays locked: locks do not nest, and another secret may be on the same page.
        self.bytes.zeroize();
    }
}

fn lock(bytes: &mut [u8]) -> SwapProtection {
    let start = bytes.as_mut_ptr().cast::<c_void>();
    #[expect(unsafe_code, reason = "there is no safe call that locks memory")]
    // SAFETY: the range is inside one live allocation, and locking a page changes neither its content nor its address.
    let locked = unsafe { rustix::mm::mlock(start, bytes.len()) };
    if locked.is_ok() {
        SwapProtection::Locked
    } else {
        SwapProtection::Unlocked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filled_bytes_are_exposed() {
        let pinned = Pinned::<32>::fill_with(|bytes| {
            bytes.fill(7);
            Ok::<_, ()>(())
        })
        .unwrap();
        assert_eq!(pinned.expose(), &[7; 32]);
    }

    #[test]
    fn memory_lock_is_visible_to_the_kernel() {
        let pinned = Pinned::<32>::fill_with(|_| Ok::<_, ()>(())).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a file of the kernel, in a test")]
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let locked = status
            .lines()
            .find_map(|line| line.strip_prefix("VmLck:"))
            .unwrap();
        let is_locked = locked.split_whitespace().next() != Some("0");
        assert_eq!(
            is_locked,
            pinned.swap_protection() == SwapProtection::Locked,
            "VmLck: {locked}"
        );
    }
}
