//! Parses the blocks of a shell script: conditions, loops, functions, groups and subshells.
//!
//! Invariant: a script whose structure is not understood has none at all, so no wrong conclusion is drawn from a part
//! of it.

use super::lexer::{Dialect, Operator, Token, Word};
use super::structure::{Block, CasePart, CompoundKind, Condition, Loop, ScriptCommand, Structure};

/// Maximum depth of nested blocks; deeper ones are not written by people.
const MAX_DEPTH: usize = 100;

/// The structure of a script is not understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Unbalanced;

#[expect(clippy::struct_excessive_bools, reason = "each is a state of its own")]
struct Parser {
    structure: Structure,
    words: Vec<Word>,
    stack: Vec<usize>,
    condition: Condition,
    is_joined: bool,
    /// `true` if the last command checks the existence of a file.
    checks_file: bool,
    /// `true` after a keyword or an operator that a command must follow.
    needs_command: bool,
    /// `true` in `for name in …`.
    in_header: bool,
    /// `true` in `[[ … ]]`.
    in_test: bool,
    /// `true` between the parentheses of `name ()`.
    in_signature: bool,
    /// `true` after the `else` of `fish`, which `if` may follow.
    after_else: bool,
    /// The depth of parentheses among the words of a command, such as those of a glob.
    word_parentheses: usize,
    dialect: Dialect,
}

/// Returns the structure of a script, or `None` if it is not understood.
pub(super) fn parse(tokens: Vec<Token>, dialect: Dialect) -> Option<Structure> {
    let mut parser = Parser {
        structure: Structure::default(),
        words: Vec::new(),
        stack: Vec::new(),
        condition: Condition::None,
        is_joined: false,
        checks_file: false,
        needs_command: false,
        in_header: false,
        in_test: false,
        in_signature: false,
        after_else: false,
        word_parentheses: 0,
        dialect,
    };
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let closes_next = matches!(tokens.peek(), Some(Token::Operator(Operator::Close, _)));
        parser.token(token, closes_next).ok()?;
    }
    parser.end_statement().ok()?;
    let is_open = parser.in_test || parser.needs_command || parser.word_parentheses > 0;
    let mut structure = (parser.stack.is_empty() && !is_open).then_some(parser.structure)?;
    structure.resolve_calls();
    Some(structure)
}

impl Parser {
    fn token(&mut self, token: Token, closes_next: bool) -> Result<(), Unbalanced> {
        match token {
            Token::Newline if self.in_test || self.word_parentheses > 0 => Ok(()),
            Token::Newline => self.end_line(),
            Token::Word(word) if self.in_test => {
                self.in_test = word.quoted || word.text != "]]";
                self.words.push(word);
                Ok(())
            }
            Token::Operator(_, _) if self.in_test => Ok(()),
            Token::Operator(operator, line) => self.operator(operator, line, closes_next),
            Token::Word(word) if self.word_parentheses > 0 => {
                self.words.push(word);
                Ok(())
            }
            Token::Word(word) => match (self.dialect, self.case_part()) {
                (Dialect::Fish, _) => self.fish_word(word),
                (Dialect::Posix, Some(CasePart::Word)) => self.set_case_part(CasePart::In),
                (Dialect::Posix, Some(CasePart::In)) if word.text == "in" => {
                    self.set_case_part(CasePart::Pattern)
                }
                (Dialect::Posix, Some(CasePart::In)) => Err(Unbalanced),
                (Dialect::Posix, Some(CasePart::Pattern)) if word.text == "esac" => {
                    self.close(&word)
                }
                (Dialect::Posix, Some(CasePart::Pattern)) => Ok(()),
                (Dialect::Posix, Some(CasePart::Arm) | None) => self.posix_word(word),
            },
        }
    }

    fn innermost(&mut self) -> Option<&mut CompoundKind> {
        let id = *self.stack.last()?;
        Some(&mut self.structure.blocks.get_mut(id)?.kind)
    }

    fn case_part(&mut self) -> Option<CasePart> {
        match self.innermost()? {
            CompoundKind::Case(part) => Some(*part),
            CompoundKind::If(_)
            | CompoundKind::Loop(_)
            | CompoundKind::Group
            | CompoundKind::Subshell
            | CompoundKind::Function(_) => None,
        }
    }

    fn set_case_part(&mut self, new: CasePart) -> Result<(), Unbalanced> {
        let Some(CompoundKind::Case(part)) = self.innermost() else {
            return Err(Unbalanced);
        };
        *part = new;
        Ok(())
    }

    fn count_structural(&mut self, line: usize) {
        *self.structure.structural_words.entry(line).or_default() += 1;
    }

    fn open(&mut self, kind: CompoundKind) -> Result<(), Unbalanced> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(Unbalanced);
        }
        self.needs_command = true;
        let block = Block {
            kind,
            condition: self.condition,
            parent: self.stack.last().copied(),
        };
        self.reset_condition();
        self.stack.push(self.structure.blocks.len());
        self.structure.blocks.push(block);
        Ok(())
    }

    fn close(&mut self, keyword: &Word) -> Result<(), Unbalanced> {
        self.count_structural(keyword.line);
        let is_end = |expected: &str| {
            keyword.text == expected || self.dialect == Dialect::Fish && keyword.text == "end"
        };
        let (is_if, is_loop, is_case) = (is_end("fi"), is_end("done"), is_end("esac"));
        let (is_group, is_end) = (is_end("}"), is_end("end"));
        let matches = match self.innermost() {
            Some(CompoundKind::If(_)) => is_if,
            Some(CompoundKind::Loop(found)) => is_loop && found.in_body,
            Some(CompoundKind::Case(_)) => is_case,
            Some(CompoundKind::Group) => is_group,
            Some(CompoundKind::Function(_)) => is_end,
            Some(CompoundKind::Subshell) | None => false,
        };
        if !matches {
            return Err(Unbalanced);
        }
        self.pop();
        Ok(())
    }

    fn pop(&mut self) {
        self.count_empty();
        self.stack.pop();
        self.end_function();
        self.checks_file = false;
    }

    /// Ends the function whose body has just ended.
    fn end_function(&mut self) {
        let is_posix = self.dialect == Dialect::Posix;
        if is_posix && matches!(self.innermost(), Some(CompoundKind::Function(_))) {
            self.stack.pop();
        }
    }

    /// Counts the block that ends here if it contains no command.
    fn count_empty(&mut self) {
        let is_posix = self.dialect == Dialect::Posix;
        self.structure.empty_blocks += usize::from(self.needs_command && is_posix);
        self.needs_command = false;
    }

    fn reset_condition(&mut self) {
        self.condition = Condition::None;
        self.is_joined = false;
    }

    fn end_line(&mut self) -> Result<(), Unbalanced> {
        self.end_statement()?;
        if !(self.needs_command && self.is_joined) {
            self.reset_condition();
        }
        Ok(())
    }

    /// Ends the current command, if there is one.
    fn end_statement(&mut self) -> Result<(), Unbalanced> {
        self.after_else = false;
        let words = std::mem::take(&mut self.words);
        let Some(first) = words.first() else {
            return Ok(());
        };
        if std::mem::take(&mut self.in_header) {
            let is_loop = match self.dialect {
                Dialect::Posix => true,
                Dialect::Fish => first.text == "for",
            };
            return self.end_header(&words, is_loop);
        }
        self.checks_file = checks_file(&words);
        self.needs_command = false;
        self.structure.commands.push(ScriptCommand {
            words,
            block: self.stack.last().copied(),
            condition: self.condition,
            needs_replacement: !self.stack.is_empty() || self.is_joined,
        });
        self.start_fish_branch();
        self.end_function();
        Ok(())
    }

    /// In `fish`, the branch starts after the first statement.
    fn start_fish_branch(&mut self) {
        let (is_fish, checks_file) = (self.dialect == Dialect::Fish, self.checks_file);
        if let Some(CompoundKind::If(condition @ Condition::None)) = self.innermost()
            && is_fish
        {
            *condition = if checks_file {
                Condition::File
            } else {
                Condition::Other
            };
        }
    }

    /// Ends `for name in …`, and in `fish` also `function name …` and `switch …`.
    fn end_header(&mut self, words: &[Word], is_loop: bool) -> Result<(), Unbalanced> {
        let operands = match self.dialect {
            Dialect::Posix => words,
            Dialect::Fish => words.get(1..).unwrap_or_default(),
        };
        let name = operands.first().ok_or(Unbalanced)?.text.clone();
        let values = operands.iter().skip(2).map(|word| word.text.clone());
        let variable = Some((name.clone(), values.collect()));
        match (self.dialect, self.innermost()) {
            (Dialect::Posix, Some(CompoundKind::Loop(found))) => {
                found.variable = variable;
                self.needs_command = false;
                Ok(())
            }
            (Dialect::Posix, _) => Err(Unbalanced),
            (Dialect::Fish, _) if is_loop => self.open(CompoundKind::Loop(Loop {
                variable,
                in_body: true,
            })),
            (Dialect::Fish, _) if words.first().is_some_and(|word| word.text == "switch") => {
                self.open(CompoundKind::Case(CasePart::Arm))
            }
            (Dialect::Fish, _) => self.open(CompoundKind::Function(name)),
        }
    }

    fn operator(
        &mut self,
        operator: Operator,
        line: usize,
        closes_next: bool,
    ) -> Result<(), Unbalanced> {
        if self.word_parentheses > 0 {
            match operator {
                Operator::Open => self.word_parentheses += 1,
                Operator::Close => self.word_parentheses -= 1,
                Operator::End
                | Operator::CaseEnd
                | Operator::And
                | Operator::Or
                | Operator::Pipe => {}
            }
            return Ok(());
        }
        if operator != Operator::End {
            self.count_structural(line);
        }
        if self.in_signature {
            self.in_signature = false;
            return Ok(());
        }
        if self.dialect == Dialect::Posix && self.case_part() == Some(CasePart::Pattern) {
            return self.pattern_operator(operator);
        }
        match operator {
            Operator::End => {
                self.end_statement()?;
                self.reset_condition();
                Ok(())
            }
            Operator::CaseEnd => {
                self.end_statement()?;
                self.reset_condition();
                self.needs_command = false;
                self.set_case_part(CasePart::Pattern)
            }
            Operator::And | Operator::Or | Operator::Pipe => self.join(operator),
            Operator::Open => self.open_parenthesis(closes_next),
            Operator::Close => {
                self.end_statement()?;
                if !matches!(self.innermost(), Some(CompoundKind::Subshell)) {
                    return Err(Unbalanced);
                }
                self.pop();
                Ok(())
            }
        }
    }

    fn pattern_operator(&mut self, operator: Operator) -> Result<(), Unbalanced> {
        match operator {
            Operator::Close => {
                self.needs_command = false;
                self.reset_condition();
                self.set_case_part(CasePart::Arm)
            }
            Operator::Open | Operator::Pipe => Ok(()),
            Operator::End | Operator::CaseEnd | Operator::And | Operator::Or => Err(Unbalanced),
        }
    }

    /// Joins the next command to the one before.
    fn join(&mut self, operator: Operator) -> Result<(), Unbalanced> {
        self.end_statement()?;
        if operator != Operator::Pipe {
            let is_file =
                operator == Operator::And && self.checks_file && self.condition != Condition::Other;
            self.condition = if is_file {
                Condition::File
            } else {
                Condition::Other
            };
        }
        self.is_joined = true;
        self.needs_command = true;
        Ok(())
    }

    fn open_parenthesis(&mut self, closes_next: bool) -> Result<(), Unbalanced> {
        match (self.words.as_slice(), closes_next) {
            // `() { … }` of zsh, and `function name () { … }`.
            ([], true) => self.in_signature = true,
            ([], false) => self.open(CompoundKind::Subshell)?,
            ([_], true) => {
                let name = self.words.pop().ok_or(Unbalanced)?.text;
                self.in_signature = true;
                self.open(CompoundKind::Function(name))?;
            }
            ([..], _) => self.word_parentheses = 1,
        }
        Ok(())
    }

    fn posix_word(&mut self, word: Word) -> Result<(), Unbalanced> {
        let is_group = matches!(self.innermost(), Some(CompoundKind::Group));
        match self.words.as_slice() {
            [] if !word.quoted && !self.in_header => return self.posix_keyword(word),
            [function] if function.text == "function" && !self.in_header => {
                self.words.clear();
                return self.open(CompoundKind::Function(word.text));
            }
            [_] if self.in_header && word.text == "do" => {
                self.end_statement()?;
                return self.posix_keyword(word);
            }
            [..] if is_group && !word.quoted && word.text == "}" => {
                self.end_statement()?;
                return self.close(&word);
            }
            [..] => self.words.push(word),
        }
        Ok(())
    }

    fn posix_keyword(&mut self, word: Word) -> Result<(), Unbalanced> {
        let kind = match word.text.as_str() {
            "if" => CompoundKind::If(Condition::None),
            "while" | "until" => CompoundKind::Loop(Loop::default()),
            "for" | "select" => {
                self.in_header = true;
                CompoundKind::Loop(Loop::default())
            }
            "case" => CompoundKind::Case(CasePart::Word),
            "{" => CompoundKind::Group,
            "then" | "elif" | "else" => return self.branch(&word),
            "do" => return self.loop_body(&word),
            "fi" | "done" | "esac" | "}" => return self.close(&word),
            "!" | "time" => return Ok(()),
            _ => {
                self.in_test = word.text == "[[";
                self.words.push(word);
                return Ok(());
            }
        };
        self.count_structural(word.line);
        self.open(kind)
    }

    fn branch(&mut self, keyword: &Word) -> Result<(), Unbalanced> {
        self.count_structural(keyword.line);
        self.count_empty();
        self.needs_command = true;
        let is_file = self.checks_file && keyword.text == "then";
        let Some(CompoundKind::If(condition)) = self.innermost() else {
            return Err(Unbalanced);
        };
        *condition = if is_file && *condition == Condition::None {
            Condition::File
        } else {
            Condition::Other
        };
        Ok(())
    }

    fn loop_body(&mut self, keyword: &Word) -> Result<(), Unbalanced> {
        self.count_structural(keyword.line);
        match self.innermost() {
            Some(CompoundKind::Loop(found)) if !found.in_body => found.in_body = true,
            // `repeat 3; do … done` of zsh.
            _ => self.open(CompoundKind::Loop(Loop {
                variable: None,
                in_body: true,
            }))?,
        }
        self.needs_command = true;
        Ok(())
    }

    fn fish_word(&mut self, word: Word) -> Result<(), Unbalanced> {
        if !self.words.is_empty() || word.quoted {
            self.words.push(word);
            return Ok(());
        }
        let after_else = std::mem::take(&mut self.after_else);
        let kind = match word.text.as_str() {
            "if" if after_else => return Ok(()),
            "if" => CompoundKind::If(Condition::None),
            "while" => CompoundKind::Loop(Loop {
                variable: None,
                in_body: true,
            }),
            "begin" | "{" => CompoundKind::Group,
            "else" => {
                self.branch(&word)?;
                self.after_else = true;
                return Ok(());
            }
            "end" | "}" => return self.close(&word),
            "and" | "or" => {
                let operator = if word.text == "and" {
                    Operator::And
                } else {
                    Operator::Or
                };
                self.count_structural(word.line);
                return self.join(operator);
            }
            "not" | "!" | "time" => return Ok(()),
            header => {
                self.in_header = matches!(header, "for" | "function" | "switch");
                if self.in_header {
                    self.count_structural(word.line);
                }
                self.words.push(word);
                return Ok(());
            }
        };
        self.count_structural(word.line);
        self.open(kind)
    }
}

/// Returns `true` if a command only checks the existence of a file.
fn checks_file(words: &[Word]) -> bool {
    const CHECKS: [&str; 5] = ["-d", "-e", "-f", "-r", "-s"];
    match words {
        [command, check, ..] => {
            matches!(command.text.as_str(), "[" | "[[" | "test")
                && CHECKS.contains(&check.text.as_str())
        }
        [] | [_] => false,
    }
}
