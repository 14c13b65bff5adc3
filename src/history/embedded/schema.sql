-- The embedded history of burndown. Open it with any SQLite: the views `minutes` and `counter_values` show all of it.

-- Every probe that was ever counted, until nothing of it is left.
CREATE TABLE probes (
  id INTEGER PRIMARY KEY,
  service TEXT NOT NULL,
  probe TEXT NOT NULL,
  -- Milliseconds from one run to the next, as the file said last.
  interval_ms INTEGER NOT NULL,
  -- Seconds, from 0 to 299: minute k of this probe begins at Unix time offset_s + 60 * k, so that its slices of five
  -- minutes begin with its first event.
  offset_s INTEGER NOT NULL,
  UNIQUE (service, probe)
);

-- The SLOs of the files that were served last, and the probe that each counts.
CREATE TABLE slos (
  service TEXT NOT NULL,
  slo TEXT NOT NULL,
  probe TEXT NOT NULL,
  PRIMARY KEY (service, slo)
) WITHOUT ROWID;

-- The last value of every counter of /metrics, a row for each probe.
CREATE TABLE counters (
  probe_id INTEGER PRIMARY KEY REFERENCES probes (id),
  successes INTEGER NOT NULL,
  -- {"REASON": COUNT}
  failures TEXT NOT NULL,
  -- {"REASON": COUNT}
  skipped TEXT NOT NULL,
  -- Runs by duration, not added up: {"UPPER BOUND IN SECONDS": COUNT}
  buckets TEXT NOT NULL,
  -- Sum of all durations in seconds.
  seconds REAL NOT NULL,
  -- {"STEP": {"successes": COUNT, "failures": {"REASON": COUNT}, "not_reached": COUNT}}
  steps TEXT NOT NULL,
  -- Unix time in seconds of the last change.
  changed INTEGER NOT NULL
);

-- The newest minutes, which still change. An era is one more each time the clock was set back: what it counted twice is
-- kept apart.
CREATE TABLE open_minutes (
  probe_id INTEGER NOT NULL REFERENCES probes (id),
  era INTEGER NOT NULL,
  minute INTEGER NOT NULL,
  good INTEGER NOT NULL,
  -- {"REASON": COUNT}
  failures TEXT NOT NULL,
  PRIMARY KEY (probe_id, era, minute)
) WITHOUT ROWID;

-- All other minutes, 1440 of a probe in a row: [[FIRST MINUTE OF THE DAY, HOW MANY ALIKE, GOOD, {"REASON": BAD}], ...]
CREATE TABLE days (
  probe_id INTEGER NOT NULL REFERENCES probes (id),
  era INTEGER NOT NULL,
  -- Minutes of the day are numbered from 1440 * day.
  day INTEGER NOT NULL,
  -- The longest interval of the probe on that day.
  interval_ms INTEGER NOT NULL,
  minutes TEXT NOT NULL,
  PRIMARY KEY (probe_id, era, day)
) WITHOUT ROWID;

-- When probes were being run, in seconds of Unix time.
CREATE TABLE spans (
  id INTEGER PRIMARY KEY,
  era INTEGER NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL
);

-- What the program counts of itself.
CREATE TABLE facts (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE VIEW minutes AS
WITH RECURSIVE
  steps (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM steps WHERE n < 1439),
  runs (probe_id, era, minute, length, good, failures) AS (
    SELECT probe_id, era, 1440 * day + json_extract(value, '$[0]'), json_extract(value, '$[1]'),
           json_extract(value, '$[2]'), coalesce(json_extract(value, '$[3]'), '{}')
    FROM days, json_each(days.minutes)
    UNION ALL
    SELECT probe_id, era, minute, 1, good, failures FROM open_minutes
  )
SELECT service, probe, era,
       datetime(offset_s + 60 * (minute + n), 'unixepoch') AS begins,
       good,
       (SELECT coalesce(sum(value), 0) FROM json_each(failures)) AS bad,
       failures
FROM runs JOIN probes ON probes.id = probe_id JOIN steps ON n < length;

CREATE VIEW counter_values AS
SELECT service, probe, 'successes' AS counter, NULL AS child, successes AS value FROM counters JOIN probes ON probes.id = probe_id
UNION ALL SELECT service, probe, 'failures', key, value FROM counters JOIN probes ON probes.id = probe_id, json_each(failures)
UNION ALL SELECT service, probe, 'skipped', key, value FROM counters JOIN probes ON probes.id = probe_id, json_each(skipped)
UNION ALL SELECT service, probe, 'duration up to', key, value
  FROM counters JOIN probes ON probes.id = probe_id, json_each(buckets)
UNION ALL SELECT service, probe, 'duration sum', NULL, seconds FROM counters JOIN probes ON probes.id = probe_id;
