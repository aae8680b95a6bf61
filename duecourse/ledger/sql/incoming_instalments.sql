-- The staged rows beside what is known: amounts in minor units, what recorded payments have met (`met`), and what is
-- to count as paid. A file may say more was paid than payments explain, never less.
CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS
WITH scaled AS (
    SELECT s.row, l.loan_id, l.borrower_id, l.currency, s.number, s.due_on, s.met_on AS met_on_said,
           s.principal::numeric * u.scale AS principal, s.interest::numeric * u.scale AS interest,
           s.fee::numeric * u.scale AS fee, s.penalty::numeric * u.scale AS penalty,
           s.paid::numeric * u.scale AS paid
    FROM staged_instalments s
    LEFT JOIN loans l ON l.external_id = s.loan_external_id
    LEFT JOIN (
        SELECT e.currency, (10::numeric ^ e.exponent)::numeric(8, 0) AS scale
        FROM unnest(%(currencies)s::text[], %(exponents)s::integer[]) AS e (currency, exponent)
    ) o ON o.currency = l.currency
    CROSS JOIN LATERAL (SELECT coalesce(o.scale, 100) AS scale) u
), known AS (
    SELECT i.*, i.principal_paid + i.interest_paid + i.fee_paid + i.penalty_paid AS paid
    FROM scaled s JOIN instalments i ON i.loan_id = s.loan_id AND i.number = s.number
), met AS (
    SELECT instalment_id, sum(a.amount_minor)::bigint AS total,
           sum(a.amount_minor) FILTER (WHERE a.component = 'principal')::bigint AS principal,
           sum(a.amount_minor) FILTER (WHERE a.component = 'interest')::bigint AS interest,
           sum(a.amount_minor) FILTER (WHERE a.component = 'fee')::bigint AS fee,
           sum(a.amount_minor) FILTER (WHERE a.component = 'penalty')::bigint AS penalty
    FROM known k JOIN allocations a USING (instalment_id) WHERE NOT a.reversed GROUP BY instalment_id
)
SELECT p.*,
       CASE
           WHEN loan_id IS NULL THEN 'loan_external_id: no such loan'
           WHEN too_fine IS NOT NULL THEN too_fine || ': finer than the minor unit of the loan''s currency'
           WHEN principal_due < principal_met THEN 'principal: less than recorded payments have met'
           WHEN interest_due < interest_met THEN 'interest: less than recorded payments have met'
           WHEN fee_due < fee_met THEN 'fee: less than recorded payments have met'
           WHEN penalty_due < penalty_met THEN 'penalty: less than recorded payments have met'
           WHEN paid > due THEN 'paid: more than is due'
           WHEN met_on_said IS NOT NULL AND paid < due THEN 'met_on: set although something is left to pay'
       END AS problem
FROM (
    SELECT r.*, r.principal_due + r.interest_due + r.fee_due + r.penalty_due AS due,
           CASE
               WHEN r.met > 0 THEN greatest(r.paid_before, r.paid_said)
               ELSE coalesce(r.paid_said, r.paid_before)
           END AS paid
    FROM (
        SELECT s.row, s.loan_id, s.borrower_id, s.currency, s.number, s.due_on, s.met_on_said,
               k.instalment_id, k.due_on AS due_before, k.outstanding_minor AS outstanding_before,
               k.met_on AS met_on_before, s.paid::bigint AS paid_said, coalesce(k.paid, 0) AS paid_before,
               s.principal::bigint AS principal_due, s.interest::bigint AS interest_due,
               coalesce(s.fee::bigint, k.fee_minor, 0) AS fee_due,
               coalesce(s.penalty::bigint, k.penalty_minor, 0) AS penalty_due,
               coalesce(m.principal, 0) AS principal_met, coalesce(m.interest, 0) AS interest_met,
               coalesce(m.fee, 0) AS fee_met, coalesce(m.penalty, 0) AS penalty_met, coalesce(m.total, 0) AS met,
               CASE
                   WHEN s.principal <> trunc(s.principal) THEN 'principal'
                   WHEN s.interest <> trunc(s.interest) THEN 'interest'
                   WHEN s.fee <> trunc(s.fee) THEN 'fee'
                   WHEN s.penalty <> trunc(s.penalty) THEN 'penalty'
                   WHEN s.paid <> trunc(s.paid) THEN 'paid'
               END AS too_fine
        FROM scaled s LEFT JOIN known k USING (loan_id, number) LEFT JOIN met m USING (instalment_id)
    ) r
) p
