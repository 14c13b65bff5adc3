//! The rows of the audit.

use rusqlite::{Connection, Transaction, params};

use super::file::FileError;
use crate::history::audit::{Entry, EntryKind};

/// The version of the schema that has an audit; an older file has none.
const SINCE_VERSION: i64 = 2;

/// Every entry, in order.
///
/// # Errors
/// What keeps them from being read.
pub(super) fn load(connection: &Connection) -> Result<Vec<Entry>, FileError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version < SINCE_VERSION {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(
        "SELECT id, at, kind, service, slo, since, until, reason, said_by, authenticated, withdraws FROM audit ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let word: String = row.get(2)?;
        // A later version may know more kinds, but then the file is of a later version too.
        let kind = EntryKind::ALL.into_iter().find(|kind| kind.as_str() == word);
        entries.push(Entry {
            id: row.get(0)?,
            at: row.get(1)?,
            kind: kind.ok_or_else(|| FileError::Damaged(format!("`{word}` is no kind of entry")))?,
            service: row.get(3)?,
            slo: row.get(4)?,
            from: row.get(5)?,
            until: row.get(6)?,
            reason: row.get(7)?,
            by: row.get(8)?,
            authenticated: row.get(9)?,
            withdraws: row.get(10)?,
        });
    }
    Ok(entries)
}

/// Adds entries.
pub(super) fn write(transaction: &Transaction<'_>, entries: &[Entry]) -> Result<(), FileError> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO audit (id, at, kind, service, slo, since, until, reason, said_by, authenticated, withdraws)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for entry in entries {
        statement.execute(params![
            entry.id,
            entry.at,
            entry.kind.as_str(),
            entry.service,
            entry.slo,
            entry.from,
            entry.until,
            entry.reason,
            entry.by,
            entry.authenticated,
            entry.withdraws,
        ])?;
    }
    Ok(())
}
