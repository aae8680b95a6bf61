-- The rungs of one day before or after the due date, over one page of what is due: contacts and their events.
-- One read of a borrower serves all rungs, what few share is worked out once, and no step's cost follows the book.
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
), placed AS MATERIALIZED (
    -- OFFSET 0 keeps look-ups what they are: a planner that guesses otherwise reads the whole book for one page.
    -- An unknown zone is planned in UTC and refused by the gate, so that the record says why.
    SELECT due.*, coalesce(b.time_zone, 'UTC') AS zone
    FROM due
    CROSS JOIN LATERAL (SELECT time_zone FROM borrowers WHERE borrowers.borrower_id = due.borrower_id OFFSET 0) b
), firing AS MATERIALIZED (
    -- Of each day and zone: there are few, and an instant in a zone is dear.
    SELECT kind.due_on, kind.zone, r.name, r.audiences, fires_at, ends_at
    FROM (SELECT DISTINCT due_on, zone FROM placed) kind
    CROSS JOIN rung r
    CROSS JOIN LATERAL (
        SELECT (due_on + %(offset_days)s + r.at) AT TIME ZONE zone AS fires_at,
               (due_on + %(offset_days)s + r.not_after) AT TIME ZONE zone AS ends_at
    ) span
    WHERE fires_at < %(until)s AND ends_at > %(now)s
), banded AS MATERIALIZED (
    SELECT due_on, borrower_id, zone, CASE WHEN risky THEN 'high' WHEN safe THEN 'low' ELSE 'standard' END AS audience
    FROM (
        SELECT d.due_on, d.borrower_id, d.zone,
               bool_or(d.number = 1 OR l.missed_before > 0 OR EXISTS (
                   SELECT 1 FROM instalments p
                   WHERE p.loan_id = d.loan_id AND p.number < d.number
                     AND (p.outstanding_minor > 0 AND p.due_on < %(today)s OR p.met_on > p.due_on))) AS risky,
               bool_and(l.autopay OR d.number > 6) AS safe
        FROM placed d
        CROSS JOIN LATERAL (
            SELECT * FROM loans WHERE loans.loan_id = d.loan_id AND loans.status = 'active' OFFSET 0
        ) l
        WHERE (d.due_on, d.zone) IN (SELECT due_on, zone FROM firing)
        GROUP BY d.due_on, d.borrower_id, d.zone
    ) risks
), person AS MATERIALIZED (
    -- These look-ups are made once for each, and only for those of whom something is to be planned.
    SELECT banded.*, contact_month_base(due_on) AS month,
           ARRAY(SELECT DISTINCT cp.channel FROM contact_points cp
                 WHERE cp.borrower_id = banded.borrower_id AND cp.consent = 'granted' AND cp.invalid_since IS NULL
                 ORDER BY cp.channel) AS granted,
           ARRAY(SELECT c.rung FROM contacts c
                 WHERE c.borrower_id = banded.borrower_id AND c.due_on = banded.due_on AND c.cadence = %(cadence)s
                   AND c.due_on BETWEEN %(first_due)s AND %(last_due)s) AS planned
    FROM banded
    WHERE EXISTS (SELECT FROM rung r WHERE banded.audience = ANY (r.audiences))
), choice AS MATERIALIZED (
    -- The first channel the borrower agreed to; without any, the first of all, for the record of why not.
    SELECT granted, r.name, r.template, r.stop, r.priority,
           r.channels[place] AS channel, r.channels[place + 1:] AS next_channels
    FROM (SELECT DISTINCT granted FROM person) g
    CROSS JOIN rung r
    CROSS JOIN LATERAL (
        SELECT coalesce(min(o.place), 1)::integer AS place
        FROM unnest(r.channels) WITH ORDINALITY AS o (channel, place) WHERE o.channel = ANY (granted)
    ) pick
), planted AS (
    INSERT INTO contacts (contact_id, due_on, borrower_id, cadence, version, rung, channel, next_channels, audience,
                          template, stop, priority, scheduled_at, not_before, not_after, planned_at, state_at)
    SELECT p.month + nextval('contact_numbers'), p.due_on, p.borrower_id,
           %(cadence)s, %(version)s, f.name, c.channel, c.next_channels, p.audience,
           c.template, c.stop, c.priority, f.fires_at, f.fires_at, f.ends_at, %(now)s, %(now)s
    FROM person p
    JOIN firing f ON f.due_on = p.due_on AND f.zone = p.zone AND p.audience = ANY (f.audiences)
    JOIN choice c ON c.granted = p.granted AND c.name = f.name
    WHERE f.name <> ALL (p.planned)
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
