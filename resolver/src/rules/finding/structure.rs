//! The structure of a shell script: its commands, and whether every new shell runs them.

use std::collections::BTreeMap;

use super::lexer::Word;

/// Maximum number of calls from function to function that are followed.
const MAX_CALL_DEPTH: usize = 3;

/// The shells that run a line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reach {
    /// Every new shell that reads the file.
    Always,
    /// New shells for which a condition holds.
    Conditional,
    /// A shell in which the function around it is called.
    Function,
    /// A subshell, which ends before the next line.
    Subshell,
    /// No shell: it is the text of a here-document.
    HereDocument,
}

/// A command of a script.
pub(super) struct ScriptCommand {
    pub(super) words: Vec<Word>,
    /// The innermost block around it.
    pub(super) block: Option<usize>,
    /// The condition before it, in `condition && command`.
    pub(super) condition: Condition,
    /// `true` if it is in a block, or an operator joins it to the command before.
    pub(super) needs_replacement: bool,
}

/// A condition that a command depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    None,
    /// The existence of a file.
    File,
    Other,
}

/// The kind of a block.
pub(super) enum CompoundKind {
    /// Its condition, once its branch has started.
    If(Condition),
    Loop(Loop),
    Case(CasePart),
    Group,
    Subshell,
    Function(String),
}

/// A loop: the name and the values of its variable, and `true` once its body has started.
#[derive(Default)]
pub(super) struct Loop {
    pub(super) variable: Option<(String, Vec<String>)>,
    pub(super) in_body: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CasePart {
    Word,
    In,
    Pattern,
    Arm,
}

pub(super) struct Block {
    pub(super) kind: CompoundKind,
    /// The condition before it, in `condition && { … }`.
    pub(super) condition: Condition,
    pub(super) parent: Option<usize>,
}

/// The structure of a script.
#[derive(Default)]
pub(super) struct Structure {
    pub(super) commands: Vec<ScriptCommand>,
    pub(super) blocks: Vec<Block>,
    /// The number of blocks that contain no command, which most shells refuse.
    pub(super) empty_blocks: usize,
    /// The number of keywords and operators on each line.
    pub(super) structural_words: BTreeMap<usize, usize>,
    function_reach: BTreeMap<String, Reach>,
}

impl Structure {
    /// Returns the reach of a command.
    pub(super) fn reach(&self, command: &ScriptCommand) -> Reach {
        self.reach_with(command, Condition::Other)
    }

    /// Returns the reach of a command that reads a file: a check that the file exists is no condition.
    pub(super) fn reach_of_source(&self, command: &ScriptCommand) -> Reach {
        self.reach_with(command, Condition::File)
    }

    fn reach_with(&self, command: &ScriptCommand, allowed: Condition) -> Reach {
        let of_condition = |condition: Condition| match condition {
            Condition::None => Reach::Always,
            Condition::File if allowed == Condition::File => Reach::Always,
            Condition::File | Condition::Other => Reach::Conditional,
        };
        let mut reach = of_condition(command.condition);
        for block in self.ancestors(command.block) {
            reach = reach.max(of_condition(block.condition));
            reach = reach.max(match &block.kind {
                CompoundKind::If(condition) => of_condition(*condition),
                CompoundKind::Loop(Loop {
                    variable: Some(_), ..
                }) if allowed == Condition::File => Reach::Always,
                CompoundKind::Loop(_) | CompoundKind::Case(_) => Reach::Conditional,
                CompoundKind::Group => Reach::Always,
                CompoundKind::Subshell => Reach::Subshell,
                CompoundKind::Function(name) => {
                    let known = self.function_reach.get(name);
                    known.copied().unwrap_or(Reach::Function)
                }
            });
        }
        reach
    }

    /// Returns the values of a loop's variable at a command.
    pub(super) fn loop_values(&self, command: &ScriptCommand, name: &str) -> Option<&[String]> {
        self.ancestors(command.block)
            .filter_map(|block| match &block.kind {
                CompoundKind::Loop(found) => found.variable.as_ref(),
                CompoundKind::If(_)
                | CompoundKind::Case(_)
                | CompoundKind::Group
                | CompoundKind::Subshell
                | CompoundKind::Function(_) => None,
            })
            .find_map(|(variable, values)| (variable == name).then_some(values.as_slice()))
    }

    fn ancestors(&self, block: Option<usize>) -> impl Iterator<Item = &Block> {
        let get = |id: Option<usize>| self.blocks.get(id?);
        std::iter::successors(get(block), move |block| get(block.parent))
    }

    /// Finds the functions that the script itself calls.
    pub(super) fn resolve_calls(&mut self) {
        for block in &self.blocks {
            if let CompoundKind::Function(name) = &block.kind {
                self.function_reach.insert(name.clone(), Reach::Function);
            }
        }
        // A function may call another one.
        for _ in 0..MAX_CALL_DEPTH {
            let calls: Vec<(String, Reach)> = self
                .commands
                .iter()
                .filter_map(|command| {
                    let name = &command.words.first()?.text;
                    let is_function = self.function_reach.contains_key(name);
                    is_function.then(|| (name.clone(), self.reach(command)))
                })
                .collect();
            for (name, reach) in calls {
                if let Some(known) = self.function_reach.get_mut(&name) {
                    *known = reach.min(*known);
                }
            }
        }
    }
}
