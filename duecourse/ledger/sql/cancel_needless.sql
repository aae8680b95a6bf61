-- Contacts about due dates that have nothing left to pay; the borrowers are locked, so a claim comes before or after.
WITH cancelled AS (
    UPDATE contacts c SET state = 'cancelled', reason = %(reason)s, state_at = %(now)s
    FROM unnest(%(borrowers)s::bigint[], %(dates)s::date[]) AS met (borrower_id, due_on)
    WHERE c.borrower_id = met.borrower_id AND c.due_on = met.due_on
      AND c.due_on BETWEEN %(first)s AND %(last)s AND c.state IN ('planned', 'released')
      AND NOT EXISTS (
          SELECT FROM instalments i JOIN loans l USING (loan_id)
          WHERE i.borrower_id = met.borrower_id AND i.due_on = met.due_on AND i.outstanding_minor > 0
            AND l.status = 'active')
    RETURNING c.contact_id, c.borrower_id
), logged AS (
    INSERT INTO events (at, recorded_at, kind, actor, contact_id, borrower_id, data)
    SELECT %(now)s, %(lease)s, 'contact.cancelled', %(actor)s, contact_id, borrower_id, jsonb_build_object('reason', %(reason)s::text)
    FROM cancelled
)
SELECT contact_id, borrower_id FROM cancelled
