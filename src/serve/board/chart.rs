//! The burndown as lines in a box, in percent of its width and height, so that it fits every screen.

use std::fmt::Write as _;

use crate::standing::model::{Burndown, Point};
use crate::standing::{Standing, words};

/// A chart of less time than this share of the window would be a blip; it starts that early instead.
const LEAST_SHARE: f64 = 1.0 / 60.0;

/// Points further apart than this share of the drawn time are not joined: nothing was observed between them.
const GAP: f64 = 0.04;

/// Free space above and below, as a share of the height.
const MARGIN: f64 = 0.06;

/// A chart; all places are in percent of its box, from the top left.
#[derive(Debug)]
pub(super) struct Chart {
    /// The remaining budget, as the `d` of an SVG path.
    pub(super) line: String,
    /// The same, closed along the line at zero.
    pub(super) area: String,
    /// Where nothing is left.
    pub(super) zero: f64,
    /// Where a closed gate opens again, with its label; none if that is at zero.
    pub(super) resume: Option<(f64, String)>,
    /// Where the whole budget is, with its label.
    pub(super) full: (f64, String),
    /// Where the newest point is.
    pub(super) newest: Option<(f64, f64)>,
    /// When the chart begins.
    pub(super) since: String,
    /// The chart in words.
    pub(super) alternative: String,
}

impl Chart {
    /// Draws the burndown of an SLO up to `now`, in seconds of Unix time.
    pub(super) fn of(standing: &Standing, now: i64) -> Self {
        let (state, burndown) = (&standing.state, &standing.burndown);
        let points = &burndown.points;
        let window = state.window.as_secs_f64();
        let age = points.first().map_or(0.0, |first| (now - first.at) as f64);
        let scale = Scale::of(burndown, age.clamp(window * LEAST_SHARE, window), now);
        let resume = burndown.resume_at_seconds;
        let (line, area) = scale.paths(points);
        Self {
            line,
            area,
            zero: scale.y(0.0),
            resume: (resume > 0.0).then(|| (scale.y(resume), words::amount(resume))),
            full: (scale.y(burndown.total_seconds), words::amount(burndown.total_seconds)),
            newest: points.last().map(|newest| scale.place(newest)),
            since: words::ago(scale.width as i64),
            alternative: alternative(standing, scale.width),
        }
    }
}

/// From seconds and seconds of budget to percent of the box.
struct Scale {
    now: i64,
    /// Drawn time in seconds.
    width: f64,
    /// Budget at the upper margin, in seconds.
    high: f64,
    /// Budget at the lower margin, in seconds.
    low: f64,
}

impl Scale {
    fn of(burndown: &Burndown, width: f64, now: i64) -> Self {
        let lowest = burndown.points.iter().map(|point| point.remaining_seconds).fold(0.0, f64::min);
        Self { now, width, high: burndown.total_seconds, low: lowest }
    }

    fn y(&self, seconds: f64) -> f64 {
        let share = (self.high - seconds) / (self.high - self.low).max(f64::MIN_POSITIVE);
        rounded((MARGIN + share * (1.0 - 2.0 * MARGIN)) * 100.0)
    }

    fn place(&self, point: &Point) -> (f64, f64) {
        let x = 1.0 - (self.now - point.at) as f64 / self.width;
        (rounded(x.clamp(0.0, 1.0) * 100.0), self.y(point.remaining_seconds))
    }

    /// The line through the points and the area under it, both broken where nothing was observed.
    fn paths(&self, points: &[Point]) -> (String, String) {
        let (mut line, mut area) = (String::new(), String::new());
        let gap = self.width * GAP;
        for piece in points.chunk_by(|one, next| ((next.at - one.at) as f64) < gap) {
            for (number, point) in piece.iter().enumerate() {
                let (x, y) = self.place(point);
                let command = if number == 0 { 'M' } else { 'L' };
                let _ = write!(line, "{command}{x} {y}");
            }
            if let (Some(first), Some(last)) = (piece.first(), piece.last()) {
                let (left, right, zero) = (self.place(first).0, self.place(last).0, self.y(0.0));
                let _ = write!(area, "M{left} {zero}");
                for point in piece {
                    let (x, y) = self.place(point);
                    let _ = write!(area, "L{x} {y}");
                }
                let _ = write!(area, "L{right} {zero}Z");
            }
        }
        (line, area)
    }
}

/// A hundredth of a percent is less than a pixel of any wall.
fn rounded(percent: f64) -> f64 {
    (percent * 100.0).round() / 100.0
}

fn alternative(Standing { state, burndown }: &Standing, width: f64) -> String {
    let points = &burndown.points;
    let total = words::amount(burndown.total_seconds);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return format!("Error budget of {}: nothing was observed yet, {total} minutes are allowed.", state.slo);
    };
    let lowest = points.iter().map(|point| point.remaining_seconds).fold(f64::INFINITY, f64::min);
    format!(
        "Error budget of {} since {}: from {} to {} of {total} minutes, {} at the lowest.",
        state.slo,
        words::ago(width as i64),
        words::minutes(first.remaining_seconds),
        words::minutes(last.remaining_seconds),
        words::minutes(lowest),
    )
}
