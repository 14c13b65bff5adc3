-- What people decided about an SLO, an entry each. Nothing in it is ever changed or deleted: what no longer holds is
-- withdrawn by another entry.
CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  -- Unix time in seconds of the entry.
  at INTEGER NOT NULL,
  -- override, correction, maintenance or withdrawal
  kind TEXT NOT NULL,
  service TEXT NOT NULL,
  slo TEXT NOT NULL,
  -- What it is about, in seconds of Unix time; of a withdrawal, what that entry was about.
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  reason TEXT NOT NULL,
  -- Who says so, in that person's own words.
  said_by TEXT NOT NULL,
  -- Who that was, as the server knows it.
  authenticated TEXT NOT NULL,
  -- The entry that is withdrawn.
  withdraws INTEGER REFERENCES audit (id)
);

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'an entry of the audit is never changed'); END;

CREATE TRIGGER audit_is_never_shortened BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'an entry of the audit is never deleted'); END;
