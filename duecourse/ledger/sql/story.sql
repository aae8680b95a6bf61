-- One contact as it stands, found in its partition by the month that its id carries.
SELECT c.contact_id, c.due_on, c.borrower_id, b.external_id AS borrower, c.cadence, c.version, c.rung, c.channel,
       c.next_channels, c.audience, c.template, c.stop, c.priority, c.state, c.reason, c.scheduled_at, c.not_before,
       c.not_after, c.planned_at, c.state_at, c.released_at, c.attempts, c.failures, c.crashes, c.fence, c.owner,
       c.lease_until, c.resolve_after, c.negatives
FROM contacts c
JOIN borrowers b USING (borrower_id)
WHERE c.due_on >= %(first)s AND c.due_on < %(last)s AND c.contact_id = %(id)s
