//! The burndown as lines in a box, in percent of its width and height, so that it fits every screen.

use std::fmt::Write as _;

use super::words as short;
use crate::slo::budget::STALE_SLICES;
use crate::standing::model::{Burndown, Outage, Point, SloState};
use crate::standing::words;

/// A chart of less time than this share of the window would be a blip; it starts that early instead.
const LEAST_SHARE: f64 = 1.0 / 60.0;

/// Points further apart than this share of the drawn time are not joined: nothing was observed between them. That of
/// which only a few slices are known is joined as long as its newest slice would not be stale.
const GAP: f64 = 0.04;

/// Free space above and below, as a share of the height.
const MARGIN: f64 = 0.06;

/// A chart on a tile has this many points: more would not be seen.
const TILE_POINTS: usize = 80;

/// A chart; all places are in percent of its box, from the top left.
#[derive(Debug)]
pub(super) struct Chart {
    /// The remaining budget, as the `d` of an SVG path.
    pub(super) line: String,
    /// The same, closed along the line at zero.
    pub(super) area: String,
    /// Where nothing is left.
    pub(super) zero: f64,
    /// Where a closed gate opens again; none if that is at zero.
    pub(super) resume: Option<Line>,
    /// Where the newest point is.
    pub(super) newest: Option<(f64, f64)>,
    /// The chart in words.
    pub(super) alternative: String,
}

/// A line across the chart, with its label.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) y: f64,
    pub(super) label: String,
}

/// What a chart on a page of its own has besides.
#[derive(Debug)]
pub(super) struct Axes {
    pub(super) chart: Chart,
    /// The whole budget.
    pub(super) full: Line,
    /// Where an open gate closes; none if that is at zero.
    pub(super) close: Option<Line>,
    /// Round amounts of minutes.
    pub(super) amounts: Vec<Line>,
    /// Round times; every second one may be left out on a narrow screen.
    pub(super) times: Vec<(f64, String)>,
    /// The outages as places and widths on the line of time, with their words.
    pub(super) outages: Vec<(f64, f64, String)>,
}

impl Chart {
    /// Draws the burndown of an SLO on its tile, up to `now` in seconds of Unix time.
    pub(super) fn on_tile(state: &SloState, burndown: &Burndown, now: i64) -> Self {
        let points = thinned(&burndown.points);
        Self::draw(state, burndown, &points, &Scale::of(state, burndown, now))
    }

    fn draw(state: &SloState, burndown: &Burndown, points: &[Point], scale: &Scale) -> Self {
        let (line, area) = scale.paths(points);
        Self {
            line,
            area,
            zero: scale.y(0.0),
            resume: scale.line(burndown.resume_at_seconds),
            newest: points.last().map(|newest| scale.place(newest)),
            alternative: alternative(state, burndown, scale.width),
        }
    }
}

impl Axes {
    /// Draws the burndown of an SLO on its page, up to `now` in seconds of Unix time.
    pub(super) fn of(state: &SloState, burndown: &Burndown, outages: &[Outage], now: i64) -> Self {
        let scale = Scale::of(state, burndown, now);
        Self {
            chart: Chart::draw(state, burndown, &burndown.points, &scale),
            full: Line { y: scale.y(burndown.total_seconds), label: words::amount(burndown.total_seconds) },
            close: scale.line(burndown.close_at_seconds),
            amounts: scale.amounts(),
            times: scale.times(),
            outages: outages.iter().filter_map(|outage| scale.outage(outage)).collect(),
        }
    }
}

/// Of each stretch of points the lowest, so that no dip is lost, and the newest as it is.
fn thinned(points: &[Point]) -> Vec<Point> {
    let Some((newest, before)) = points.split_last() else { return Vec::new() };
    let stretches = before.chunks(before.len().div_ceil(TILE_POINTS).max(1));
    let lowest = stretches.filter_map(|stretch| {
        stretch.iter().min_by(|one, other| one.remaining_seconds.total_cmp(&other.remaining_seconds)).copied()
    });
    lowest.chain([*newest]).collect()
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
    /// Points that are at least this far apart are not joined, in seconds.
    gap: f64,
}

impl Scale {
    fn of(state: &SloState, burndown: &Burndown, now: i64) -> Self {
        let window = state.window.as_secs_f64();
        let age = burndown.points.first().map_or(0.0, |first| (now - first.at) as f64);
        let lowest = burndown.points.iter().map(|point| point.remaining_seconds).fold(0.0, f64::min);
        let width = age.clamp(window * LEAST_SHARE, window);
        let apart = burndown.points.windows(2).filter_map(|pair| match pair {
            [one, next] => Some((next.at - one.at) as f64),
            _ => None,
        });
        let stale = apart.fold(f64::INFINITY, f64::min) * STALE_SLICES as f64;
        // Nothing is joined to a point that is alone.
        let gap = (width * GAP).max(if stale.is_finite() { stale } else { 0.0 });
        Self { now, width, high: burndown.total_seconds, low: lowest, gap }
    }

    fn y(&self, seconds: f64) -> f64 {
        let share = (self.high - seconds) / (self.high - self.low).max(f64::MIN_POSITIVE);
        rounded((MARGIN + share * (1.0 - 2.0 * MARGIN)) * 100.0)
    }

    fn x(&self, at: i64) -> f64 {
        rounded((1.0 - (self.now - at) as f64 / self.width).clamp(0.0, 1.0) * 100.0)
    }

    fn place(&self, point: &Point) -> (f64, f64) {
        (self.x(point.at), self.y(point.remaining_seconds))
    }

    /// A line of the gate; the one at zero is always there.
    fn line(&self, seconds: f64) -> Option<Line> {
        (seconds != 0.0).then(|| Line { y: self.y(seconds), label: words::amount(seconds) })
    }

    /// The line through the points and the area under it, both broken where nothing was observed.
    fn paths(&self, points: &[Point]) -> (String, String) {
        let (mut line, mut area) = (String::new(), String::new());
        for piece in points.chunk_by(|one, next| ((next.at - one.at) as f64) < self.gap) {
            let (Some(first), Some(last)) = (piece.first(), piece.last()) else { continue };
            let (left, right, zero) = (self.x(first.at), self.x(last.at), self.y(0.0));
            let _ = write!(area, "M{left} {zero}");
            for (number, point) in piece.iter().enumerate() {
                let (x, y) = self.place(point);
                let command = if number == 0 { 'M' } else { 'L' };
                let _ = write!(line, "{command}{x} {y}");
                let _ = write!(area, "L{x} {y}");
            }
            let _ = write!(area, "L{right} {zero}Z");
        }
        (line, area)
    }

    /// Four or so lines at round minutes, none of them where the whole budget is.
    fn amounts(&self) -> Vec<Line> {
        let span = (self.high - self.low) / 60.0;
        let rough = (span / 4.0).max(1e-6);
        let magnitude = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|part| part * magnitude).find(|step| *step >= rough);
        let step = step.unwrap_or(magnitude);
        let first = (self.low / 60.0 / step).ceil();
        let lines = (0..12).map(|number| (first + f64::from(number)) * step * 60.0);
        let is_free = |seconds: &f64| *seconds <= self.high - 0.06 * (self.high - self.low) && *seconds != 0.0;
        lines.filter(is_free).map(|seconds| Line { y: self.y(seconds), label: words::amount(seconds) }).collect()
    }

    /// Six or so round times of UTC.
    fn times(&self) -> Vec<(f64, String)> {
        const STEPS: [i64; 14] =
            [10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000, 864_000];
        let width = self.width as i64;
        let step = STEPS.into_iter().find(|step| width / step <= 8).unwrap_or(2_592_000);
        let first = (self.now - width).div_euclid(step) + 1;
        let times = (first..).map(|number| number * step).take_while(|at| *at <= self.now);
        let word = |at| if step >= 86_400 { short::day(at) } else { short::clock(at, step < 60) };
        times.map(|at| (self.x(at), word(at))).filter(|(x, _)| (3.0..97.0).contains(x)).collect()
    }

    fn outage(&self, outage: &Outage) -> Option<(f64, f64, String)> {
        let (left, right) = (self.x(outage.start), self.x(outage.end));
        let words = format!("{}: {} min", short::span(outage.start, outage.end), words::minutes(outage.spent_seconds));
        (right > 0.0).then(|| (left, rounded((right - left).max(0.3)), words))
    }
}

/// A hundredth of a percent is less than a pixel of any wall.
fn rounded(percent: f64) -> f64 {
    (percent * 100.0).round() / 100.0
}

fn alternative(state: &SloState, burndown: &Burndown, width: f64) -> String {
    let points = &burndown.points;
    let total = words::amount(burndown.total_seconds);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return format!("Error budget of {}: nothing was observed yet, {total} minutes are allowed.", state.slo);
    };
    let lowest = points.iter().map(|point| point.remaining_seconds).fold(f64::INFINITY, f64::min);
    let is_whole = width >= state.window.as_secs_f64() * 0.99;
    let over = if is_whole { format!("over {}", state.window) } else { format!("since {}", words::ago(width as i64)) };
    format!(
        "Error budget of {} {over}: from {} to {} of {total} minutes, {} at the lowest.",
        state.slo,
        words::minutes(first.remaining_seconds),
        words::minutes(last.remaining_seconds),
        words::minutes(lowest),
    )
}
