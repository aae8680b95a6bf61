-- An address that opted out stays silent, whomever it is imported for. Who opted out has that on record, and keeps the
-- consent that a start would go back to.
WITH silent AS (
    UPDATE contact_points p SET consent = 'withdrawn', consent_at = %(now)s, consent_source = 'suppressed-address'
    FROM staged_points s
    JOIN borrowers b USING (external_id)
    JOIN suppressed_addresses x
      ON x.channel = s.channel AND x.address_index = s.address_index AND x.lifted_at IS NULL
    WHERE p.borrower_id = b.borrower_id AND p.channel = s.channel AND p.address_index = s.address_index
      AND p.consent <> 'withdrawn'
      AND NOT EXISTS (
          SELECT FROM opt_outs o
          WHERE o.borrower_id = b.borrower_id AND o.revoked_at IS NULL AND (o.channel IS NULL OR o.channel = p.channel))
    RETURNING p.borrower_id, p.contact_point_id
)
INSERT INTO events (at, recorded_at, kind, actor, borrower_id, data)
SELECT %(now)s, %(lease)s, 'consent.withdrawn', %(actor)s, borrower_id,
       jsonb_build_object('contact_point_id', contact_point_id, 'rule', 'suppressed-address')
FROM silent
