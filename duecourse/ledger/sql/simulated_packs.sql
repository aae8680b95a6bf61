-- Every pack that was asked about any contact, and about how many.
SELECT pack, count(DISTINCT contact_id) AS contacts
FROM events CROSS JOIN LATERAL jsonb_array_elements_text(data -> 'verdict' -> 'packs') AS pack
GROUP BY pack ORDER BY pack
