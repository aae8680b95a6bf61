-- The rungs of one day before or after the due date, over one page of what is due: contacts and their events.
-- Idempotent by the key of contacts. One read of a borrower serves all rungs, and no step's cost follows the book.
-- The audience rule is the twin of risk/audience.py; a test keeps the two equal.
WITH rung AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rungs)s) AS r (
        name text, at time, not_after time, channels text[], audiences text[], template text, stop text[],
        priority smallint)
), due AS MATERIALIZED (
    -- Begins at its place in the index and ends with the page, whatever the planner believes about the book.
    -- Ties belong to one borrower, who is never cut in two.
    SELECT i.due_on, i.borrower_id, i.loan_id, i.number
    FROM instalments i
    WHERE i.outstanding_minor > 0
      AND (i.due_on, i.borrower_id) > (%(after_due)s::date, %(after_borrower)s::bigint)
      AND i.due_on <= %(last_due)s::date
    ORDER BY i.due_on, i.borrower_id
    FETCH FIRST (%(page)s) ROWS WITH TIES
), page AS (
    SELECT d.due_on, d.borrower_id,
           bool_or(d.number = 1 OR l.missed_before > 0 OR EXISTS (
               SELECT 1 FROM instalments p
               WHERE p.loan_id = d.loan_id AND p.number < d.number
                 AND (p.outstanding_minor > 0 AND p.due_on < %(today)s OR p.met_on > p.due_on))) AS risky,
           bool_and(l.autopay OR d.number > 6) AS safe
    FROM due d
    JOIN loans l ON l.loan_id = d.loan_id AND l.status = 'active'
    GROUP BY d.due_on, d.borrower_id
), person AS MATERIALIZED (
    -- Materialized: the two look-ups are made once for each, not once for each rung.
    SELECT page.due_on, page.borrower_id, audience, zone, contact_month_base(page.due_on) AS month,
           ARRAY(SELECT cp.channel FROM contact_points cp
                 WHERE cp.borrower_id = page.borrower_id
                   AND cp.consent = 'granted' AND cp.invalid_since IS NULL) AS granted,
           ARRAY(SELECT c.rung FROM contacts c
                 WHERE c.borrower_id = page.borrower_id AND c.due_on = page.due_on AND c.cadence = %(cadence)s
                   AND c.due_on BETWEEN %(first_due)s AND %(last_due)s) AS planned
    FROM page
    JOIN borrowers b USING (borrower_id)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN risky THEN 'high' WHEN safe THEN 'low' ELSE 'standard' END AS audience,
               -- An unknown zone is planned in UTC and refused by the gate, so that the record says why.
               coalesce(b.time_zone, 'UTC') AS zone
    ) found
    WHERE EXISTS (
        SELECT FROM rung r
        WHERE audience = ANY (r.audiences)
          AND (page.due_on + %(offset_days)s + r.at) AT TIME ZONE zone < %(until)s
          AND (page.due_on + %(offset_days)s + r.not_after) AT TIME ZONE zone > %(now)s)
), planted AS (
    INSERT INTO contacts (contact_id, due_on, borrower_id, cadence, version, rung, channel, next_channels, audience,
                          template, stop, priority, scheduled_at, not_before, not_after, planned_at, state_at)
    SELECT p.month + nextval('contact_numbers'), p.due_on, p.borrower_id,
           %(cadence)s, %(version)s, r.name, r.channels[place], r.channels[place + 1:], p.audience,
           r.template, r.stop, r.priority, fires_at, fires_at, ends_at, %(now)s, %(now)s
    FROM person p
    CROSS JOIN rung r
    -- The first channel the borrower agreed to; without any, the first of all, for the record of why not.
    CROSS JOIN LATERAL (
        SELECT coalesce(min(o.place), 1)::integer AS place
        FROM unnest(r.channels) WITH ORDINALITY AS o (channel, place) WHERE o.channel = ANY (p.granted)
    ) pick
    CROSS JOIN LATERAL (
        SELECT (p.due_on + %(offset_days)s + r.at) AT TIME ZONE p.zone AS fires_at,
               (p.due_on + %(offset_days)s + r.not_after) AT TIME ZONE p.zone AS ends_at
    ) span
    WHERE p.audience = ANY (r.audiences) AND r.name <> ALL (p.planned)
      AND fires_at < %(until)s AND ends_at > %(now)s
    ON CONFLICT DO NOTHING
    RETURNING contact_id, borrower_id, due_on, rung, channel, audience
), logged AS (
    INSERT INTO events (at, recorded_at, kind, actor, contact_id, borrower_id, data)
    SELECT %(now)s, %(lease)s, 'contact.planned', %(actor)s, contact_id, borrower_id,
           jsonb_build_object('rung', rung, 'channel', channel, 'audience', audience, 'due_on', due_on)
    FROM planted
)
SELECT (SELECT jsonb_object_agg(rung, many) FROM (SELECT rung, count(*) AS many FROM planted GROUP BY rung) p),
       (SELECT count(*) FROM due), due_on, borrower_id
FROM due ORDER BY due_on DESC, borrower_id DESC LIMIT 1
