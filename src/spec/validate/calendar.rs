//! `changes` and `working_hours`: what planned changes cost and when people are at work.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use crate::diag::{Code, Diagnostic};

use super::super::keys;
use super::super::model::{Change, WorkingHours};
use super::super::raw::Node;
use super::super::read::{Complaint, Reader, quoted};

/// The days as files name them, from Monday to Sunday.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Reads what a planned change costs.
pub(super) fn change(reader: &mut Reader, node: &Node) -> Option<Change> {
    let fields = reader.fields(node, "a change", &keys::CHANGE)?;
    let name_node = reader.require(&fields, "name");
    let name = name_node.and_then(|node| reader.name(node, "the name of a change"));
    let downtime = reader.require(&fields, "downtime").and_then(|node| reader.duration(node, "`downtime`"));
    let duration = reader.require(&fields, "duration").and_then(|node| reader.positive_duration(node, "`duration`"));
    let (downtime, duration) = (downtime?, duration?);
    if downtime > duration {
        let span = fields.get("downtime").map_or(fields.head(), |node| node.span);
        let message = format!("a downtime of {downtime} is longer than the change, which takes {duration}");
        let problem = Diagnostic::new(Code::InvalidChange, message).at(span, "longer than the change");
        reader
            .report(problem.help("write the time that users notice as `downtime` and the whole change as `duration`"));
    }
    Some(Change { name: name?, downtime, duration, span: name_node?.span })
}

/// Reads when people are at work.
pub(super) fn working_hours(reader: &mut Reader, node: &Node) -> Option<WorkingHours> {
    let fields = reader.fields(node, "`working_hours`", &keys::WORKING_HOURS)?;
    let days = reader.require(&fields, "days").and_then(|node| days(reader, node));
    let from = reader.require(&fields, "from").and_then(|node| time(reader, node));
    let to = reader.require(&fields, "to").and_then(|node| time(reader, node));
    let timezone = reader.require(&fields, "timezone").and_then(|node| zone(reader, node));
    let holidays = fields.get("holidays").map_or(Some(Vec::new()), |node| holidays(reader, node));
    let hours = WorkingHours { days: days?, from: from?, to: to?, timezone: timezone?, holidays: holidays? };
    if hours.from >= hours.to {
        let span = fields.get("to").map_or(fields.head(), |node| node.span);
        let problem = Diagnostic::new(Code::InvalidWorkingHours, "working hours end before they begin");
        reader.report(
            problem
                .at(span, "not later than `from`")
                .help("write a `to` later than `from`; hours past midnight are not supported"),
        );
        return None;
    }
    Some(hours)
}

/// Days of the week, in order.
pub(super) fn days(reader: &mut Reader, node: &Node) -> Option<Vec<Weekday>> {
    let nodes = reader.filled_list(node, "`days`")?;
    let named = reader.each(nodes, |reader, node| reader.choice(node, "a day", &DAYS))?;
    Some(DAYS.iter().map(|(_, day)| *day).filter(|day| named.contains(day)).collect())
}

/// Days such as `2026-12-25`.
fn holidays(reader: &mut Reader, node: &Node) -> Option<Vec<Date>> {
    let nodes = reader.filled_list(node, "`holidays`")?;
    let mut days = reader.each(nodes, |reader, node| {
        let text = reader.text(node, "a holiday")?;
        let is_plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let read =
            Some(text).filter(|_| is_plain).and_then(|text| text.parse::<Date>().ok()).ok_or_else(|| Complaint {
                message: format!("{} is not a day of the calendar", quoted(text)),
                help: "write year, month and day, as in `2026-12-25`".to_owned(),
            });
        reader.accept(node.span, Code::InvalidWorkingHours, read)
    })?;
    days.sort_unstable();
    days.dedup();
    Some(days)
}

/// `HH:MM`, from `00:00` to `23:59`.
pub(super) fn time(reader: &mut Reader, node: &Node) -> Option<Time> {
    let text = reader.text(node, "a time of day")?;
    let digits =
        |part: &str| part.parse::<i8>().ok().filter(|_| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()));
    let read = text.split_once(':').and_then(|(hour, minute)| Time::new(digits(hour)?, digits(minute)?, 0, 0).ok());
    let read = read.ok_or_else(|| Complaint {
        message: format!("{} is not a time of day", quoted(text)),
        help: "write hours and minutes from `00:00` to `23:59`, as in `09:00`".to_owned(),
    });
    reader.accept(node.span, Code::InvalidWorkingHours, read)
}

/// An IANA time zone.
pub(super) fn zone(reader: &mut Reader, node: &Node) -> Option<TimeZone> {
    let text = reader.text(node, "the time zone")?;
    let read = TimeZone::get(text).map_err(|_| Complaint {
        message: format!("there is no time zone {}", quoted(text)),
        help: "write an IANA name such as `Europe/Dublin`, or `UTC`".to_owned(),
    });
    reader.accept(node.span, Code::InvalidWorkingHours, read)
}
