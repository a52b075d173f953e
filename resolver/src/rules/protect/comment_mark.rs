//! The mark that comments out a line, without the line itself, which may contain a credential.

/// A mark inserted into a line to comment it out: `# ` or `: # `.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommentMark {
    /// Position of the mark in the line, in bytes.
    pub offset: usize,
    /// The mark.
    pub mark: String,
}

impl CommentMark {
    /// Finds the mark by which `after` differs from `before`, or `None` if there is another difference.
    pub fn between(before: &str, after: &str) -> Option<Self> {
        let added = after.len().checked_sub(before.len())?;
        let offset = before.len() - before.trim_start().len();
        let mark = after.get(offset..offset + added)?;
        let found = Self {
            offset,
            mark: mark.to_owned(),
        };
        (added > 0 && found.remove(after).as_deref() == Some(before)).then_some(found)
    }

    /// Returns a commented-out line without the mark, or `None` if it has no such mark.
    pub fn remove(&self, line: &str) -> Option<String> {
        let (indent, rest) = line.split_at_checked(self.offset)?;
        let statement = rest.strip_prefix(self.mark.as_str())?;
        Some(format!("{indent}{statement}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_is_found_and_removed() {
        for (before, after, mark) in [
            ("export A=b", "# export A=b", Some("# ")),
            ("\texport A=b", "\t: # export A=b", Some(": # ")),
            ("export A=b", "export A=b", None),
            ("export A=b", "# export A=c", None),
            ("export A=b", "export A=", None),
        ] {
            let found = CommentMark::between(before, after);
            assert_eq!(found.as_ref().map(|it| it.mark.as_str()), mark, "{after}");
            if let Some(found) = found {
                assert_eq!(found.remove(after).as_deref(), Some(before));
                assert_eq!(found.remove(before), None);
            }
        }
    }
}
