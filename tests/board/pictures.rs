//! Pictures of the board for the readme, and for the eyes of whoever changes it.

use std::fs;
use std::path::PathBuf;

use super::wall::{Wall, team};

/// Each picture, with the page, the size and the theme of it.
const PICTURES: [(&str, &str, (u32, u32), &str); 2] =
    [("board.png", "/", (1440, 900), "dark"), ("slo.png", "/slos/payments/checkout", (1280, 1000), "light")];

/// The largest picture that a readme should load, in bytes.
const LARGEST: usize = 200_000;

/// `make pictures` names the directory in which the pictures are kept; without, they are only taken.
#[test]
fn the_pictures_of_the_readme_can_be_taken_again() {
    let promises: Vec<_> = team().into_iter().filter(|one| one.service != "mail" && one.slo != "cf-push").collect();
    let wall = Wall::showing(&promises);
    for (name, path, (width, height), theme) in PICTURES {
        let page = wall.page(path, width, height);
        page.prefer(theme);
        let picture = page.screenshot();
        assert!((20_000..LARGEST).contains(&picture.len()), "{name} has {} bytes", picture.len());
        if let Some(directory) = std::env::var_os("BURNDOWN_PICTURES") {
            fs::write(PathBuf::from(directory).join(name), picture).expect("it can be written");
        }
        let kept = fs::read(crate::house::root().join("docs").join(name)).expect("run `make pictures`");
        assert!(kept.starts_with(b"\x89PNG") && kept.len() < LARGEST, "docs/{name}");
    }
}
