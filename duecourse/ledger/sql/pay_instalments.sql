-- Add (or, for a reversal, take back) what payments met; the borrowers are locked.
UPDATE instalments i
SET principal_paid = i.principal_paid + d.principal, interest_paid = i.interest_paid + d.interest,
    fee_paid = i.fee_paid + d.fee, penalty_paid = i.penalty_paid + d.penalty,
    met_on = CASE WHEN i.outstanding_minor = d.principal + d.interest + d.fee + d.penalty THEN d.met_on END
FROM unnest(%(ids)s::bigint[], %(principal)s::bigint[], %(interest)s::bigint[], %(fee)s::bigint[],
            %(penalty)s::bigint[], %(met_on)s::date[])
    AS d (instalment_id, principal, interest, fee, penalty, met_on)
WHERE i.instalment_id = d.instalment_id
RETURNING i.borrower_id, i.due_on, i.outstanding_minor = 0
