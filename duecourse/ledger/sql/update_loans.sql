UPDATE loans l
SET principal_minor = s.principal_minor, issued_on = s.issued_on, product = coalesce(s.product, l.product),
    autopay = coalesce(s.autopay, l.autopay), status = coalesce(s.status, l.status),
    missed_before = coalesce(s.missed_before, l.missed_before), actor_role = coalesce(s.actor_role, l.actor_role),
    notices = l.notices || s.notices
FROM staged_loans s
WHERE l.external_id = s.external_id
  AND (l.principal_minor, l.issued_on, l.product, l.autopay, l.status, l.missed_before, l.actor_role, l.notices)
      IS DISTINCT FROM
      (s.principal_minor, s.issued_on, coalesce(s.product, l.product), coalesce(s.autopay, l.autopay),
       coalesce(s.status, l.status), coalesce(s.missed_before, l.missed_before), coalesce(s.actor_role, l.actor_role),
       l.notices || s.notices)
