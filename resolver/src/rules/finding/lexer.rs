//! Splits a whole shell script into words, operators, comments and here-documents (docs/facts.md#shell-files).
//!
//! Invariants: it never fails, needs linear time and no recursion; if a quote, a substitution or a here-document has no
//! end, it reports that, and nothing may be concluded from the rest.

use std::ops::Range;

/// The family of shells that a script is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dialect {
    /// `sh`, `bash`, `zsh`.
    Posix,
    /// `fish`
    Fish,
}

/// A word, without its quotes. A substitution in it is kept as it is written.
#[derive(Clone, Default)]
pub(super) struct Word {
    pub(super) text: String,
    /// `true` if it is known only when the line runs.
    pub(super) computed: bool,
    /// `true` if a part of it is quoted, so that it is no keyword.
    pub(super) quoted: bool,
    /// The lines of its start and its end, counted from 1.
    pub(super) line: usize,
    pub(super) end_line: usize,
}

/// An operator between words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    /// `;` or `&`
    End,
    /// `;;`, `;&`, `;;&`
    CaseEnd,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `|` or `|&`
    Pipe,
    /// `(`
    Open,
    /// `)`
    Close,
}

pub(super) enum Token {
    Word(Word),
    Operator(Operator, usize),
    Newline,
}

/// The parts of a script.
#[derive(Default)]
pub(super) struct Lexed {
    pub(super) tokens: Vec<Token>,
    /// The line and the byte range of each comment, without its mark.
    pub(super) comments: Vec<(usize, Range<usize>)>,
    /// The lines of here-documents.
    pub(super) here_document_lines: Vec<usize>,
    /// The lines that a backslash continues on the next one.
    pub(super) continued_lines: Vec<usize>,
    /// `true` if every quote, substitution and here-document has an end.
    pub(super) is_complete: bool,
}

/// A construct that is open inside a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nesting {
    Parenthesis,
    Brace,
    DoubleQuotes,
    Backticks,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    dialect: Dialect,
    word: Option<Word>,
    /// Here-documents that start after the current line: their delimiters, and `true` for `<<-`.
    here_documents: Vec<(String, bool)>,
    /// `Some` after `<<`, until its delimiter: `true` for `<<-`.
    awaits_delimiter: Option<bool>,
    lexed: Lexed,
}

/// Splits a script.
pub(super) fn lex(text: &str, dialect: Dialect) -> Lexed {
    let mut lexer = Lexer {
        text,
        at: 0,
        line: 1,
        dialect,
        word: None,
        here_documents: Vec::new(),
        awaits_delimiter: None,
        lexed: Lexed {
            is_complete: true,
            ..Lexed::default()
        },
    };
    while lexer.lexed.is_complete && lexer.step() {}
    lexer.end_word();
    let has_open_document = !lexer.here_documents.is_empty() || lexer.awaits_delimiter.is_some();
    lexer.lexed.is_complete &= !has_open_document;
    lexer.lexed
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn starts_with(&self, text: &str) -> bool {
        self.rest().starts_with(text)
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn open_word(&mut self) -> &mut Word {
        let line = self.line;
        self.word.get_or_insert_with(|| Word {
            line,
            ..Word::default()
        })
    }

    fn end_word(&mut self) {
        let Some(mut word) = self.word.take() else {
            return;
        };
        word.end_line = self.line;
        if let Some(strips_tabs) = self.awaits_delimiter.take() {
            self.here_documents.push((word.text, strips_tabs));
        } else {
            self.lexed.tokens.push(Token::Word(word));
        }
    }

    fn operator(&mut self, operator: Operator, length: usize) {
        self.end_word();
        self.at += length;
        self.lexed.tokens.push(Token::Operator(operator, self.line));
    }

    /// Consumes the next part. Returns `false` at the end of the text.
    fn step(&mut self) -> bool {
        let Some(c) = self.rest().chars().next() else {
            return false;
        };
        match c {
            '\n' => self.newline(),
            c if c.is_whitespace() => {
                self.end_word();
                self.bump();
            }
            '#' if self.word.is_none() => self.comment(),
            ';' | '&' | '|' => self.separator(),
            '(' | ')' => self.parenthesis(),
            '<' | '>' => self.redirection(),
            _ => self.character(c),
        }
        true
    }

    fn newline(&mut self) {
        self.end_word();
        self.lexed.tokens.push(Token::Newline);
        self.bump();
        for (delimiter, strips_tabs) in std::mem::take(&mut self.here_documents) {
            self.here_document(&delimiter, strips_tabs);
        }
    }

    fn here_document(&mut self, delimiter: &str, strips_tabs: bool) {
        while self.at < self.text.len() {
            let line = self.rest().split('\n').next().unwrap_or_default();
            let content = if strips_tabs {
                line.trim_start_matches('\t')
            } else {
                line
            };
            let is_end = content.trim_end_matches('\r') == delimiter;
            self.at = (self.at + line.len() + 1).min(self.text.len());
            self.lexed.here_document_lines.push(self.line);
            self.line += 1;
            if is_end {
                self.lexed.here_document_lines.pop();
                return;
            }
        }
        self.lexed.is_complete = false;
    }

    fn comment(&mut self) {
        let length = self.rest().find('\n').unwrap_or_else(|| self.rest().len());
        let range = self.at + 1..self.at + length;
        self.lexed.comments.push((self.line, range));
        self.at += length;
    }

    fn separator(&mut self) {
        let (operator, length) = if self.starts_with(";;&") {
            (Operator::CaseEnd, 3)
        } else if self.starts_with(";;") || self.starts_with(";&") || self.starts_with(";|") {
            (Operator::CaseEnd, 2)
        } else if self.starts_with("&&") {
            (Operator::And, 2)
        } else if self.starts_with("||") {
            (Operator::Or, 2)
        } else if self.starts_with("|&") {
            (Operator::Pipe, 2)
        } else if self.starts_with("|") {
            (Operator::Pipe, 1)
        } else if self.starts_with("&>") || self.follows_redirection() {
            // `&>file` and `2>&1` are one word here.
            self.plain();
            return;
        } else {
            (Operator::End, 1)
        };
        self.operator(operator, length);
    }

    fn follows_redirection(&self) -> bool {
        self.starts_with("&") && self.text[..self.at].ends_with(['>', '<'])
    }

    fn parenthesis(&mut self) {
        if self.dialect == Dialect::Fish {
            // A command substitution.
            if self.starts_with("(") {
                self.nested(Nesting::Parenthesis, 1);
            } else {
                self.lexed.is_complete = false;
            }
            return;
        }
        let is_array = |word: &Word| !word.quoted && word.text.ends_with('=');
        let is_arithmetic = self.starts_with("((") && self.word.is_none();
        let is_array = self.starts_with("(") && self.word.as_ref().is_some_and(is_array);
        if is_arithmetic || is_array {
            self.nested(Nesting::Parenthesis, 1);
        } else if self.starts_with("(") {
            self.operator(Operator::Open, 1);
        } else {
            self.operator(Operator::Close, 1);
        }
    }

    fn redirection(&mut self) {
        let is_posix = self.dialect == Dialect::Posix;
        if is_posix && (self.starts_with("<(") || self.starts_with(">(")) {
            self.nested(Nesting::Parenthesis, 2);
        } else if is_posix && self.starts_with("<<<") {
            self.end_word();
            self.at += 3;
        } else if is_posix && self.starts_with("<<") {
            self.end_word();
            let strips_tabs = self.starts_with("<<-");
            self.at += if strips_tabs { 3 } else { 2 };
            self.awaits_delimiter = Some(strips_tabs);
        } else {
            self.plain();
        }
    }

    fn plain(&mut self) {
        self.open_word();
        if let (Some(c), Some(word)) = (self.bump(), self.word.as_mut()) {
            word.text.push(c);
        }
    }

    fn character(&mut self, c: char) {
        match c {
            '\\' => self.escape(),
            '\'' => self.single_quotes(),
            '"' => self.double_quotes(),
            '$' => self.dollar(),
            '`' if self.dialect == Dialect::Posix => self.nested(Nesting::Backticks, 1),
            _ => self.plain(),
        }
    }

    fn escape(&mut self) {
        let line = self.line;
        self.bump();
        match self.bump() {
            None | Some('\n') => self.lexed.continued_lines.push(line),
            Some(c) => {
                let word = self.open_word();
                word.quoted = true;
                word.text.push(c);
            }
        }
    }

    fn single_quotes(&mut self) {
        self.open_word().quoted = true;
        self.bump();
        let has_escapes = self.dialect == Dialect::Fish;
        self.until_quote(has_escapes);
    }

    /// Consumes the rest of a single-quoted text.
    fn until_quote(&mut self, has_escapes: bool) {
        loop {
            match self.bump() {
                None => {
                    self.lexed.is_complete = false;
                    return;
                }
                Some('\'') => return,
                Some('\\') if has_escapes => {
                    let escaped = self.bump();
                    self.open_word().text.extend(escaped);
                }
                Some(c) => self.open_word().text.push(c),
            }
        }
    }

    fn double_quotes(&mut self) {
        self.open_word().quoted = true;
        self.bump();
        loop {
            if self.starts_with("$") {
                self.dollar();
            } else if self.starts_with("`") && self.dialect == Dialect::Posix {
                self.nested(Nesting::Backticks, 1);
            } else {
                match self.bump() {
                    None => self.lexed.is_complete = false,
                    Some('"') => return,
                    Some('\\') => {
                        let escaped = self.bump();
                        self.open_word().text.extend(escaped);
                    }
                    Some(c) => self.open_word().text.push(c),
                }
            }
            if !self.lexed.is_complete {
                return;
            }
        }
    }

    /// Consumes `$name`, `$(…)`, `${…}` or `$'…'`.
    fn dollar(&mut self) {
        if self.starts_with("$(") {
            self.nested(Nesting::Parenthesis, 2);
        } else if self.starts_with("${") && self.dialect == Dialect::Posix {
            self.nested(Nesting::Brace, 2);
        } else if self.starts_with("$'") && self.dialect == Dialect::Posix {
            self.open_word().quoted = true;
            self.at += 2;
            self.until_quote(true);
        } else {
            self.open_word().computed = true;
            self.plain();
        }
    }

    /// Consumes a construct and everything in it, and adds it to the word as it is written.
    fn nested(&mut self, first: Nesting, opening: usize) {
        self.open_word().computed = true;
        let start = self.at;
        self.at += opening;
        let mut open = vec![first];
        let mut quotes = 0_usize;
        while let Some(innermost) = open.last().copied() {
            let Some(c) = self.bump() else {
                self.lexed.is_complete = false;
                break;
            };
            if closes(innermost, c) {
                quotes -= usize::from(innermost == Nesting::DoubleQuotes);
                open.pop();
            } else if c == '\\' {
                self.bump();
            } else if let Some((nesting, length)) = self.opens(innermost, c) {
                self.at += length;
                quotes += usize::from(nesting == Nesting::DoubleQuotes);
                open.push(nesting);
            } else if c == '\'' && (quotes == 0 || innermost == Nesting::Parenthesis) {
                self.skip_single_quotes(innermost);
            } else if c == '#' && innermost == Nesting::Parenthesis && self.is_after_blank() {
                self.at += self.rest().find('\n').unwrap_or_else(|| self.rest().len());
            }
        }
        let raw = &self.text[start..self.at];
        if let Some(word) = self.word.as_mut() {
            word.text.push_str(raw);
        }
    }

    /// Returns the construct that a character opens inside another one, and the number of further bytes of its opening.
    fn opens(&self, innermost: Nesting, c: char) -> Option<(Nesting, usize)> {
        match (innermost, c) {
            (Nesting::Backticks, _) => None,
            (_, '$') if self.starts_with("(") => Some((Nesting::Parenthesis, 1)),
            (_, '$') if self.starts_with("{") => Some((Nesting::Brace, 1)),
            (_, '`') => Some((Nesting::Backticks, 0)),
            (Nesting::Parenthesis | Nesting::Brace, '"') => Some((Nesting::DoubleQuotes, 0)),
            (Nesting::Parenthesis, '(') => Some((Nesting::Parenthesis, 0)),
            (Nesting::Parenthesis | Nesting::Brace | Nesting::DoubleQuotes, _) => None,
        }
    }

    fn skip_single_quotes(&mut self, innermost: Nesting) {
        match innermost {
            Nesting::Parenthesis | Nesting::Brace => {}
            Nesting::DoubleQuotes | Nesting::Backticks => return,
        }
        loop {
            match self.bump() {
                None => {
                    self.lexed.is_complete = false;
                    return;
                }
                Some('\'') => return,
                Some('\\') if self.dialect == Dialect::Fish => {
                    self.bump();
                }
                Some(_) => {}
            }
        }
    }

    /// Returns `true` if the character before the one just read is blank, so that `#` starts a comment.
    fn is_after_blank(&self) -> bool {
        self.text[..self.at - 1].ends_with([' ', '\t', '\n', ';'])
    }
}

fn closes(innermost: Nesting, c: char) -> bool {
    match innermost {
        Nesting::Parenthesis => c == ')',
        Nesting::Brace => c == '}',
        Nesting::DoubleQuotes => c == '"',
        Nesting::Backticks => c == '`',
    }
}
