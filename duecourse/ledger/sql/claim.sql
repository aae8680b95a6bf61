-- What the gate and the text need of each contact, in one read, after the borrowers are locked.
-- A released contact is claimed to be sent; an unknown one, past its waiting time, to be resolved.
SELECT c.contact_id, c.due_on, c.borrower_id, c.channel, c.state, c.template, c.stop, c.not_after,
       c.attempts, c.failures, c.fence, c.negatives,
       b.locale, b.time_zone, b.name_sealed, b.data_key_id, k.wrapped, k.master_version,
       p.contact_point_id, p.address_sealed, p.address_index, p.consent, p.invalid_since IS NULL AS address_valid,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'instalment_id', i.instalment_id, 'loan_id', l.loan_id, 'loan', l.external_id, 'number', i.number,
                   'minor', i.outstanding_minor, 'currency', i.currency, 'autopay', l.autopay)
                   ORDER BY l.external_id, i.number), '[]')
        FROM instalments i JOIN loans l USING (loan_id)
        WHERE i.borrower_id = c.borrower_id AND i.due_on = c.due_on AND i.outstanding_minor > 0
          AND l.status = 'active') AS items,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('hold_id', h.hold_id, 'loan_id', h.loan_id)), '[]')
        FROM holds h
        WHERE h.borrower_id = c.borrower_id AND h.released_at IS NULL
          AND h.starts_at <= %(now)s AND (h.ends_at IS NULL OR h.ends_at > %(now)s)) AS holds,
       EXISTS (SELECT 1 FROM opt_outs o
               WHERE o.borrower_id = c.borrower_id AND o.revoked_at IS NULL
                 AND (o.channel IS NULL OR o.channel = c.channel)) AS opted_out,
       last.provider, last.reference, last.idempotency_key, last.body_sealed, last.armed_at, last.number AS last_number
FROM contacts c
JOIN borrowers b USING (borrower_id)
LEFT JOIN data_keys k USING (data_key_id)
LEFT JOIN LATERAL (
    SELECT cp.* FROM contact_points cp
    WHERE cp.borrower_id = c.borrower_id AND cp.channel = c.channel
    ORDER BY cp.invalid_since IS NULL DESC, cp.consent = 'granted' DESC, cp.preference, cp.contact_point_id
    LIMIT 1
) p ON true
LEFT JOIN LATERAL (
    SELECT a.* FROM attempts a
    WHERE c.state = 'unknown' AND a.due_on = c.due_on AND a.contact_id = c.contact_id AND a.kind = 'send'
    ORDER BY a.number DESC LIMIT 1
) last ON true
WHERE c.due_on >= %(first)s AND c.due_on < %(last)s AND c.contact_id = ANY (%(ids)s)
  AND (c.state = 'released' OR (c.state = 'unknown' AND c.resolve_after <= %(lease)s))
ORDER BY c.contact_id
FOR UPDATE OF c
