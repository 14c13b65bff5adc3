//! Annotations are Go templates, which Prometheus reads when it loads the rules: this refuses what it refuses.
//!
//! Only the grammar, the functions and the variables are checked, as Prometheus does; nothing is expanded. Templates
//! that a template defines for itself (`define`, `block`, `template`) are refused too: nobody needs them in a line of
//! text.

mod lexer;

use super::super::read::Complaint;
use lexer::Token;

/// How deep parentheses and blocks may be nested.
const MAX_DEPTH: usize = 50;

/// The variables that Prometheus sets. `$` is everything it gives.
const VARIABLES: [&str; 5] = ["$", "$labels", "$value", "$externalLabels", "$externalURL"];

/// The functions of Go and of Prometheus since 2.42.
const FUNCTIONS: [&str; 45] = [
    "and",
    "args",
    "call",
    "eq",
    "externalURL",
    "first",
    "ge",
    "graphLink",
    "gt",
    "html",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "index",
    "js",
    "label",
    "le",
    "len",
    "lt",
    "match",
    "ne",
    "not",
    "or",
    "parseDuration",
    "pathPrefix",
    "print",
    "printf",
    "println",
    "query",
    "reReplaceAll",
    "safeHtml",
    "slice",
    "sortByLabel",
    "stripDomain",
    "stripPort",
    "strvalue",
    "tableLink",
    "title",
    "toLower",
    "toTime",
    "toUpper",
    "urlquery",
    "value",
];

/// Words that begin or end a part of a template.
const KEYWORDS: [&str; 10] = ["if", "range", "with", "else", "end", "break", "continue", "define", "block", "template"];

/// Checks that Prometheus reads a template.
pub(super) fn check(text: &str) -> Result<(), Complaint> {
    let refuse = |message: String| Complaint {
        message: format!("Prometheus cannot read the template: {message}"),
        help: "write `{{ $labels.NAME }}` for a label, `{{ $value }}` for the value, and `{{ \"{{\" }}` for two braces"
            .to_owned(),
    };
    let tokens = lexer::tokens(text).map_err(refuse)?;
    let mut parser = Parser { tokens, at: 0, variables: VARIABLES.to_vec(), depth: 0, ranges: 0 };
    parser.template().map_err(refuse)
}

/// How a list of actions ended.
#[derive(Clone, Copy, PartialEq)]
enum Ending {
    End,
    Else,
    /// `{{else if`, whose condition comes next.
    ElseIf,
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    /// The next token.
    at: usize,
    /// Variables in scope.
    variables: Vec<&'a str>,
    depth: usize,
    /// How many `range` are open.
    ranges: usize,
}

type Checked<T = ()> = Result<T, String>;

impl<'a> Parser<'a> {
    fn template(&mut self) -> Checked {
        match self.list()? {
            None => Ok(()),
            Some(Ending::End) => Err("`{{ end }}` ends nothing".to_owned()),
            Some(_) => Err("`{{ else }}` belongs to nothing".to_owned()),
        }
    }

    fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.at)
    }

    /// Passes over `token` if it comes next.
    fn pass(&mut self, token: &Token<'_>) -> bool {
        let is_next = self.peek() == Some(token);
        self.at += usize::from(is_next);
        is_next
    }

    fn skip_space(&mut self) {
        while self.pass(&Token::Space) {}
    }

    /// Reads actions up to the one that ends them, or to the end of the text.
    fn list(&mut self) -> Checked<Option<Ending>> {
        while self.pass(&Token::Open) {
            self.skip_space();
            let Some(keyword) = self.keyword() else {
                self.pipeline("`{{ }}`", &Token::Close, false)?;
                continue;
            };
            match keyword {
                "end" => return self.close().map(|()| Some(Ending::End)),
                "else" => return self.after_else().map(Some),
                "if" | "with" | "range" => self.block(keyword)?,
                "break" | "continue" if self.ranges == 0 => {
                    return Err(format!("`{keyword}` stands outside of `range`"));
                }
                "break" | "continue" => self.close()?,
                _ => return Err(format!("`{keyword}` is not supported in SLO files")),
            }
        }
        Ok(None)
    }

    /// Passes over a keyword.
    fn keyword(&mut self) -> Option<&'static str> {
        let Some(Token::Word(word)) = self.peek() else { return None };
        let keyword = KEYWORDS.iter().copied().find(|keyword| keyword == word)?;
        self.at += 1;
        Some(keyword)
    }

    fn close(&mut self) -> Checked {
        self.skip_space();
        if self.pass(&Token::Close) { Ok(()) } else { Err("`}}` is wanted after the keyword".to_owned()) }
    }

    fn after_else(&mut self) -> Checked<Ending> {
        self.skip_space();
        if self.pass(&Token::Word("if")) {
            return Ok(Ending::ElseIf);
        }
        self.close().map(|()| Ending::Else)
    }

    /// Reads what follows `{{ if`, `{{ with` or `{{ range`, up to its `{{ end }}`.
    fn block(&mut self, keyword: &'static str) -> Checked {
        let (scope, ranges) = (self.variables.len(), self.ranges);
        self.deeper()?;
        let mut ending = Some(Ending::ElseIf);
        while ending == Some(Ending::ElseIf) {
            self.pipeline(&format!("`{keyword}`"), &Token::Close, keyword == "range")?;
            self.ranges = ranges + usize::from(keyword == "range");
            ending = self.list()?;
            self.ranges = ranges;
            if ending == Some(Ending::ElseIf) && keyword != "if" {
                return Err(format!("`else if` belongs to `if`, not to `{keyword}`"));
            }
        }
        if ending == Some(Ending::Else) {
            ending = self.list()?;
        }
        self.variables.truncate(scope);
        self.depth -= 1;
        match ending {
            Some(Ending::End) => Ok(()),
            Some(_) => Err(format!("`{keyword}` has an `{{{{ else }}}}` too many")),
            None => Err(format!("`{keyword}` has no `{{{{ end }}}}`")),
        }
    }

    fn deeper(&mut self) -> Checked {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err("it is nested too deeply".to_owned()) } else { Ok(()) }
    }

    /// Reads commands joined by `|`, up to and with `end`.
    fn pipeline(&mut self, what: &str, end: &Token<'_>, is_range: bool) -> Checked {
        self.skip_space();
        self.declarations(is_range);
        let mut is_first = true;
        loop {
            self.skip_space();
            if self.pass(end) {
                return if is_first { Err(format!("{what} has no value")) } else { Ok(()) };
            }
            self.command(is_first, end)?;
            is_first = false;
        }
    }

    /// Takes `$x :=`, and `$x, $y :=` after `range`.
    fn declarations(&mut self, is_range: bool) {
        let start = self.at;
        let mut found = Vec::new();
        while let Some(Token::Variable(name)) = self.peek().cloned() {
            self.at += 1;
            found.push(name);
            self.skip_space();
            if self.pass(&Token::Assign) {
                self.variables.extend(found);
                return;
            }
            if !is_range || found.len() > 1 || !self.pass(&Token::Comma) {
                break;
            }
            self.skip_space();
        }
        self.at = start;
    }

    /// Reads the words of a command, and the `|` after it.
    fn command(&mut self, is_first: bool, end: &Token<'_>) -> Checked {
        let mut words = 0;
        loop {
            self.skip_space();
            let is_plain = self.operand()?;
            if is_plain == Some(true) && words == 0 && !is_first {
                return Err("what follows a `|` has to be a function".to_owned());
            }
            words += usize::from(is_plain.is_some());
            if self.pass(&Token::Space) {
                continue;
            }
            if self.pass(&Token::Pipe) || self.peek() == Some(end) {
                break;
            }
            return Err(self.peek().map_or("it ends too early".to_owned(), unexpected));
        }
        if words == 0 { Err("a `|` has nothing before it".to_owned()) } else { Ok(()) }
    }

    /// Reads one word with the fields after it: whether it is a plain value, which cannot take what comes through `|`.
    fn operand(&mut self) -> Checked<Option<bool>> {
        let Some(token) = self.peek().cloned() else { return Ok(None) };
        let is_plain = match token {
            Token::Word(word) if KEYWORDS.contains(&word) => return Ok(None),
            Token::Word("true" | "false" | "nil") | Token::Dot | Token::Number | Token::Text => true,
            Token::Word(word) if FUNCTIONS.contains(&word) => false,
            Token::Word(word) => return Err(format!("there is no function `{word}`")),
            Token::Variable(name) if self.variables.contains(&name) => false,
            Token::Variable(name) => return Err(format!("there is no variable `{name}`")),
            Token::Field => false,
            Token::OpenParen => {
                self.at += 1;
                self.deeper()?;
                self.pipeline("`( )`", &Token::CloseParen, false)?;
                self.depth -= 1;
                self.fields(false)?;
                return Ok(Some(false));
            }
            _ => return Ok(None),
        };
        self.at += 1;
        self.fields(is_plain)?;
        Ok(Some(is_plain))
    }

    /// Passes over fields right after a word.
    fn fields(&mut self, is_plain: bool) -> Checked {
        while self.pass(&Token::Field) {
            if is_plain {
                return Err("a plain value has no fields".to_owned());
            }
        }
        Ok(())
    }
}

/// What is said of a token that stands where it means nothing.
fn unexpected(token: &Token<'_>) -> String {
    let text = match token {
        Token::Open => "{{",
        Token::Close => "}}",
        Token::Word(word) | Token::Variable(word) => word,
        Token::Space => " ",
        Token::Field | Token::Dot => ".",
        Token::Number => return "a number stands where it means nothing".to_owned(),
        Token::Text => return "a text stands where it means nothing".to_owned(),
        Token::Pipe => "|",
        Token::Assign => "=",
        Token::Comma => ",",
        Token::OpenParen => "(",
        Token::CloseParen => ")",
    };
    format!("`{text}` stands where it means nothing")
}
