-- How long contacts took between stages, for those whose later stage was recorded in a span of lease time.
-- From due to released is business time; after that, real time, which is the same unless the clock is stepped.
WITH fresh AS MATERIALIZED (
    SELECT e.event_id, e.kind, e.at, e.recorded_at, e.contact_id, c.channel,
           CASE WHEN c.step = 1 THEN greatest(c.scheduled_at, c.planned_at) ELSE c.planned_at END AS due_at
    FROM events e
    CROSS JOIN LATERAL (
        SELECT channel, step, scheduled_at, planned_at FROM contacts
        WHERE borrower_id = e.borrower_id AND contact_id = e.contact_id
          AND due_on >= make_date((e.contact_id >> 36)::integer / 12, (e.contact_id >> 36)::integer %% 12 + 1, 1)
          AND due_on < make_date((e.contact_id >> 36)::integer / 12, (e.contact_id >> 36)::integer %% 12 + 1, 1)
                       + interval '1 month'
        LIMIT 1
    ) c
    WHERE e.recorded_at > %(since)s AND e.recorded_at <= %(until)s
      AND e.kind IN ('contact.released', 'contact.accepted', 'contact.delivered')
), taken AS (
    -- The first release only: a retry is late on purpose.
    SELECT f.channel, 'due_to_released' AS stage, extract(epoch FROM f.at - f.due_at)::float8 AS seconds
    FROM fresh f
    WHERE f.kind = 'contact.released' AND NOT EXISTS (
        SELECT FROM events e
        WHERE e.contact_id = f.contact_id AND e.kind = 'contact.released' AND e.event_id < f.event_id)
    UNION ALL
    SELECT f.channel, 'released_to_accepted', extract(epoch FROM f.recorded_at - r.recorded_at)::float8
    FROM fresh f
    CROSS JOIN LATERAL (
        SELECT max(e.recorded_at) AS recorded_at FROM events e
        WHERE e.contact_id = f.contact_id AND e.kind = 'contact.released' AND e.event_id < f.event_id) r
    WHERE f.kind = 'contact.accepted' AND r.recorded_at IS NOT NULL
    UNION ALL
    SELECT f.channel, 'accepted_to_delivered', extract(epoch FROM f.recorded_at - a.recorded_at)::float8
    FROM fresh f
    CROSS JOIN LATERAL (
        SELECT min(e.recorded_at) AS recorded_at FROM events e
        WHERE e.contact_id = f.contact_id AND e.kind = 'contact.accepted' AND e.event_id < f.event_id) a
    WHERE f.kind = 'contact.delivered' AND a.recorded_at IS NOT NULL
)
SELECT channel, stage, (SELECT count(*) FROM unnest(%(bounds)s::float8[]) AS b (bound) WHERE b.bound < seconds)::integer,
       count(*), sum(greatest(seconds, 0))::float8
FROM taken
GROUP BY 1, 2, 3
