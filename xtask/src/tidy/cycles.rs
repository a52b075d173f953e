//! No import cycle inside a crate: the files and folders of one folder import each other in one direction.
//!
//! A folder and its own `mod.rs` count as one, as do a crate and its `lib.rs` or `main.rs`. Any `crate::`, `super::` or
//! `self::` path counts, and a name that a folder re-exports counts as a path to the file it comes from. Tests are free.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::imports::{Module, paths};
use crate::tree::Tree;

/// Finds the cycles of every crate. Each is reported once, at its first file, with the way around.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut crates: BTreeMap<&str, Crate<'_>> = BTreeMap::new();
    for file in tree.rust() {
        if let Some((name, module)) = Module::of_file(&file.path) {
            let files = crates.entry(name).or_default();
            files.modules.insert(module, (&file.path, &file.text));
        }
    }
    crates.values().flat_map(Crate::cycles).collect()
}

/// The modules of one crate, each with the path and text of its file.
#[derive(Default)]
struct Crate<'a> {
    modules: BTreeMap<Module, (&'a str, &'a str)>,
}

/// The children of one folder, each with the siblings it imports.
type Graph = BTreeMap<Module, BTreeSet<Module>>;

impl Crate<'_> {
    fn cycles(&self) -> Vec<Finding> {
        let imports = self.imports();
        let folders: BTreeSet<Module> = self.modules.keys().filter_map(Module::parent).collect();
        let graphs = folders.iter().map(|folder| self.graph(folder, &imports));
        graphs
            .flat_map(|graph| cycles(&graph))
            .map(|cycle| self.finding(&cycle))
            .collect()
    }

    /// Every import between two modules of the crate.
    fn imports(&self) -> BTreeSet<(Module, Module)> {
        let mut imports = BTreeSet::new();
        for (module, (_, text)) in &self.modules {
            for path in paths(text) {
                if let Some(target) = self.resolve(module, &path.segments) {
                    imports.insert((module.clone(), target));
                }
            }
        }
        imports
    }

    /// The module that a path in `module` leads to: the deepest one, through re-exports. `None` for other crates.
    fn resolve(&self, module: &Module, path: &[&str]) -> Option<Module> {
        let (mut target, rest) = module.start_of(path)?;
        if rest.len() == path.len() && !self.modules.contains_key(&target.child(rest[0])) {
            return None;
        }
        for segment in rest {
            let child = target.child(segment);
            if !self.modules.contains_key(&child) {
                return Some(self.reexported(&target, segment).unwrap_or(target));
            }
            target = child;
        }
        Some(target)
    }

    /// The child module from which `folder` re-exports a name.
    fn reexported(&self, folder: &Module, name: &str) -> Option<Module> {
        let (_, text) = self.modules.get(folder)?;
        let path = paths(text)
            .into_iter()
            .find(|path| path.is_reexport && path.name == name)?;
        let (start, rest) = folder.start_of(&path.segments)?;
        let child = start.child(rest.first()?);
        self.modules.contains_key(&child).then_some(child)
    }

    fn graph(&self, folder: &Module, imports: &BTreeSet<(Module, Module)>) -> Graph {
        let mut graph = Graph::new();
        for module in self.modules.keys() {
            if let Some(child) = module.child_below(folder) {
                graph.entry(child).or_default();
            }
        }
        for (importer, imported) in imports {
            let (from, to) = (importer.child_below(folder), imported.child_below(folder));
            if let (Some(from), Some(to)) = (from, to)
                && from != to
            {
                graph.entry(from).or_default().insert(to);
            }
        }
        graph
    }

    fn finding(&self, cycle: &[Module]) -> Finding {
        let names: Vec<&str> = cycle.iter().map(Module::name).collect();
        let advice = format!(
            "import cycle {} -> {}: move what they share into a file below both",
            names.join(" -> "),
            names[0]
        );
        // A folder without a `mod.rs` has no file of its own.
        let file = |module| self.modules.range(module..).next();
        let path = file(cycle[0].clone()).map_or("", |(_, (path, _))| path);
        Finding::new(path, 1, advice)
    }
}

/// The cycles of a graph: for each group of modules that reach each other, the shortest way around its first one.
fn cycles(graph: &Graph) -> Vec<Vec<Module>> {
    let mut found: Vec<Vec<Module>> = Vec::new();
    let mut seen = BTreeSet::new();
    for start in graph.keys() {
        if seen.contains(start) {
            continue;
        }
        if let Some(cycle) = way_around(graph, start) {
            let group = reachable(graph, start);
            let group = group
                .into_iter()
                .filter(|other| reachable(graph, other).contains(start));
            seen.extend(group);
            found.push(cycle);
        }
    }
    found
}

/// The shortest way from a module back to itself.
fn way_around(graph: &Graph, start: &Module) -> Option<Vec<Module>> {
    let mut ways = vec![vec![start.clone()]];
    let mut visited = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in way
                .last()
                .and_then(|last| graph.get(last))
                .into_iter()
                .flatten()
            {
                if next == start {
                    return Some(way);
                }
                if visited.insert(next.clone()) {
                    longer.push(way.iter().cloned().chain([next.clone()]).collect());
                }
            }
        }
        ways = longer;
    }
    None
}

/// The modules that a module imports, directly or through others.
fn reachable(graph: &Graph, start: &Module) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    let mut open = vec![start];
    while let Some(module) = open.pop() {
        for next in graph.get(module).into_iter().flatten() {
            if found.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::check;

    const LIB: (&str, &str) = ("a/src/lib.rs", "//! x\nmod b;\nmod c;\npub use c::Made;\n");

    #[test]
    fn files_that_import_each_other_are_found() {
        let b = ("a/src/b.rs", "//! x\nuse crate::c::C;\n");
        let one_way = ("a/src/c.rs", "//! x\npub struct Made;\n");
        case::check(check, &[LIB, b, one_way], &[]);
        let back = ("a/src/c.rs", "//! x\npub fn f() -> super::b::B {}\n");
        case::check(check, &[LIB, b, back], &["a/src/b.rs:1"]);
        let grouped = ("a/src/c.rs", "//! x\nuse crate::{\n    b::{self, B},\n};\n");
        case::check(check, &[LIB, b, grouped], &["a/src/b.rs:1"]);
    }

    #[test]
    fn reexports_lead_to_their_file() {
        let b = ("a/src/b.rs", "//! x\nuse crate::Made;\n");
        let c = ("a/src/c.rs", "//! x\nuse crate::b::B;\npub struct Made;\n");
        case::check(check, &[LIB, b, c], &["a/src/b.rs:1"]);
    }

    #[test]
    fn a_folder_and_its_own_mod_file_are_one() {
        let folder = (
            "a/src/b/mod.rs",
            "//! x\nmod d;\nuse d::D;\npub struct Shared;\n",
        );
        let inside = ("a/src/b/d.rs", "//! x\nuse super::Shared;\npub struct D;\n");
        let user = ("a/src/c.rs", "//! x\nuse crate::b::Shared;\n");
        case::check(check, &[LIB, folder, inside, user], &[]);
        let out = ("a/src/b/d.rs", "//! x\nuse crate::c::C;\n");
        case::check(check, &[LIB, folder, out, user], &["a/src/b/mod.rs:1"]);
    }

    #[test]
    fn tests_and_strings_are_free() {
        let b = ("a/src/b.rs", "//! x\nuse crate::c::C;\n");
        let c = "//! x\n// crate::b::B\n#[cfg(test)]\nmod tests {\n    use crate::b::B;\n}\n";
        case::check(check, &[LIB, b, ("a/src/c.rs", c)], &[]);
        case::check(
            check,
            &[LIB, b, ("a/tests/it/c.rs", "use crate::b;\n")],
            &[],
        );
    }
}
