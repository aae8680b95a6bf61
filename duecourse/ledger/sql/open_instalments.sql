-- The oldest unmet instalments of some loans, as a payment meets them.
-- `at_most` per loan bounds the read: a payment rarely reaches the second, and a loan may have sixty.
SELECT i.loan_id, i.instalment_id, i.due_on, i.number,
       i.principal_minor, i.interest_minor, i.fee_minor, i.penalty_minor,
       i.principal_paid, i.interest_paid, i.fee_paid, i.penalty_paid
FROM unnest(%(borrowers)s::bigint[], %(loans)s::bigint[]) AS asked (borrower_id, loan_id)
CROSS JOIN LATERAL (
    SELECT * FROM instalments one
    WHERE one.borrower_id = asked.borrower_id AND one.loan_id = asked.loan_id AND one.outstanding_minor > 0
    ORDER BY one.due_on, one.number
    LIMIT %(at_most)s
) i
