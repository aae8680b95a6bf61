-- What kept contacts back: every verdict in the ledger of events that was no yes, by the rules that decided it.
-- A contact that was deferred and later refused counts under both.
-- A call that people were not let make has no contact, but a reference of its own.
SELECT CASE kind WHEN 'encounter.refused' THEN 'call' ELSE 'contact' END AS what,
       data -> 'verdict' ->> 'decision' AS decision, rule, citation, count(*) AS verdicts,
       count(DISTINCT coalesce(contact_id::text, data ->> 'reference')) AS contacts
FROM events
CROSS JOIN LATERAL jsonb_array_elements_text(data -> 'verdict' -> 'rules') AS rule
LEFT JOIN LATERAL (
    SELECT c AS citation FROM jsonb_array_elements(data -> 'verdict' -> 'citations') AS c
    WHERE c ->> 'rule' = rule ORDER BY c::text LIMIT 1
) cited ON true
WHERE data -> 'verdict' ->> 'decision' <> 'allow'
GROUP BY 1, 2, rule, citation
ORDER BY 1, 2, rule, citation::text
