INSERT INTO loans (external_id, borrower_id, product, currency, principal_minor, issued_on, autopay, status,
                   missed_before, actor_role, notices)
SELECT s.external_id, b.borrower_id, coalesce(s.product, 'instalment'), s.currency, s.principal_minor, s.issued_on,
       coalesce(s.autopay, false), coalesce(s.status, 'active'), coalesce(s.missed_before, 0),
       s.actor_role, s.notices
FROM staged_loans s JOIN borrowers b ON b.external_id = s.borrower_external_id
ON CONFLICT (external_id) DO NOTHING
