//! What a page of Markdown shows: its blocks, and by its words after the three ticks what is to be done with each.

use regex::Regex;

/// A block between two lines of three ticks.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The page and the line of the first ticks.
    pub(super) place: String,
    /// What the page wants of it.
    pub(super) wish: Wish,
    /// What stands in it.
    pub(super) body: String,
}

/// What is to be done with a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Run its commands, each of which ends with one of these codes. With patience, they are tried again for a while.
    Run { exits: Vec<i32>, patiently: bool },
    /// Start its one command and let it run.
    Start,
    /// It is not run, for this reason.
    Except(String),
    /// Write it to a file of this name.
    File(String),
    /// Check it as part of an SLO file: what it stands in.
    Part(String),
    /// Nothing: it shows what something looks like.
    Show,
}

/// The words after the ticks; `None` for what no page may have.
fn wish(words: &str) -> Option<Wish> {
    let run = |exits, patiently| Some(Wish::Run { exits, patiently });
    match words.split_once(' ').unwrap_or((words, "")) {
        ("console", "") => run(vec![0], false),
        ("console", "eventually") => run(vec![0], true),
        ("console", "background") => Some(Wish::Start),
        ("console", rest) => match rest.strip_prefix("exit=") {
            Some(codes) => run(codes.split('|').map(|code| code.parse().ok()).collect::<Option<_>>()?, false),
            None => rest.strip_prefix("not run: ").map(|why| Wish::Except(why.to_owned())),
        },
        ("yaml" | "sh" | "json", name) if name.contains('.') => Some(Wish::File(name.to_owned())),
        ("yaml", part) => part.strip_prefix("in ").map(|part| Wish::Part(part.to_owned())),
        ("text", "") => Some(Wish::Show),
        _ => None,
    }
}

/// Every block of a page, in order.
pub(super) fn of(path: &str, text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        let ticks = line.strip_prefix("```");
        match (open.take(), ticks) {
            (None, Some(words)) => {
                let place = format!("{path}:{}", number + 1);
                let wish = wish(words).unwrap_or_else(|| panic!("{place}: no test knows what `{words}` means"));
                open = Some(Block { place, wish, body: String::new() });
            }
            (Some(block), Some(_)) => found.push(block),
            (Some(mut block), None) => {
                block.body.push_str(line);
                block.body.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{path}: a block is not closed");
    found
}

/// A command as a reader types it, and what the page says it answers; nothing if it says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) typed: String,
    pub(super) answer: Option<String>,
}

/// The commands of a block; a line that ends with `\` goes on in the next one.
pub(super) fn commands(body: &str) -> Vec<Command> {
    let mut found: Vec<Command> = Vec::new();
    let mut goes_on = false;
    for line in body.lines() {
        match (found.last_mut(), line.strip_prefix("$ ")) {
            (Some(command), _) if goes_on => command.typed = format!("{}\n{line}", command.typed),
            (_, Some(typed)) => found.push(Command { typed: typed.to_owned(), answer: None }),
            (Some(command), None) => {
                let answer = command.answer.get_or_insert_default();
                answer.push_str(line);
                answer.push('\n');
            }
            (None, None) => panic!("a block of commands begins with an answer: {line}"),
        }
        goes_on = found.last().is_some_and(|command| command.answer.is_none() && command.typed.ends_with('\\'));
    }
    found
}

/// Whether an answer is as a page shows it: `…` stands for any text, and alone on a line for any lines.
pub(super) fn is_as_shown(shown: &str, answer: &str) -> bool {
    let tidy = |text: &str| text.trim_end().lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>();
    let line = |line: &str| match line.trim() {
        "…" => r"(?s:.*?)".to_owned(),
        _ => format!("{}\n", regex::escape(line).replace('…', ".*?")),
    };
    let pattern: String = tidy(shown).lines().map(line).collect();
    Regex::new(&format!("^{pattern}$")).unwrap().is_match(&tidy(answer))
}

#[test]
fn wishes_are_known() {
    assert_eq!(wish("console"), Some(Wish::Run { exits: vec![0], patiently: false }));
    assert_eq!(wish("console exit=3"), Some(Wish::Run { exits: vec![3], patiently: false }));
    assert_eq!(wish("console exit=0|3"), Some(Wish::Run { exits: vec![0, 3], patiently: false }));
    assert_eq!(wish("console not run: needs a cluster"), Some(Wish::Except("needs a cluster".into())));
    assert_eq!(wish("yaml slo.yaml"), Some(Wish::File("slo.yaml".into())));
    assert_eq!(wish("yaml in probe"), Some(Wish::Part("probe".into())));
    for unknown in ["", "yaml", "bash", "console slowly", "console exit=x", "console not run"] {
        assert_eq!(wish(unknown), None, "{unknown}");
    }
}

#[test]
fn commands_and_answers_are_told_apart() {
    let found = commands("$ a \\\n  b\n$ c\none\ntwo\n");
    let told: Vec<_> = found.iter().map(|command| (command.typed.as_str(), command.answer.as_deref())).collect();
    assert_eq!(told, [("a \\\n  b", None), ("c", Some("one\ntwo\n"))]);
}

#[test]
fn answers_are_compared() {
    assert!(is_as_shown("a\n", "a  \n\n"));
    assert!(is_as_shown("took … ms\n", "took 3.5 ms\n"));
    assert!(is_as_shown("a\n…\nd\n", "a\nb\nc\nd\n"));
    assert!(is_as_shown("a\n…\n", "a\nb\n"));
    assert!(!is_as_shown("a\n", "a\nb\n"));
    assert!(!is_as_shown("a.c\n", "abc\n"));
    assert!(!is_as_shown("took … ms\n", "took\n3 ms\n"));
}
