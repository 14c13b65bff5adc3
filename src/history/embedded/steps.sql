-- Which steps of a journey failed in each minute: {"STEP": COUNT}. In a row of `days` it stands behind the reasons.
ALTER TABLE open_minutes ADD COLUMN steps TEXT NOT NULL DEFAULT '{}';

DROP VIEW minutes;

CREATE VIEW minutes AS
WITH RECURSIVE
  numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1439),
  runs (probe_id, era, minute, length, good, failures, steps) AS (
    SELECT probe_id, era, 1440 * day + json_extract(value, '$[0]'), json_extract(value, '$[1]'),
           json_extract(value, '$[2]'), coalesce(json_extract(value, '$[3]'), '{}'),
           coalesce(json_extract(value, '$[4]'), '{}')
    FROM days, json_each(days.minutes)
    UNION ALL
    SELECT probe_id, era, minute, 1, good, failures, steps FROM open_minutes
  )
SELECT service, probe, era,
       datetime(offset_s + 60 * (minute + n), 'unixepoch') AS begins,
       good,
       (SELECT coalesce(sum(value), 0) FROM json_each(failures)) AS bad,
       failures,
       steps
FROM runs JOIN probes ON probes.id = probe_id JOIN numbers ON n < length;
