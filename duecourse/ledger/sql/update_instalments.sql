-- The day something was met is the file's, else the known one, else the due date or today, whichever came first.
UPDATE instalments t
SET due_on = n.due_on, principal_minor = n.principal_due, interest_minor = n.interest_due, fee_minor = n.fee_due,
    penalty_minor = n.penalty_due, principal_paid = n.principal_paid, interest_paid = n.interest_paid,
    fee_paid = n.fee_paid, penalty_paid = n.penalty_paid, met_on = n.met_on
FROM (
    SELECT i.*, {principal_paid} AS principal_paid, {interest_paid} AS interest_paid, {fee_paid} AS fee_paid,
           {penalty_paid} AS penalty_paid,
           CASE WHEN i.paid = i.due
                THEN coalesce(i.met_on_said, i.met_on_before, least(i.due_on, %(today)s)) END AS met_on
    FROM incoming i WHERE i.instalment_id IS NOT NULL
) n
WHERE t.instalment_id = n.instalment_id
  AND (t.due_on, t.principal_minor, t.interest_minor, t.fee_minor, t.penalty_minor,
       t.principal_paid, t.interest_paid, t.fee_paid, t.penalty_paid, t.met_on)
      IS DISTINCT FROM
      (n.due_on, n.principal_due, n.interest_due, n.fee_due, n.penalty_due,
       n.principal_paid, n.interest_paid, n.fee_paid, n.penalty_paid, n.met_on)
