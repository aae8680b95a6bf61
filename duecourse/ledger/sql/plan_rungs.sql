-- The rungs of one day before or after the due date, over one page of what is due: contacts and their events.
-- One read of a borrower serves all rungs, what few share is worked out once, and no step's cost follows the book.
-- Every table is read by one list of the page's keys: Postgres goes through its index once, from key to key, instead of
-- from the root for each. Nested loops are off here: the length of a list is guessed as ten, and each would be compared
-- with each.
-- The audience rule is the twin of risk/audience.py; a test keeps the two equal.
WITH rung AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rungs)s) AS r (
        name text, at time, not_after time, lasts_days integer, weekdays integer[], channels text[], audiences text[],
        template text, stop text[], priority smallint)
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
    -- An unknown zone is planned in UTC and refused by the gate, so that the record says why.
    SELECT due.*, coalesce(b.time_zone, 'UTC') AS zone
    FROM due
    JOIN borrowers b USING (borrower_id)
    WHERE b.borrower_id = ANY (ARRAY(SELECT borrower_id FROM due))
), firing AS MATERIALIZED (
    -- Of each day and zone: there are few, and an instant in a zone is dear.
    SELECT kind.due_on, kind.zone, r.name, fires_at, ends_at
    FROM (SELECT DISTINCT due_on, zone FROM placed) kind
    CROSS JOIN rung r
    CROSS JOIN LATERAL (
        SELECT (due_on + %(offset_days)s + r.at) AT TIME ZONE zone AS fires_at,
               (due_on + %(offset_days)s + r.lasts_days + r.not_after) AT TIME ZONE zone AS ends_at
    ) span
    WHERE fires_at < %(until)s AND ends_at > %(now)s
      AND (r.weekdays IS NULL OR extract(isodow FROM due_on)::integer = ANY (r.weekdays))
), timely AS MATERIALIZED (
    SELECT * FROM placed WHERE (due_on, zone) IN (SELECT due_on, zone FROM firing)
), banded AS MATERIALIZED (
    SELECT due_on, borrower_id, zone, CASE WHEN risky THEN 'high' WHEN safe THEN 'low' ELSE 'standard' END AS audience
    FROM (
        SELECT d.due_on, d.borrower_id, min(d.zone) AS zone,
               bool_or(d.number = 1 OR l.missed_before > 0 OR EXISTS (
                   SELECT 1 FROM instalments p
                   WHERE p.loan_id = d.loan_id AND p.number < d.number
                     AND (p.outstanding_minor > 0 AND p.due_on < %(today)s OR p.met_on > p.due_on))) AS risky,
               bool_and(l.autopay OR d.number > 6) AS safe
        FROM timely d
        JOIN loans l USING (loan_id)
        WHERE l.loan_id = ANY (ARRAY(SELECT loan_id FROM timely)) AND l.status = 'active'
        GROUP BY d.due_on, d.borrower_id
    ) risks
), meant AS MATERIALIZED (
    SELECT * FROM banded WHERE audience = ANY (ARRAY(SELECT DISTINCT unnest(audiences) FROM rung))
), person AS MATERIALIZED (
    SELECT meant.*, coalesce(point.granted, '{}') AS granted, coalesce(preferences.channels, '{}') AS wanted
    FROM meant
    LEFT JOIN (
        SELECT borrower_id, array_agg(channel) AS granted FROM contact_points
        WHERE borrower_id = ANY (ARRAY(SELECT borrower_id FROM meant)) AND consent = 'granted' AND invalid_since IS NULL
        GROUP BY borrower_id
    ) point USING (borrower_id)
    LEFT JOIN (
        SELECT borrower_id, channels FROM preferences WHERE borrower_id = ANY (ARRAY(SELECT borrower_id FROM meant))
    ) preferences USING (borrower_id)
), planned AS MATERIALIZED (
    SELECT borrower_id, due_on, rung AS name FROM contacts
    WHERE borrower_id = ANY (ARRAY(SELECT borrower_id FROM meant)) AND cadence = %(cadence)s
      AND due_on BETWEEN %(first_due)s AND %(last_due)s
), kind AS MATERIALIZED (
    -- Few: what is worked out for a kind is worked out once for all of its borrowers.
    SELECT due_on, zone, audience, granted, wanted, array_agg(borrower_id) AS borrowers
    FROM person GROUP BY due_on, zone, audience, granted, wanted
), draft AS MATERIALIZED (
    -- All that the contacts of a kind have in common, their event's data, too.
    -- The first channel the borrower agreed to, the best liked first; without any, the first of all, for the record of
    -- why not.
    SELECT kind.*, contact_month_base(due_on) AS month, r.name, r.template, r.stop, r.priority,
           r.channels[place] AS channel, fires_at, ends_at,
           CASE WHEN wanted = '{}' THEN r.channels[place + 1:] ELSE array_remove(r.channels, r.channels[place]) END
               AS next_channels,
           jsonb_build_object('rung', r.name, 'channel', r.channels[place], 'audience', audience, 'due_on', due_on)
               AS data
    FROM kind
    JOIN firing USING (due_on, zone)
    JOIN rung r ON r.name = firing.name AND audience = ANY (r.audiences)
    CROSS JOIN LATERAL (
        SELECT coalesce((
            SELECT o.place FROM unnest(r.channels) WITH ORDINALITY AS o (channel, place) WHERE o.channel = ANY (granted)
            ORDER BY array_position(wanted, o.channel), o.place LIMIT 1), 1)::integer AS place
    ) pick
), born AS MATERIALIZED (
    -- Made before both inserts, so that none has to hand its rows to the other.
    SELECT month + nextval('contact_numbers') AS contact_id, borrower_id, draft.due_on, name, channel, next_channels,
           draft.audience, template, stop, priority, fires_at, ends_at, data
    FROM draft CROSS JOIN LATERAL unnest(borrowers) AS person (borrower_id)
    WHERE NOT EXISTS (
        SELECT FROM planned p
        WHERE p.borrower_id = person.borrower_id AND p.due_on = draft.due_on AND p.name = draft.name)
), planted AS (
    INSERT INTO contacts (contact_id, due_on, borrower_id, cadence, version, rung, channel, next_channels, audience,
                          template, stop, priority, scheduled_at, not_before, not_after, planned_at, state_at)
    SELECT contact_id, due_on, borrower_id, %(cadence)s, %(version)s, name, channel, next_channels, audience,
           template, stop, priority, fires_at, fires_at, ends_at, %(now)s, %(now)s
    FROM born
), logged AS (
    INSERT INTO events (at, recorded_at, kind, actor, contact_id, borrower_id, data)
    SELECT %(now)s, %(lease)s, 'contact.planned', %(actor)s, contact_id, borrower_id, data FROM born
)
SELECT (SELECT jsonb_object_agg(name, many) FROM (SELECT name, count(*) AS many FROM born GROUP BY name) b),
       (SELECT count(*) FROM due), due_on, borrower_id
FROM due ORDER BY due_on DESC, borrower_id DESC LIMIT 1
