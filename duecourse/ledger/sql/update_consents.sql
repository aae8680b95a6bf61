-- Of two words about consent the later counts. One without a date does not overrule one with a date, save a withdrawal.
UPDATE contact_points p
SET consent = s.consent, consent_at = s.consent_at, consent_source = s.consent_source
FROM staged_points s JOIN borrowers b USING (external_id)
WHERE p.borrower_id = b.borrower_id AND p.channel = s.channel AND p.address_index = s.address_index
  AND (p.consent_at IS NULL OR s.consent_at >= p.consent_at OR (s.consent_at IS NULL AND s.consent = 'withdrawn'))
  AND s.consent IS NOT NULL
  AND (p.consent, p.consent_at, p.consent_source) IS DISTINCT FROM (s.consent, s.consent_at, s.consent_source)
