//! A template cut into tokens, by the rules of Go's `text/template/parse`.

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// `{{`; the text before it needs no check.
    Open,
    /// `}}`.
    Close,
    /// White space between two words.
    Space,
    /// A name: a function, a keyword, `nil`, `true` or `false`.
    Word(&'a str),
    /// `$` or `$name`.
    Variable(&'a str),
    /// `.name`.
    Field,
    /// `.`.
    Dot,
    /// A number or a character in single quotes.
    Number,
    /// A string in double quotes or backquotes.
    Text,
    /// `|`.
    Pipe,
    /// `=` or `:=`.
    Assign,
    /// `,`.
    Comma,
    /// `(`.
    OpenParen,
    /// `)`.
    CloseParen,
}

/// Cuts a template into the tokens of its actions.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, String> {
    let mut lexer = Lexer { rest: text, tokens: Vec::new() };
    while let Some((_, rest)) = lexer.rest.split_once("{{") {
        lexer.rest = rest;
        lexer.action()?;
    }
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    rest: &'a str,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    /// Reads what follows `{{`, up to and with `}}`.
    fn action(&mut self) -> Result<(), String> {
        let trimmed = self.rest.strip_prefix('-').filter(|rest| rest.starts_with(is_space));
        let start = trimmed.map_or(self.rest, str::trim_start);
        if let Some(comment) = start.strip_prefix("/*") {
            return self.comment(comment);
        }
        self.rest = trimmed.unwrap_or(self.rest);
        self.tokens.push(Token::Open);
        while !self.close() {
            let token = self.token()?;
            self.tokens.push(token);
        }
        self.tokens.push(Token::Close);
        Ok(())
    }

    fn comment(&mut self, text: &'a str) -> Result<(), String> {
        let (_, rest) = text.split_once("*/").ok_or("a comment is not closed")?;
        let trimmed = rest.trim_start_matches(is_space);
        let dash = if trimmed.len() < rest.len() { trimmed.strip_prefix('-') } else { None };
        self.rest = dash.unwrap_or(rest).strip_prefix("}}").ok_or("a comment is not the whole of its `{{ }}`")?;
        Ok(())
    }

    /// Passes over `}}` or ` -}}`, if one comes next.
    fn close(&mut self) -> bool {
        let dashed = self.rest.strip_prefix(is_space).and_then(|rest| rest.strip_prefix("-}}"));
        let rest = self.rest.strip_prefix("}}").or(dashed);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn token(&mut self) -> Result<Token<'a>, String> {
        let Some(first) = self.rest.chars().next() else {
            return Err("`{{` is not closed by `}}`".to_owned());
        };
        match first {
            c if is_space(c) => {
                // The last space before `-}}` belongs to it.
                while !self.rest.is_empty() && !self.at_dashed_close() && self.pass_if(is_space) {}
                Ok(Token::Space)
            }
            '"' => self.quoted('"').map(|()| Token::Text),
            '\'' => self.quoted('\'').map(|()| Token::Number),
            '`' => self.raw(),
            '$' => {
                let name = self.name(1)?;
                Ok(Token::Variable(name))
            }
            '.' if !self.rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit()) => {
                let name = self.name(1)?;
                Ok(if name == "." { Token::Dot } else { Token::Field })
            }
            '.' | '+' | '-' | '0'..='9' => self.number(),
            c if is_name(c) => self.name(0).map(Token::Word),
            _ => self.symbol(first),
        }
    }

    fn symbol(&mut self, first: char) -> Result<Token<'a>, String> {
        let symbols = [
            (":=", Token::Assign),
            ("=", Token::Assign),
            ("|", Token::Pipe),
            (",", Token::Comma),
            ("(", Token::OpenParen),
            (")", Token::CloseParen),
        ];
        for (text, token) in symbols {
            if let Some(rest) = self.rest.strip_prefix(text) {
                self.rest = rest;
                return Ok(token);
            }
        }
        Err(format!("`{first}` means nothing between `{{{{` and `}}}}`"))
    }

    fn at_dashed_close(&self) -> bool {
        self.rest.strip_prefix(is_space).is_some_and(|rest| rest.starts_with("-}}"))
    }

    fn pass_if(&mut self, fits: impl Fn(char) -> bool) -> bool {
        let rest = self.rest.strip_prefix(fits);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// A name after `sigil` bytes of its own, which something has to end.
    fn name(&mut self, sigil: usize) -> Result<&'a str, String> {
        let length = self.rest.chars().skip(sigil).take_while(|c| is_name(*c)).map(char::len_utf8).sum::<usize>();
        let (name, rest) = self.rest.split_at_checked(sigil + length).unwrap_or((self.rest, ""));
        self.rest = rest;
        let ends = |c: char| is_space(c) || matches!(c, '.' | ',' | '|' | ':' | ')' | '(');
        match rest.chars().next() {
            Some(c) if !ends(c) && !rest.starts_with("}}") => Err(format!("`{c}` cannot follow `{name}`")),
            _ => Ok(name),
        }
    }

    /// A string or character, whose escapes are those of Go.
    fn quoted(&mut self, quote: char) -> Result<(), String> {
        let mut characters = self.rest.chars();
        characters.next();
        let mut length = 0;
        loop {
            match characters.next() {
                None | Some('\n') => return Err("a quote is not closed".to_owned()),
                Some(c) if c == quote => break,
                Some('\\') => escape(&mut characters, quote)?,
                Some(_) => {}
            }
            length += 1;
        }
        self.rest = characters.as_str();
        if quote == '\'' && length != 1 { Err("single quotes hold one character".to_owned()) } else { Ok(()) }
    }

    fn raw(&mut self) -> Result<Token<'a>, String> {
        let after = self.rest.strip_prefix('`').and_then(|rest| rest.split_once('`'));
        let (_, rest) = after.ok_or("a backquote is not closed")?;
        self.rest = rest;
        Ok(Token::Text)
    }

    fn number(&mut self) -> Result<Token<'a>, String> {
        let mut previous = ' ';
        let length = self.rest.chars().take_while(|c| {
            let is_sign = matches!(c, '+' | '-') && matches!(previous, ' ' | 'e' | 'E' | 'p' | 'P');
            previous = *c;
            is_sign || *c == '.' || is_name(*c)
        });
        let length = length.map(char::len_utf8).sum::<usize>();
        let (number, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        if is_number(number) { Ok(Token::Number) } else { Err(format!("`{number}` is not a number")) }
    }
}

/// Passes over what follows a backslash.
fn escape(characters: &mut std::str::Chars<'_>, quote: char) -> Result<(), String> {
    let kind = characters.next().filter(|c| *c != '\n').ok_or("a quote is not closed")?;
    let (digits, radix) = match kind {
        'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(()),
        c if c == quote => return Ok(()),
        'x' => (2, 16),
        'u' => (4, 16),
        'U' => (8, 16),
        '0'..='3' => (2, 8),
        _ => return Err(format!("`\\{kind}` is not an escape")),
    };
    let is_complete = (0..digits).all(|_| characters.next().is_some_and(|c| c.is_digit(radix)));
    if is_complete { Ok(()) } else { Err(format!("`\\{kind}` needs {digits} digits after it")) }
}

/// Whether a word that starts like a number is one, in the forms that people write in templates.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let radix = [("0x", 16), ("0X", 16), ("0b", 2), ("0B", 2), ("0o", 8), ("0O", 8)];
    for (prefix, radix) in radix {
        if let Some(digits) = digits.strip_prefix(prefix) {
            return !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        }
    }
    if !digits.contains(['.', 'e', 'E']) {
        let radix = if digits.starts_with('0') { 8 } else { 10 };
        return u64::from_str_radix(digits, radix).is_ok();
    }
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && digits.parse::<f64>().is_ok()
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}
