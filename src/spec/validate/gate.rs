//! `gate`: when deployments stop and go on. A file sets it for all its SLOs, and each SLO may override it
//! field by field.

use rust_decimal::Decimal;

use crate::diag::{Code, Span};
use crate::units::Duration;

use super::super::keys;
use super::super::model::{BudgetAmount, Gate, OnUnknown, Resume};
use super::super::raw::Node;
use super::super::read::{Complaint, Reader, quoted};

/// What one place of a file says about the gate.
#[derive(Clone, Copy, Default)]
pub(super) struct Draft {
    close_at: Option<(BudgetAmount, Span)>,
    resume_at: Option<(BudgetAmount, Span)>,
    resume: Option<Resume>,
    on_unknown: Option<OnUnknown>,
    dry_run: Option<bool>,
}

/// Reads a gate.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Draft {
    let Some(fields) = reader.fields(node, "`gate`", &keys::GATE) else {
        return Draft::default();
    };
    let words = [("hold", OnUnknown::Hold), ("allow", OnUnknown::Allow)];
    let resumes = [("at_level", Resume::AtLevel), ("from_trough", Resume::FromTrough)];
    Draft {
        close_at: fields.get("close_at").and_then(|node| amount(reader, node, "`close_at`")),
        resume_at: fields.get("resume_at").and_then(|node| amount(reader, node, "`resume_at`")),
        resume: fields.get("resume").and_then(|node| reader.choice(node, "`resume`", &resumes)),
        dry_run: fields.get("dry_run").and_then(|node| reader.flag(node, "`dry_run`")),
        on_unknown: fields.get("on_unknown").and_then(|node| reader.choice(node, "`on_unknown`", &words)),
    }
}

/// The gate of an SLO: what it says itself, else what its file says, else the usual. How the
/// amounts compare depends on the budget, so the plan judges that.
pub(super) fn combine(file: Draft, slo: Draft) -> Gate {
    let close = slo.close_at.or(file.close_at);
    let resume = slo.resume_at.or(file.resume_at);
    let close_at = close.map_or(BudgetAmount::Time(Duration::ZERO), |(amount, _)| amount);
    let resume_at = resume.map_or(BudgetAmount::Share(Decimal::new(25, 2)), |(amount, _)| amount);
    let on_unknown = slo.on_unknown.or(file.on_unknown).unwrap_or_default();
    Gate {
        close_at,
        resume_at,
        resume: slo.resume.or(file.resume).unwrap_or_default(),
        dry_run: slo.dry_run.or(file.dry_run).unwrap_or_default(),
        on_unknown,
        resume_span: resume.map(|(_, span)| span),
    }
}

fn amount(reader: &mut Reader, node: &Node, what: &str) -> Option<(BudgetAmount, Span)> {
    let text = reader.text(node, what)?;
    let amount = if text.ends_with('%') {
        BudgetAmount::Share(reader.accept(node.span, Code::InvalidShare, share(text))?)
    } else {
        BudgetAmount::Time(reader.duration(node, what)?)
    };
    Some((amount, node.span))
}

/// A share such as `25%` as a ratio, from 0 to 1.
pub(super) fn share(text: &str) -> Result<Decimal, Complaint> {
    let number = text.strip_suffix('%').and_then(|number| Decimal::from_str_exact(number).ok());
    match number {
        Some(percent) if (Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(&percent) => {
            Ok((percent / Decimal::ONE_HUNDRED).normalize())
        }
        Some(_) => Err(Complaint {
            message: format!("a share of {} is out of range", quoted(text)),
            help: "write a share from `0%` to `100%`".to_owned(),
        }),
        None => Err(Complaint {
            message: format!("{} is not a share", quoted(text)),
            help: "write a percentage such as `25%`".to_owned(),
        }),
    }
}
