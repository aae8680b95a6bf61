-- Every contact of a simulation, counted: a database of its own holds no other.
SELECT cadence, rung, channel, audience, state, coalesce(reason, '') AS reason, count(*) AS contacts,
       sum(attempts)::bigint AS attempts
FROM contacts
GROUP BY cadence, rung, channel, audience, state, coalesce(reason, '')
ORDER BY cadence, rung, channel, audience, state, coalesce(reason, '')
