-- The contacts themselves, after their borrowers are locked, with what is sealed and where each may be reached.
-- A released contact is claimed to be sent; an unknown one, past its waiting time, to be resolved.
-- One that was there when processes died is claimed alone only: see ledger/trials.py.
-- The lock is taken by id alone: with the states beside it Postgres reads all that is released in order to find these.
WITH c AS MATERIALIZED (
    SELECT contact_id, due_on, borrower_id, channel, state, cadence, template, stop, not_after, attempts, failures, fence,
           negatives, resolve_after, crashes
    FROM contacts
    WHERE due_on >= %(first)s AND due_on < %(last)s AND contact_id = ANY (%(ids)s)
    ORDER BY contact_id
    FOR UPDATE
)
SELECT c.*, b.locale, b.time_zone, nullif(b.zone_evidence, '{}')::text AS zone_evidence, b.country, b.region,
       b.place_country, b.place_region, b.employer_forbids, b.underage, b.name_sealed, b.data_key_id, k.wrapped,
       k.master_version,
       p.contact_point_id, p.address_sealed, p.address_index, p.consent, p.invalid_since IS NULL AS address_valid,
       p.country AS carrier_country, p.employer, p.verified_at,
       -- As long ago as it may be: few addresses are an employer's.
       CASE WHEN p.employer THEN EXISTS (
           SELECT FROM encounters e
           WHERE e.borrower_id = c.borrower_id AND e.address_index = p.address_index AND e.direction = 'inbound'
             AND e.state = 'recorded') END AS employer_used,
       oldest.due_on AS oldest_unmet,
       last.provider, last.reference, last.idempotency_key, last.body_sealed, last.armed_at, last.number AS last_number
FROM c
JOIN borrowers b USING (borrower_id)
LEFT JOIN data_keys k USING (data_key_id)
LEFT JOIN LATERAL (
    SELECT cp.contact_point_id, cp.address_sealed, cp.address_index, cp.consent, cp.invalid_since, cp.country,
           cp.employer, cp.verified_at
    FROM contact_points cp
    WHERE cp.borrower_id = c.borrower_id AND cp.channel = c.channel
    ORDER BY cp.invalid_since IS NULL DESC, cp.consent = 'granted' DESC, cp.preference, cp.contact_point_id
    LIMIT 1
) p ON true
LEFT JOIN LATERAL (
    SELECT i.due_on FROM instalments i JOIN loans l USING (loan_id)
    WHERE i.borrower_id = c.borrower_id AND i.outstanding_minor > 0 AND l.status = 'active'
    ORDER BY i.due_on LIMIT 1
) oldest ON true
LEFT JOIN LATERAL (
    SELECT a.* FROM attempts a
    WHERE c.state = 'unknown' AND a.due_on = c.due_on AND a.contact_id = c.contact_id AND a.kind = 'send'
    ORDER BY a.number DESC LIMIT 1
) last ON true
WHERE (c.state = 'released' OR (c.state = 'unknown' AND c.resolve_after <= %(lease)s)) AND c.crashes < %(crashes)s
ORDER BY c.contact_id
