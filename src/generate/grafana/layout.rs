//! Where panels stand: from left to right and from top to bottom on a grid of 24 columns.

use serde::Serialize;

use super::panel::Panel;

/// Columns of Grafana's grid.
const COLUMNS: u32 = 24;

/// A place on the grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct GridPos {
    h: u32,
    w: u32,
    x: u32,
    y: u32,
}

/// A panel or a heading with its number and place.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Placed {
    Panel(Box<PlacedPanel>),
    Heading(Heading),
}

/// A panel with its number and place.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlacedPanel {
    id: u32,
    grid_pos: GridPos,
    #[serde(flatten)]
    panel: Panel,
}

/// A heading over the panels below it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Heading {
    id: u32,
    grid_pos: GridPos,
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    collapsed: bool,
    panels: [u8; 0],
}

/// A page that is being laid out.
#[derive(Debug, Default)]
pub(super) struct Layout {
    placed: Vec<Placed>,
    x: u32,
    y: u32,
    /// Height of the line that is being filled.
    line: u32,
}

impl Layout {
    /// Adds a heading on a line of its own.
    pub(super) fn heading(mut self, title: &'static str) -> Self {
        self.break_line();
        let grid_pos = GridPos { h: 1, w: COLUMNS, x: 0, y: self.y };
        let id = self.next_id();
        self.placed.push(Placed::Heading(Heading { id, grid_pos, kind: "row", title, collapsed: false, panels: [] }));
        self.y += 1;
        self
    }

    /// Adds a panel of that width and height.
    pub(super) fn panel(mut self, w: u32, h: u32, panel: Panel) -> Self {
        if self.x + w > COLUMNS {
            self.break_line();
        }
        let grid_pos = GridPos { h, w, x: self.x, y: self.y };
        let id = self.next_id();
        self.placed.push(Placed::Panel(Box::new(PlacedPanel { id, grid_pos, panel })));
        self.x += w;
        self.line = self.line.max(h);
        self
    }

    /// Everything in its place.
    pub(super) fn finish(self) -> Vec<Placed> {
        self.placed
    }

    /// Panels are numbered from 1 in their order.
    fn next_id(&self) -> u32 {
        u32::try_from(self.placed.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    fn break_line(&mut self) {
        self.y += self.line;
        self.x = 0;
        self.line = 0;
    }
}
