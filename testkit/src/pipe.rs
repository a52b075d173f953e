//! Pipes that are not read.

use std::io::{ErrorKind, PipeReader, PipeWriter, Write as _, pipe};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// Returns a pipe that is full: a write waits until the reader has read.
pub fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().expect("a pipe can be created");
    let flags = fcntl_getfl(&writer).expect("a pipe's flags can be read");
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).expect("a pipe can be made nonblocking");
    // Whole pages, then single bytes.
    for chunk in [&[b'\n'; 4096][..], b"\n"] {
        let error = loop {
            if let Err(error) = writer.write_all(chunk) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
    }
    fcntl_setfl(&writer, flags).expect("a pipe can be made blocking");
    (reader, writer)
}
