-- What happened to contacts in a span of lease time. Its cost follows the events, not the contacts: one probe each,
-- in the one partition that the contact's id names, by the unique index that the borrower's id leads.
SELECT e.kind, c.channel, coalesce(e.data ->> 'provider', ''),
       coalesce(e.data ->> 'outcome', e.data #>> '{verdict,rules,0}', e.data ->> 'reason', ''), count(*)
FROM events e
CROSS JOIN LATERAL (
    SELECT channel FROM contacts
    WHERE borrower_id = e.borrower_id AND contact_id = e.contact_id
      AND due_on >= make_date((e.contact_id >> 36)::integer / 12, (e.contact_id >> 36)::integer %% 12 + 1, 1)
      AND due_on < make_date((e.contact_id >> 36)::integer / 12, (e.contact_id >> 36)::integer %% 12 + 1, 1)
                   + interval '1 month'
    LIMIT 1
) c
WHERE e.recorded_at > %(since)s AND e.recorded_at <= %(until)s AND e.contact_id IS NOT NULL
GROUP BY 1, 2, 3, 4
