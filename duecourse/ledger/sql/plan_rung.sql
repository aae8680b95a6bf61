-- One rung over one page of what is due: contacts and their events. Idempotent by the keys of contacts.
-- The audience rule is the twin of risk/audience.py; a test keeps the two equal.
WITH page AS (
    SELECT i.due_on, i.borrower_id,
           bool_or(i.number = 1 OR l.missed_before > 0 OR EXISTS (
               SELECT 1 FROM instalments p
               WHERE p.loan_id = i.loan_id AND p.number < i.number
                 AND (p.outstanding_minor > 0 AND p.due_on < %(today)s OR p.met_on > p.due_on))) AS risky,
           bool_and(l.autopay OR i.number > 6) AS safe
    FROM instalments i
    JOIN loans l ON l.loan_id = i.loan_id AND l.status = 'active'
    WHERE i.outstanding_minor > 0
      AND i.due_on BETWEEN %(first_due)s AND %(last_due)s
      AND (i.due_on, i.borrower_id) > (%(after_due)s, %(after_borrower)s)
    GROUP BY i.due_on, i.borrower_id
    ORDER BY i.due_on, i.borrower_id
    LIMIT %(page)s
), due AS (
    SELECT page.due_on, page.borrower_id,
           CASE WHEN risky THEN 'high' WHEN safe THEN 'low' ELSE 'standard' END AS audience,
           -- An unknown zone is planned in UTC and refused by the gate, so that the record says why.
           (page.due_on + %(offset_days)s + %(at)s) AT TIME ZONE coalesce(b.time_zone, 'UTC') AS fires_at,
           (page.due_on + %(offset_days)s + %(not_after)s) AT TIME ZONE coalesce(b.time_zone, 'UTC') AS not_after
    FROM page
    JOIN borrowers b USING (borrower_id)
), planted AS (
    INSERT INTO contacts (contact_id, due_on, borrower_id, cadence, version, rung, channel, next_channels, audience,
                          template, stop, priority, scheduled_at, not_before, not_after, planned_at, state_at)
    SELECT contact_month_base(due.due_on) + nextval('contact_numbers'), due.due_on, due.borrower_id,
           %(cadence)s, %(version)s, %(rung)s,
           (%(channels)s::text[])[pick.place], (%(channels)s::text[])[pick.place + 1:], due.audience,
           %(template)s, %(stop)s, %(priority)s, due.fires_at, due.fires_at, due.not_after, %(now)s, %(now)s
    FROM due
    -- The first channel the borrower agreed to; without any, the first of all, for the record of why not.
    CROSS JOIN LATERAL (
        SELECT coalesce(min(p.place), 1)::integer AS place
        FROM unnest(%(channels)s::text[]) WITH ORDINALITY AS p (channel, place)
        WHERE EXISTS (
            SELECT 1 FROM contact_points cp
            WHERE cp.borrower_id = due.borrower_id AND cp.channel = p.channel
              AND cp.consent = 'granted' AND cp.invalid_since IS NULL)
    ) pick
    WHERE due.audience = ANY (%(audiences)s)
      AND due.fires_at < %(until)s AND due.not_after > %(now)s
    ON CONFLICT DO NOTHING
    RETURNING contact_id, borrower_id, due_on, rung, channel, audience
), logged AS (
    INSERT INTO events (at, recorded_at, kind, actor, contact_id, borrower_id, data)
    SELECT %(now)s, %(lease)s, 'contact.planned', %(actor)s, contact_id, borrower_id,
           jsonb_build_object('rung', rung, 'channel', channel, 'audience', audience, 'due_on', due_on)
    FROM planted
)
SELECT (SELECT count(*) FROM planted), count(*), max(due_on),
       (SELECT max(borrower_id) FROM page WHERE due_on = (SELECT max(due_on) FROM page))
FROM page
