//! Reserves disk space for a file, so that later writes into it neither grow it nor fail for lack of space.
//!
//! Limits: a copy-on-write file system reserves nothing; a write into the file can fail there like any other.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::{Errno, retry_on_intr};

use super::FileError;

/// Zeros of one write. Larger writes make the page cache use large folios, into which small writes are slower.
const ZEROS: [u8; 4096] = [0; 4096];

/// Extends a file with zeros from `start`, its end, to `end`. `path` is for the error.
///
/// # Errors
/// If the disk is full, or on another I/O error; the file may have been extended in part.
pub fn preallocate(file: &File, path: &Path, start: u64, end: u64) -> Result<(), FileError> {
    let length = end.saturating_sub(start);
    match retry_on_intr(|| fallocate(file, FallocateFlags::empty(), start, length)) {
        // This file system cannot reserve space.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => write_zeros(file, start, end),
        result => result.map_err(Into::into),
    }
    .map_err(FileError::system("allocate space for", path))
}

fn write_zeros(file: &File, start: u64, end: u64) -> std::io::Result<()> {
    let mut at = start;
    while at < end {
        let missing = usize::try_from(end - at).unwrap_or(usize::MAX);
        let zeros = &ZEROS[..missing.min(ZEROS.len())];
        file.write_all_at(zeros, at)?;
        at += zeros.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_extend_a_file_with_zeros() {
        let reserve = |file: &File| preallocate(file, Path::new("x"), 3, 9_003).expect("space");
        let fill = |file: &File| write_zeros(file, 3, 9_003).expect("space");
        for extend in [&reserve as &dyn Fn(&File), &fill] {
            let file = tempfile::tempfile().expect("a file");
            file.write_all_at(b"abc", 0).expect("written");
            extend(&file);
            let mut bytes = vec![1; 9_003];
            file.read_exact_at(&mut bytes, 0).expect("read");
            assert_eq!(file.metadata().expect("its size").len(), 9_003);
            assert!(bytes.starts_with(b"abc") && bytes[3..].iter().all(|&byte| byte == 0));
        }
    }
}
