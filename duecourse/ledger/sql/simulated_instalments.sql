-- Instalments of a span of due dates as they stand at the end of a simulation, whose last day is %(last)s, excluded.
SELECT i.currency,
       count(*) AS due,
       count(*) FILTER (WHERE met_on <= due_on) AS on_time,
       count(*) FILTER (WHERE met_on > due_on) AS cured,
       count(*) FILTER (WHERE met_on IS NULL) AS open,
       sum(i.principal_minor + i.interest_minor + i.fee_minor + i.penalty_minor)::bigint AS due_minor,
       sum(i.principal_minor + i.interest_minor + i.fee_minor + i.penalty_minor) FILTER (WHERE met_on <= due_on)::bigint
           AS on_time_minor,
       sum(outstanding_minor)::bigint AS open_minor
FROM instalments i JOIN loans l ON l.loan_id = i.loan_id
WHERE i.due_on >= %(first)s AND i.due_on < %(last)s AND l.status = 'active'
GROUP BY i.currency ORDER BY i.currency
