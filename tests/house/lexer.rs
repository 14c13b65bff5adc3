//! Just enough of a Rust lexer to tell code from comments, strings and test modules.
//!
//! It knows comments, strings of every kind, characters against lifetimes, identifiers and punctuation. It
//! must not grow into a parser: what needs one belongs to clippy.

/// A piece of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// An identifier, a keyword or a number.
    Word(String),
    /// A string literal, without its quotes and prefix; escapes are left as they are.
    Text(String),
    /// One character of punctuation; `::` is two.
    Punct(char),
}

/// A token with the line on which it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) line: usize,
}

impl Placed {
    /// Whether this is the word `word`.
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(&self.token, Token::Word(found) if found == word)
    }

    /// Whether this is the punctuation `punct`.
    pub(super) fn is_punct(&self, punct: char) -> bool {
        self.token == Token::Punct(punct)
    }

    /// The identifier, if it is one.
    pub(super) fn word(&self) -> Option<&str> {
        match &self.token {
            Token::Word(word) => Some(word),
            Token::Text(_) | Token::Punct(_) => None,
        }
    }
}

/// The code of a file that ships: no comments, no items under `#[cfg(test)]`.
pub(super) fn shipped(text: &str) -> Vec<Placed> {
    without_tests(&tokens(text))
}

/// Every token of a file.
fn tokens(text: &str) -> Vec<Placed> {
    let mut lexer = Lexer { rest: text.chars().collect(), at: 0, line: 1, found: Vec::new() };
    while lexer.at < lexer.rest.len() {
        lexer.step();
    }
    lexer.found
}

struct Lexer {
    rest: Vec<char>,
    at: usize,
    line: usize,
    found: Vec<Placed>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> char {
        self.rest.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn next(&mut self) -> char {
        let c = self.peek(0);
        self.at += 1;
        self.line += usize::from(c == '\n');
        c
    }

    fn step(&mut self) {
        let line = self.line;
        let token = match (self.peek(0), self.peek(1)) {
            (c, _) if c.is_whitespace() => {
                self.next();
                return;
            }
            ('/', '/') => return while !matches!(self.next(), '\n' | '\0') {},
            ('/', '*') => return self.block_comment(),
            ('"', _) => {
                self.next();
                Token::Text(self.until_quote())
            }
            ('\'', _) => return self.character_or_lifetime(),
            (c, _) if c.is_alphanumeric() || c == '_' => self.word_or_raw_string(),
            (c, _) => {
                self.next();
                Token::Punct(c)
            }
        };
        self.found.push(Placed { token, line });
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                ('\0', _) => return,
                _ => {
                    self.next();
                    continue;
                }
            }
            self.next();
            self.next();
            if depth == 0 {
                return;
            }
        }
    }

    fn until_quote(&mut self) -> String {
        let mut text = String::new();
        loop {
            match self.next() {
                '"' | '\0' => return text,
                '\\' => {
                    text.push('\\');
                    text.push(self.next());
                }
                c => text.push(c),
            }
        }
    }

    /// `'x'`, `'\n'` and `'\u{1F600}'` are characters; `'a` without a closing quote is a lifetime.
    fn character_or_lifetime(&mut self) {
        self.next();
        if self.peek(0) == '\\' {
            self.next();
            self.next();
            while !matches!(self.next(), '\'' | '\0') {}
        } else if self.peek(1) == '\'' {
            self.next();
            self.next();
        }
    }

    fn word_or_raw_string(&mut self) -> Token {
        let mut word = String::new();
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            word.push(self.next());
        }
        let prefix = matches!(word.as_str(), "r" | "b" | "br" | "c" | "cr");
        if prefix && self.peek(0) == '"' && !word.contains('r') {
            self.next();
            return Token::Text(self.until_quote());
        }
        if prefix && word.contains('r') {
            let hashes = (0..).take_while(|ahead| self.peek(*ahead) == '#').count();
            if self.peek(hashes) == '"' {
                return Token::Text(self.raw_string(hashes));
            }
        }
        Token::Word(word)
    }

    fn raw_string(&mut self, hashes: usize) -> String {
        for _ in 0..=hashes {
            self.next();
        }
        let mut text = String::new();
        loop {
            match self.next() {
                '\0' => return text,
                '"' if (0..hashes).all(|ahead| self.peek(ahead) == '#') => {
                    self.at += hashes;
                    return text;
                }
                c => text.push(c),
            }
        }
    }
}

/// Leaves out every item under `#[cfg(test)]`.
fn without_tests(tokens: &[Placed]) -> Vec<Placed> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_test_attribute(&tokens[at..]) {
            at = end_of_item(tokens, at + TEST_ATTRIBUTE.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

const TEST_ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

fn is_test_attribute(tokens: &[Placed]) -> bool {
    tokens.len() >= TEST_ATTRIBUTE.len()
        && TEST_ATTRIBUTE.iter().zip(tokens).all(|(wanted, placed)| match &placed.token {
            Token::Word(word) => word == wanted,
            Token::Punct(punct) => wanted.len() == 1 && wanted.starts_with(*punct),
            Token::Text(_) => false,
        })
}

/// The place after the item that starts at `at`: after its `;`, or after the brace that closes it.
fn end_of_item(tokens: &[Placed], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < tokens.len() {
        if tokens[at].is_punct('{') {
            depth += 1;
        } else if tokens[at].is_punct('}') {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at + 1;
            }
        } else if tokens[at].is_punct(';') && depth == 0 {
            return at + 1;
        }
        at += 1;
    }
    at
}

#[test]
fn comments_and_test_modules_are_no_code() {
    let source = r##"
        //! crate::doc
        /* crate::block /* nested */ still */
        fn f<'a>(x: &'a str) -> char { let _ = r#"raw " text"#; let _ = b"bytes"; '"' }
        #[cfg(test)]
        mod tests { fn g() { let _ = "hidden"; } }
        const AFTER: &str = "seen \" here";
        #[cfg(test)]
        use hidden::Too;
        const LAST: char = '\'';
    "##;
    let tokens = shipped(source);
    let texts: Vec<_> = tokens
        .iter()
        .filter_map(|placed| match &placed.token {
            Token::Text(text) => Some((text.as_str(), placed.line)),
            _ => None,
        })
        .collect();
    assert_eq!(texts, [("raw \" text", 4), ("bytes", 4), ("seen \\\" here", 7)]);
    assert!(tokens.iter().all(|placed| !placed.is_word("crate") && !placed.is_word("hidden")));
    assert!(tokens.iter().any(|placed| placed.is_word("LAST")));
}
