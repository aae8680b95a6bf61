-- What happened to contacts in a span of lease time. The borrower's id finds the contact: it leads a unique index.
SELECT e.kind, c.channel, coalesce(e.data ->> 'provider', ''),
       coalesce(e.data ->> 'outcome', e.data #>> '{verdict,rules,0}', e.data ->> 'reason', ''), count(*)
FROM events e
JOIN contacts c ON c.borrower_id = e.borrower_id AND c.contact_id = e.contact_id
WHERE e.recorded_at > %(since)s AND e.recorded_at <= %(until)s AND e.contact_id IS NOT NULL
GROUP BY 1, 2, 3, 4
