-- What waits, by channel: one partial index per branch, far partitions left out.
SELECT channel, 'ready', count(*), extract(epoch FROM %(now)s - min(not_before))::float8
FROM contacts
WHERE state = 'planned' AND not_before <= %(now)s AND due_on BETWEEN %(oldest)s AND %(newest)s
GROUP BY channel
UNION ALL
SELECT channel, 'released', count(*), extract(epoch FROM %(lease)s - min(released_at))::float8
FROM contacts
WHERE state = 'released' AND due_on BETWEEN %(oldest)s AND %(newest)s
GROUP BY channel
UNION ALL
SELECT channel, 'sending', count(*), extract(epoch FROM %(now)s - min(state_at))::float8
FROM contacts
WHERE state = 'sending' AND due_on BETWEEN %(oldest)s AND %(newest)s
GROUP BY channel
UNION ALL
SELECT channel, 'unknown', count(*), extract(epoch FROM %(now)s - min(state_at))::float8
FROM contacts
WHERE state = 'unknown' AND due_on BETWEEN %(oldest)s AND %(newest)s
GROUP BY channel
