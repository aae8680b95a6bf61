-- What else the file says of an address that is known. An empty cell says nothing.
UPDATE contact_points p
SET country = coalesce(s.country, p.country), employer = coalesce(s.employer, p.employer),
    verified_at = greatest(s.verified_at, p.verified_at)
FROM staged_points s JOIN borrowers b USING (external_id)
WHERE p.borrower_id = b.borrower_id AND p.channel = s.channel AND p.address_index = s.address_index
  AND (p.country, p.employer, p.verified_at)
      IS DISTINCT FROM
      (coalesce(s.country, p.country), coalesce(s.employer, p.employer), greatest(s.verified_at, p.verified_at))
