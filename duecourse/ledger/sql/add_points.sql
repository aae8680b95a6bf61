INSERT INTO contact_points (borrower_id, channel, address_sealed, address_index, consent, consent_at, consent_source,
                            country, employer, verified_at)
SELECT b.borrower_id, s.channel, s.address_sealed, s.address_index, coalesce(s.consent, 'unknown'), s.consent_at,
       s.consent_source, s.country, coalesce(s.employer, false), s.verified_at
FROM staged_points s JOIN borrowers b USING (external_id)
ON CONFLICT (borrower_id, channel, address_index) DO NOTHING
