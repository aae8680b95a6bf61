-- The staged rows beside what is known: amounts in minor units (numeric, as not yet checked), what recorded payments
-- have met (`met`), and what is to count as paid. A file may say more was paid than payments explain, never less.
CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS
SELECT r.*, r.principal_due + r.interest_due + r.fee_due + r.penalty_due AS due,
       CASE WHEN r.met > 0 THEN greatest(r.paid_before, r.paid_said) ELSE coalesce(r.paid_said, r.paid_before) END AS paid
FROM (
    SELECT s.row, l.loan_id, l.borrower_id, l.currency, s.number, s.due_on, s.met_on AS met_on_said,
           i.instalment_id, i.due_on AS due_before, i.outstanding_minor AS outstanding_before,
           i.met_on AS met_on_before,
           s.principal::numeric * u.scale AS principal_due,
           s.interest::numeric * u.scale AS interest_due,
           coalesce(s.fee::numeric * u.scale, i.fee_minor, 0) AS fee_due,
           coalesce(s.penalty::numeric * u.scale, i.penalty_minor, 0) AS penalty_due,
           s.paid::numeric * u.scale AS paid_said,
           coalesce(i.principal_paid + i.interest_paid + i.fee_paid + i.penalty_paid, 0) AS paid_before,
           coalesce(a.principal, 0) AS principal_met, coalesce(a.interest, 0) AS interest_met,
           coalesce(a.fee, 0) AS fee_met, coalesce(a.penalty, 0) AS penalty_met, coalesce(a.total, 0) AS met
    FROM staged_instalments s
    LEFT JOIN loans l ON l.external_id = s.loan_external_id
    LEFT JOIN instalments i ON i.loan_id = l.loan_id AND i.number = s.number
    LEFT JOIN unnest(%(currencies)s::text[], %(exponents)s::integer[]) AS e (currency, exponent)
        ON e.currency = l.currency
    CROSS JOIN LATERAL (SELECT (10::numeric ^ coalesce(e.exponent, 2))::numeric(8, 0) AS scale) u
    LEFT JOIN LATERAL (
        SELECT sum(amount_minor) AS total,
               sum(amount_minor) FILTER (WHERE component = 'principal') AS principal,
               sum(amount_minor) FILTER (WHERE component = 'interest') AS interest,
               sum(amount_minor) FILTER (WHERE component = 'fee') AS fee,
               sum(amount_minor) FILTER (WHERE component = 'penalty') AS penalty
        FROM allocations WHERE instalment_id = i.instalment_id AND NOT reversed
    ) a ON i.instalment_id IS NOT NULL
) r
