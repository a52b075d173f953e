//! Modules of a crate by their files, and the paths by which a file imports others.
//!
//! Invariant: only shipped code is read; test modules and comments import nothing.

use crate::rust_source::shipped_lines;

/// A module by its path in the crate; the crate itself is empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Module(Vec<String>);

impl Module {
    /// The crate's folder and the module of a file: `core/src/price/mod.rs` is `price` of `core`. `None` for files that
    /// are not part of a crate's source.
    pub(crate) fn of_file(path: &str) -> Option<(&str, Self)> {
        let (folder, file) = path.split_once("/src/")?;
        let mut segments: Vec<&str> = file.strip_suffix(".rs")?.split('/').collect();
        let is_root = segments == ["lib"] || segments == ["main"];
        if is_root || segments.last() == Some(&"mod") {
            segments.pop();
        }
        let segments = segments.into_iter().map(str::to_owned).collect();
        Some((folder, Self(segments)))
    }

    /// The last segment; empty for the crate itself.
    pub(crate) fn name(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The folder the module is in; `None` for the crate itself.
    pub(crate) fn parent(&self) -> Option<Self> {
        let (_, folder) = self.0.split_last()?;
        Some(Self(folder.to_vec()))
    }

    /// A module below this one.
    pub(crate) fn child(&self, name: &str) -> Self {
        let mut segments = self.0.clone();
        segments.push(name.to_owned());
        Self(segments)
    }

    /// The direct child of `folder` that this module is, or is in; `None` if it is outside, or the folder itself.
    pub(crate) fn child_below(&self, folder: &Self) -> Option<Self> {
        let depth = folder.0.len();
        let inside = self.0.len() > depth && self.0[..depth] == folder.0;
        inside.then(|| Self(self.0[..=depth].to_vec()))
    }

    /// The module at which a path in this module starts, and the segments after it. `None` if `super` leads out of the
    /// crate.
    pub(crate) fn start_of<'p>(&self, path: &'p [&'p str]) -> Option<(Self, &'p [&'p str])> {
        match path {
            ["crate", rest @ ..] => Some((Self::default(), rest)),
            ["self", rest @ ..] => Some((self.clone(), rest)),
            ["super", ..] => {
                let mut start = self.clone();
                let mut rest = path;
                while let ["super", after @ ..] = rest {
                    start = start.parent()?;
                    rest = after;
                }
                Some((start, rest))
            }
            _ => Some((self.clone(), path)),
        }
    }
}

/// A path in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ImportPath<'a> {
    pub(crate) segments: Vec<&'a str>,
    /// The name it has in the file: the last segment, or the one after `as`.
    pub(crate) name: &'a str,
    /// `true` for `pub use` and `pub(…) use`.
    pub(crate) is_reexport: bool,
}

/// Lists the paths of `use` declarations, and those in code that start with `crate`, `super` or `self`.
pub(crate) fn paths(text: &str) -> Vec<ImportPath<'_>> {
    let mut found = Vec::new();
    let mut end_of_use = 0;
    for (_, line) in shipped_lines(text) {
        let start = offset(text, line);
        if start < end_of_use {
            continue;
        }
        if let Some((is_reexport, tree)) = use_declaration(&text[start..]) {
            end_of_use = offset(text, tree) + tree.len();
            expand(&[], tree, is_reexport, &mut found);
        } else {
            inline_paths(line, &mut found);
        }
    }
    found
}

/// The offset of a part of a text in it.
fn offset(text: &str, part: &str) -> usize {
    part.as_ptr() as usize - text.as_ptr() as usize
}

/// The tree of a `use` declaration at the start of `code`, up to its semicolon.
fn use_declaration(code: &str) -> Option<(bool, &str)> {
    let code = code.trim_start();
    let (is_reexport, rest) = match code.strip_prefix("pub") {
        Some(rest) => {
            let rest = rest.strip_prefix('(').map_or(rest, |inside| {
                inside.split_once(')').map_or(inside, |(_, after)| after)
            });
            (true, rest.trim_start())
        }
        None => (false, code),
    };
    let tree = rest.strip_prefix("use ")?;
    Some((is_reexport, &tree[..tree.find(';')?]))
}

/// Adds the paths of a `use` tree such as `crate::{a, b::{C, self}}`.
fn expand<'a>(
    prefix: &[&'a str],
    tree: &'a str,
    is_reexport: bool,
    found: &mut Vec<ImportPath<'a>>,
) {
    for part in split_at_commas(tree) {
        let part = part.trim();
        if let Some((head, group)) = part.split_once('{') {
            let mut prefix = prefix.to_vec();
            prefix.extend(segments(head));
            let group = group.rsplit_once('}').map_or(group, |(inside, _)| inside);
            expand(&prefix, group, is_reexport, found);
        } else if !part.is_empty() {
            let (path, alias) = part
                .split_once(" as ")
                .map_or((part, None), |(p, a)| (p, Some(a)));
            let mut all = prefix.to_vec();
            all.extend(segments(path));
            if all.len() > 1 && all.last() == Some(&"self") {
                all.pop();
            }
            let name = alias.map_or_else(|| all.last().copied().unwrap_or_default(), str::trim);
            found.push(ImportPath {
                segments: all,
                name,
                is_reexport,
            });
        }
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split("::")
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// Splits at the commas outside braces.
fn split_at_commas(tree: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, byte) in tree.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(&tree[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tree[start..]);
    parts
}

/// Adds the `crate::`, `super::` and `self::` paths of a line of code.
fn inline_paths<'a>(line: &'a str, found: &mut Vec<ImportPath<'a>>) {
    for keyword in ["crate::", "super::", "self::"] {
        for (at, _) in line.match_indices(keyword) {
            let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$';
            if line[..at].ends_with(is_word) {
                continue;
            }
            let rest = &line[at..];
            let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let segments: Vec<&str> = segments(&rest[..end]).collect();
            let name = segments.last().copied().unwrap_or_default();
            found.push(ImportPath {
                segments,
                name,
                is_reexport: false,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Module, paths};

    fn written(text: &str) -> Vec<String> {
        let found = paths(text).into_iter();
        found
            .map(|path| format!("{} as {}", path.segments.join("::"), path.name))
            .collect()
    }

    #[test]
    fn use_trees_are_expanded() {
        let text = "use crate::{\n    a::{self, B as C},\n    d,\n};\nfn f() {}\n";
        assert_eq!(
            written(text),
            ["crate::a as a", "crate::a::B as C", "crate::d as d"]
        );
        assert!(paths("pub(crate) use a::B;\n")[0].is_reexport);
        assert!(!paths("use a::B;\n")[0].is_reexport);
    }

    #[test]
    fn paths_in_code_are_found() {
        let text = "fn f() -> super::b::B { crate::c::d() }\nlet x = dollar::$crate::y;\n";
        assert_eq!(written(text), ["crate::c::d as d", "super::b::B as B"]);
    }

    #[test]
    fn files_name_modules() {
        let module = |path| Module::of_file(path).map(|(name, module)| (name, module.0.join("::")));
        assert_eq!(module("core/src/lib.rs"), Some(("core", String::new())));
        assert_eq!(
            module("core/src/price/mod.rs"),
            Some(("core", "price".to_owned()))
        );
        assert_eq!(
            module("core/src/price/table.rs"),
            Some(("core", "price::table".to_owned()))
        );
        assert_eq!(module("core/tests/it/main.rs"), None);
    }
}
