//! `burndown man`.

use std::io;
use std::path::{Path, PathBuf};

use clap_mangen::Man;

use super::{Exit, output};
use crate::generate::{Artifact, write};

/// Writes the manual pages: one of the program, and one of every command.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where to write `burndown.1`, `burndown-check.1` and the others.
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, program: clap::Command) -> Exit {
    produce(&arguments.output, program).unwrap_or_else(|message| {
        output::messages(&format!("burndown: {message}\n"));
        Exit::Usage
    })
}

fn produce(root: &Path, program: clap::Command) -> Result<Exit, String> {
    let pages = pages(program).map_err(|error| error.to_string())?;
    write::write(root, &pages).map_err(|error| error.to_string())?;
    Ok(output::results(&format!("{} pages in {}\n", pages.len(), root.display()), Exit::Success))
}

/// The page of the program and those of its commands.
fn pages(program: clap::Command) -> io::Result<Vec<Artifact>> {
    // `help` says what these pages say, and needs none.
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    add(&program, &mut pages)?;
    Ok(pages)
}

fn add(command: &clap::Command, pages: &mut Vec<Artifact>) -> io::Result<()> {
    // The same program has the same pages, whenever they are written. An empty date would leave its place to the next
    // word of the title.
    let source = concat!("burndown ", env!("CARGO_PKG_VERSION"));
    let page = Man::new(command.clone()).date(" ").source(source).manual("User Commands");
    let mut text = Vec::new();
    page.render(&mut text)?;
    pages.push(Artifact { path: page.get_filename().into(), text: String::from_utf8_lossy(&text).into_owned() });
    command.get_subcommands().filter(|below| !below.is_hide_set()).try_for_each(|below| add(below, pages))
}
