//! Which planned changes fit on which of the coming days, with the budget that returns day by day if nothing more fails.
//!
//! Changes run one after the other, and what one of them spends is missing to those after it. Those that cost users least
//! are placed first, each as early as it fits, which is how most of them get done. It reads no clock.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::calendar::Shift;
use super::change::Need;
use super::gate::{self, Latch, Thresholds};
use crate::spec::model::{Resume, WorkingHours};
use crate::units::Duration;

/// A change begins when work does, at once, or at a quarter of an hour after work began.
const GRID: SignedDuration = SignedDuration::from_mins(15);

/// After so many days a change that still does not fit never will: two of the longest windows, and some holidays.
const HORIZON_DAYS: i32 = 200;

/// What may be spent of the budget of one SLO at the moments to come, if nothing fails but what is planned.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// Moments in seconds of Unix time, in order, and what may be spent from then on until the next one, in seconds; none
    /// while the gate is closed.
    pub points: Vec<(i64, Option<f64>)>,
    /// Once a planned change has closed the gate, it opens when this many seconds may be spent.
    pub resume: f64,
    /// What is spent comes back after this many seconds.
    pub window: i64,
}

/// A planned downtime.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spend {
    at: i64,
    seconds: f64,
}

impl Course {
    /// What may be spent at a moment, in seconds, if nothing is spent before; none while the gate is closed.
    #[must_use]
    pub fn at(&self, moment: Timestamp) -> Option<f64> {
        self.gross(moment.as_second())
    }

    /// What may be spent of two groups of an SLO: the lesser of both.
    #[must_use]
    pub fn least(one: &Self, other: &Self) -> Self {
        let mut moments: Vec<i64> = one.points.iter().chain(&other.points).map(|(at, _)| *at).collect();
        moments.sort_unstable();
        moments.dedup();
        let lesser = |at: i64| Some(one.gross(at)?.min(other.gross(at)?));
        Self {
            points: moments.into_iter().map(|at| (at, lesser(at))).collect(),
            resume: one.resume.max(other.resume),
            window: one.window.max(other.window),
        }
    }

    fn gross(&self, at: i64) -> Option<f64> {
        let next = self.points.partition_point(|(from, _)| *from <= at);
        self.points.get(next.saturating_sub(1)).and_then(|(_, available)| *available)
    }

    /// What may be spent at a moment after what was spent before it.
    fn net(&self, spends: &[Spend], at: i64) -> Option<f64> {
        let spent = spends.iter().filter(|spend| spend.at <= at && spend.at > at.saturating_sub(self.window));
        Some(self.gross(at)? - spent.map(|spend| spend.seconds).sum::<f64>())
    }

    /// Whether each of some downtimes, in order of time, finds its budget and an open gate.
    fn allows(&self, spends: &[Spend]) -> bool {
        let mut closed_at = None;
        spends.iter().enumerate().all(|(number, spend)| {
            let before = spends.get(..number).unwrap_or_default();
            let reopened = closed_at.is_none_or(|since| self.reopens(before, since, spend.at));
            let left = self.net(before, spend.at).map(|available| available - spend.seconds);
            closed_at = left.filter(|left| *left <= 0.0).map(|_| spend.at);
            reopened && left.is_some_and(|left| left >= 0.0)
        })
    }

    /// Whether a gate that planned changes closed at `since` has opened by `until`.
    fn reopens(&self, spends: &[Spend], since: i64, until: i64) -> bool {
        let first = self.points.partition_point(|(at, _)| *at <= since);
        let moments = self.points.iter().skip(first).map(|(at, _)| *at);
        let returns = spends.iter().map(|spend| spend.at.saturating_add(self.window));
        let thresholds = Thresholds { close_at: 0.0, resume_at: self.resume, resume: Resume::AtLevel };
        let opens = |at: i64| {
            let net = self.net(spends, at).unwrap_or_default();
            let held = gate::Held { latch: Latch::Closed, trough: 0.0 };
            gate::step(Some(held), net, &thresholds).latch == Latch::Open
        };
        moments.chain(returns).chain([until]).filter(|at| *at > since && *at <= until).any(opens)
    }
}

/// A day on which changes may begin.
#[derive(Clone, Debug, PartialEq)]
pub struct Day<T> {
    /// The day, in the zone of the working hours.
    pub day: Date,
    /// When changes may begin on it.
    pub begins: Timestamp,
    /// When work ends.
    pub ends: Timestamp,
    /// What may be spent when work begins if nothing is changed, in seconds; none while a gate is closed, or where no SLO
    /// limits anything.
    pub available: Option<f64>,
    /// Which course has so little.
    pub scarcest: Option<usize>,
    /// What may still be spent at the end of the day after every change proposed so far; none as above.
    pub left: Option<f64>,
    /// The changes that fit on it, each taken alone, with the earliest moment.
    pub fits: Vec<(T, Timestamp)>,
    /// The changes that are proposed for it, in order of time.
    pub proposed: Vec<(T, Timestamp)>,
}

/// Why a change is not among the proposed ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Why {
    /// There is no working day in that time, or none of them is long enough.
    Hours,
    /// The gate is closed all the time.
    Closed {
        /// Which course it belongs to.
        course: usize,
    },
    /// More than may be spent on any of the days.
    Budget {
        /// Which course has too little.
        course: usize,
        /// The most that may be spent of it when the change could begin, in seconds.
        available: f64,
    },
    /// It fits alone, but not beside the others that are proposed.
    Others,
}

/// What is proposed for some days.
#[derive(Clone, Debug, PartialEq)]
pub struct Week<T> {
    /// The days, in order.
    pub days: Vec<Day<T>>,
    /// The changes that are not proposed: why not, and from when each would fit beside those that are; none if never.
    pub waits: Vec<(T, Why, Option<Timestamp>)>,
}

/// A change that has its time.
struct Placed<T> {
    change: T,
    start: Timestamp,
    end: Timestamp,
    seconds: f64,
}

/// What is known about the days to come.
struct Outlook<'a> {
    courses: &'a [Course],
    now: Timestamp,
    /// Whether a change has to end on the day on which it begins.
    ends_with_work: bool,
}

/// Proposes when to make changes in the `days` days that begin with that of `now`.
///
/// Without working hours a change may begin at any time of any day of UTC. Each of `courses` limits every change.
pub fn propose<T: Copy>(
    changes: &[(T, Need)],
    hours: Option<&WorkingHours>,
    now: Timestamp,
    days: i32,
    courses: &[Course],
) -> Week<T> {
    let outlook = Outlook { courses, now, ends_with_work: hours.is_some() };
    let shifts = shifts(hours, now);
    let last = hours.map_or_else(|| TimeZone::UTC.to_datetime(now).date(), |hours| hours.day_of(now));
    let last = last.saturating_add(days.days());
    let (soon, later): (Vec<Shift>, Vec<Shift>) = shifts.into_iter().partition(|shift| shift.day < last);
    let mut by_cost: Vec<&(T, Need)> = changes.iter().collect();
    by_cost.sort_by_key(|(_, need)| (need.downtime, need.duration));
    let (mut placed, mut waiting): (Vec<Placed<T>>, Vec<&(T, Need)>) = (Vec::new(), Vec::new());
    for change in by_cost {
        match soon.iter().find_map(|shift| outlook.earliest(change.1, shift, &placed)) {
            Some(start) => placed.push(Placed::of(*change, start)),
            None => waiting.push(change),
        }
    }
    placed.sort_by_key(|one| one.start);
    let of_waiting = |(change, need): &(T, Need)| {
        let from = later.iter().find_map(|shift| outlook.earliest(*need, shift, &placed));
        (*change, outlook.why(*need, &soon), from)
    };
    let waits = waiting.into_iter().map(of_waiting).collect();
    Week { days: soon.iter().map(|shift| outlook.day(shift, changes, &placed)).collect(), waits }
}

/// The times at which changes may be made from `now` on.
fn shifts(hours: Option<&WorkingHours>, now: Timestamp) -> Vec<Shift> {
    let Some(hours) = hours else {
        let today = TimeZone::UTC.to_datetime(now).date();
        let start = |day: Date| TimeZone::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::MIN)).ok();
        let shift = |number: i32| {
            let day = today.checked_add(number.days()).ok()?;
            Some(Shift { day, start: start(day)?, end: start(day.tomorrow().ok()?)? })
        };
        return (0..HORIZON_DAYS).filter_map(shift).collect();
    };
    let end = hours.day_of(now).saturating_add(HORIZON_DAYS.days());
    hours.shifts(now).take_while(|shift| shift.day < end).filter(|shift| shift.end > now).collect()
}

impl<T> Placed<T> {
    fn of((change, need): (T, Need), start: Timestamp) -> Self {
        Self { change, start, end: ends(start, need.duration), seconds: need.downtime.as_secs_f64() }
    }

    fn spend(&self) -> Spend {
        Spend { at: self.start.as_second(), seconds: self.seconds }
    }
}

impl Outlook<'_> {
    /// The earliest moment of a shift at which a change fits beside those that have their time.
    fn earliest<T>(&self, need: Need, shift: &Shift, placed: &[Placed<T>]) -> Option<Timestamp> {
        let seconds = need.downtime.as_secs_f64();
        let is_free = |start: &Timestamp| {
            let end = ends(*start, need.duration);
            placed.iter().all(|one| end <= one.start || *start >= one.end)
        };
        let is_there = |start: &Timestamp| {
            let enough = |course: &Course| course.at(*start).is_some_and(|available| available >= seconds);
            self.courses.iter().all(enough) && {
                let mut spends: Vec<Spend> = placed.iter().map(Placed::spend).collect();
                spends.push(Spend { at: start.as_second(), seconds });
                spends.sort_by_key(|spend| spend.at);
                self.courses.iter().all(|course| course.allows(&spends))
            }
        };
        self.starts(need, shift).filter(is_free).find(is_there)
    }

    /// The moments of a shift at which a change may begin as far as only working hours count.
    fn starts(&self, need: Need, shift: &Shift) -> impl Iterator<Item = Timestamp> + use<> {
        let begins = shift.start.max(self.now);
        let latest = match self.ends_with_work {
            true => shift.latest_start(need.duration),
            false => Some(shift.end - SignedDuration::from_secs(1)),
        };
        let start = shift.start;
        let grid = std::iter::successors(Some(start), |at| at.checked_add(GRID).ok());
        let until = latest.unwrap_or(Timestamp::MIN);
        let grid = grid.take_while(move |at| *at <= until).filter(move |at| *at > begins);
        std::iter::once(begins).chain(grid).take_while(move |at| *at <= until)
    }

    /// What keeps a change from being made alone, on the day on which it came closest.
    fn why(&self, need: Need, shifts: &[Shift]) -> Why {
        let starts: Vec<Timestamp> = shifts.iter().flat_map(|shift| self.starts(need, shift)).collect();
        if starts.is_empty() {
            return Why::Hours;
        }
        let seconds = need.downtime.as_secs_f64();
        let scarcest = |start: &Timestamp| self.scarcest(*start);
        // A closed gate is below every budget.
        let weight = |(_, available): &(usize, Option<f64>)| available.unwrap_or(f64::NEG_INFINITY);
        let best = starts.iter().filter_map(scarcest).max_by(|one, other| weight(one).total_cmp(&weight(other)));
        match best {
            Some((course, None)) => Why::Closed { course },
            Some((course, Some(available))) if available < seconds => Why::Budget { course, available },
            _ => Why::Others,
        }
    }

    /// The course of which least may be spent at a moment, and how much; a closed gate first.
    fn scarcest(&self, at: Timestamp) -> Option<(usize, Option<f64>)> {
        let all = self.courses.iter().map(|course| course.at(at)).enumerate();
        let weight = |available: &Option<f64>| available.unwrap_or(f64::NEG_INFINITY);
        all.min_by(|(_, one), (_, other)| weight(one).total_cmp(&weight(other)))
    }

    fn day<T: Copy>(&self, shift: &Shift, changes: &[(T, Need)], placed: &[Placed<T>]) -> Day<T> {
        let begins = shift.start.max(self.now);
        let scarcest = self.scarcest(begins);
        let until: Vec<Spend> = placed.iter().filter(|one| one.start < shift.end).map(Placed::spend).collect();
        let left = self.courses.iter().map(|course| course.net(&until, shift.end.as_second()));
        let left = left.collect::<Option<Vec<f64>>>().and_then(|all| all.into_iter().min_by(f64::total_cmp));
        let alone = |(change, need): &(T, Need)| Some((*change, self.earliest::<T>(*need, shift, &[])?));
        let of_day = |one: &&Placed<T>| one.start >= shift.start && one.start < shift.end;
        Day {
            day: shift.day,
            begins,
            ends: shift.end,
            available: scarcest.and_then(|(_, available)| available),
            scarcest: scarcest.map(|(course, _)| course),
            left: left.map(|left| left.max(0.0)),
            fits: changes.iter().filter_map(alone).collect(),
            proposed: placed.iter().filter(of_day).map(|one| (one.change, one.start)).collect(),
        }
    }
}

/// When a change ends that begins at `start`.
#[must_use]
pub fn ends(start: Timestamp, duration: Duration) -> Timestamp {
    let length = SignedDuration::try_from(duration.to_std()).unwrap_or(SignedDuration::MAX);
    start.checked_add(length).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::calendar::tests::nine_to_five;
    use proptest::prelude::*;

    const UPGRADE: Need = Need { downtime: Duration::from_mins(5), duration: Duration::from_hours(4) };
    const PATCH: Need = Need { downtime: Duration::from_mins(1), duration: Duration::from_hours(3) };
    const LONG: Need = Need { downtime: Duration::ZERO, duration: Duration::from_hours(9) };
    const DAY: i64 = 86_400;

    fn hours() -> WorkingHours {
        nine_to_five(TimeZone::UTC, Date::constant(2026, 11, 25))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    fn course(points: &[(&str, Option<f64>)]) -> Course {
        let points = points.iter().map(|(time, available)| (at(time).as_second(), *available)).collect();
        Course { points, resume: 600.0, window: 30 * DAY }
    }

    fn names<T: Copy>(found: &[(T, Timestamp)]) -> Vec<(T, String)> {
        found.iter().map(|(name, start)| (*name, start.to_string())).collect()
    }

    #[test]
    fn a_week_says_what_fits_on_which_day() {
        // One and a half minutes on Monday at noon, seven from Tuesday on.
        let now = at("2026-11-23T12:07:00Z");
        let course = course(&[("2026-11-23T12:07:00Z", Some(90.0)), ("2026-11-24T08:00:00Z", Some(420.0))]);
        let changes = [("upgrade", UPGRADE), ("patch", PATCH), ("nothing", LONG)];
        let week = propose(&changes, Some(&hours()), now, 7, std::slice::from_ref(&course));
        let days: Vec<String> = week.days.iter().map(|day| day.day.to_string()).collect();
        assert_eq!(days, ["2026-11-23", "2026-11-24", "2026-11-26", "2026-11-27"], "a holiday and a weekend are none");
        let [monday, tuesday, thursday, _] = week.days.as_slice() else { panic!("{week:?}") };
        assert_eq!(names(&monday.proposed), [("patch", "2026-11-23T12:07:00Z".to_owned())]);
        assert_eq!(names(&monday.fits), names(&monday.proposed));
        assert_eq!((monday.available, monday.left), (Some(90.0), Some(30.0)));
        // Alone both fit on Tuesday; the patch was made by then.
        let nine = "2026-11-24T09:00:00Z".to_owned();
        assert_eq!(names(&tuesday.fits), [("upgrade", nine.clone()), ("patch", nine.clone())]);
        assert_eq!(names(&tuesday.proposed), [("upgrade", nine)]);
        assert_eq!((tuesday.available, tuesday.left, thursday.left), (Some(420.0), Some(60.0), Some(60.0)));
        assert_eq!(week.waits, [("nothing", Why::Hours, None)]);
    }

    #[test]
    fn changes_of_a_day_follow_each_other_and_share_its_budget() {
        let now = at("2026-11-23T08:00:00Z");
        let changes = [("upgrade", UPGRADE), ("patch", PATCH), ("other", UPGRADE)];
        let course = |seconds| course(&[("2026-11-23T08:00:00Z", Some(seconds))]);
        let week = propose(&changes, Some(&hours()), now, 7, &[course(370.0), course(9_999.0)]);
        let monday = week.days.first().expect("a day");
        assert_eq!(
            names(&monday.proposed),
            [("patch", "2026-11-23T09:00:00Z".to_owned()), ("upgrade", "2026-11-23T12:00:00Z".to_owned())]
        );
        assert_eq!((monday.scarcest, monday.left), (Some(0), Some(10.0)));
        // It would fit alone, and does beside the others when what they spent has come back.
        assert_eq!(week.waits, [("other", Why::Others, Some(at("2026-12-23T12:00:00Z")))]);
    }

    #[test]
    fn what_spends_everything_closes_the_gate() {
        let now = at("2026-11-23T08:00:00Z");
        let returns =
            |later: f64| course(&[("2026-11-23T08:00:00Z", Some(60.0)), ("2026-11-24T00:00:00Z", Some(later))]);
        let tiny = Need { downtime: Duration::from_secs(61), ..PATCH };
        let changes = [("patch", PATCH), ("tiny", tiny)];
        // On Tuesday nine minutes and 59 seconds are there again, and the gate opens at ten.
        let week = |later| propose(&changes, Some(&hours()), now, 7, &[returns(later)]);
        assert_eq!(week(659.0).waits.len(), 1);
        assert_eq!(week(660.0).waits, []);
    }

    #[test]
    fn a_closed_gate_and_a_small_budget_say_so_and_from_when_it_fits() {
        let now = at("2026-11-23T08:00:00Z");
        let closed = course(&[("2026-11-23T08:00:00Z", None), ("2026-12-02T15:00:00Z", Some(700.0))]);
        let week = propose(&[("patch", PATCH)], Some(&hours()), now, 7, std::slice::from_ref(&closed));
        assert_eq!(week.waits, [("patch", Why::Closed { course: 0 }, Some(at("2026-12-03T09:00:00Z")))]);
        assert_eq!(week.days.first().map(|day| (day.available, day.left)), Some((None, None)));
        let scarce = course(&[("2026-11-23T08:00:00Z", Some(20.0)), ("2026-11-27T08:00:00Z", Some(50.0))]);
        let week = propose(&[("patch", PATCH)], Some(&hours()), now, 7, &[scarce]);
        assert_eq!(week.waits, [("patch", Why::Budget { course: 0, available: 50.0 }, None)]);
        // Without working hours, at once and on any day.
        let free = course(&[("2026-11-23T08:00:00Z", Some(700.0))]);
        let week = propose(&[("long", LONG)], None, at("2026-11-28T23:30:30Z"), 2, &[free]);
        assert_eq!(week.days.len(), 2);
        assert_eq!(names(&week.days.first().expect("a day").proposed), [("long", "2026-11-28T23:30:30Z".to_owned())]);
    }

    #[test]
    fn what_is_over_today_is_not_proposed() {
        let evening = at("2026-11-23T17:00:00Z");
        let week = propose(&[("patch", PATCH)], Some(&hours()), evening, 7, &[]);
        assert_eq!(week.days.first().map(|day| day.day), Some(Date::constant(2026, 11, 24)));
    }

    proptest! {
        #[test]
        fn what_is_proposed_holds_together(
            needs in prop::collection::vec((0u64..900, 1u64..600), 1..7),
            points in prop::collection::vec((0i64..14 * DAY, prop::option::weighted(0.8, 0.0..2_000.0f64)), 1..20),
            resume in 0.0..900.0f64, now in 0i64..7 * DAY,
        ) {
            let monday = at("2026-11-23T00:00:00Z").as_second();
            let mut points: Vec<_> = points.into_iter().map(|(after, left)| (monday + after, left)).collect();
            points.push((monday, Some(500.0)));
            points.sort_by_key(|(at, _)| *at);
            let course = Course { points, resume, window: 5 * DAY };
            let changes: Vec<(usize, Need)> = needs
                .iter()
                .map(|(down, mins)| Need { downtime: Duration::from_secs(*down), duration: Duration::from_mins(*mins) })
                .enumerate()
                .collect();
            let (now, work) = (Timestamp::from_second(monday + now).expect("a time"), hours());
            let week = propose(&changes, Some(&work), now, 7, std::slice::from_ref(&course));
            let proposed: Vec<(usize, Timestamp)> = week.days.iter().flat_map(|day| day.proposed.clone()).collect();
            prop_assert_eq!(proposed.len() + week.waits.len(), changes.len());
            let mut spent: Vec<(i64, f64)> = Vec::new();
            let mut free = now;
            for (change, start) in proposed {
                let need = changes[change].1;
                let end = ends(start, need.duration);
                let shift = work.shift(work.day_of(start)).expect("a working day");
                prop_assert!(start >= free && start >= shift.start && end <= shift.end, "{start} {end}");
                let gone: f64 = spent.iter().filter(|(at, _)| *at > start.as_second() - 5 * DAY).map(|(_, s)| s).sum();
                let left = course.at(start).expect("an open gate") - gone;
                prop_assert!(left >= need.downtime.as_secs_f64(), "{left} are left at {start}");
                spent.push((start.as_second(), need.downtime.as_secs_f64()));
                free = end;
            }
            for (change, why, from) in week.waits {
                let alone = propose(&changes[change..=change], Some(&work), now, 7, std::slice::from_ref(&course));
                prop_assert_eq!(why == Why::Others, alone.waits.is_empty(), "{:?} {:?}", why, alone);
                prop_assert!(from.is_none_or(|from| work.day_of(from) >= work.day_of(now).saturating_add(7.days())));
            }
        }
    }
}
