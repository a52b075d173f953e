//! Reads `xtask/tidy-exceptions.txt`: a subject, its allowed lines, and the reason.

/// The path of the list.
pub(super) const LIST: &str = "xtask/tidy-exceptions.txt";

/// One exception from a limit.
pub(super) struct Exception<'a> {
    /// Its line in the list.
    pub(super) line: usize,
    /// A path, or `path::function`.
    pub(super) subject: &'a str,
    /// The number of lines it may have.
    pub(super) lines: usize,
}

/// Reads the list. An entry without a number gets a limit that nothing reaches, so that it is reported as unneeded.
pub(super) fn read(text: &str) -> Vec<Exception<'_>> {
    let mut exceptions = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace();
        if let Some(subject) = words.next().filter(|word| !word.starts_with('#')) {
            let lines = words
                .next()
                .and_then(|number| number.parse().ok())
                .unwrap_or(usize::MAX);
            exceptions.push(Exception {
                line: index + 1,
                subject,
                lines,
            });
        }
    }
    exceptions
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn comments_are_skipped_and_numbers_parsed() {
        let read = read("# subject lines reason\n\na.rs 700 one table\n");
        let entries: Vec<_> = read
            .iter()
            .map(|entry| (entry.line, entry.subject, entry.lines))
            .collect();
        assert_eq!(entries, [(3, "a.rs", 700)]);
    }
}
