//! Every panel has a place of its own on the grid, and a number of its own.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::page::checked_in;

/// Columns of the grid.
const COLUMNS: u64 = 24;

#[test]
fn panels_neither_overlap_nor_reach_over_the_edge() {
    let pages = checked_in();
    assert_eq!(pages.len(), 5);
    for page in &pages {
        let complaints = complaints(page.json["panels"].as_array().unwrap());
        assert!(complaints.is_empty(), "{}: {complaints:?}", page.name);
    }
    let panel = |id: u64, x: u64, w: u64| json!({"id": id, "title": id, "gridPos": {"x": x, "y": 0, "w": w, "h": 4}});
    assert_eq!(complaints(&[panel(1, 0, 12), panel(2, 12, 12)]), Vec::<String>::new());
    assert_eq!(complaints(&[panel(1, 0, 12), panel(2, 11, 12)]).len(), 1);
    assert_eq!(complaints(&[panel(1, 20, 5)]).len(), 1);
    assert_eq!(complaints(&[panel(1, 0, 12), panel(1, 12, 12)]).len(), 1);
}

fn complaints(panels: &[Value]) -> Vec<String> {
    let mut complaints = Vec::new();
    let (mut cells, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        let (x, y, w, h) = (at("x"), at("y"), at("w"), at("h"));
        if x + w > COLUMNS || w == 0 || h == 0 {
            complaints.push(format!("{} reaches over the edge", panel["title"]));
        }
        let own = (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y)));
        if own.filter(|cell| !cells.insert(*cell)).count() > 0 {
            complaints.push(format!("{} overlaps another", panel["title"]));
        }
        if !ids.insert(panel["id"].as_u64().unwrap()) {
            complaints.push(format!("{} has the number of another", panel["title"]));
        }
    }
    complaints
}
