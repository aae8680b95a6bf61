INSERT INTO instalments (loan_id, borrower_id, number, due_on, currency, principal_minor, interest_minor, fee_minor,
                         penalty_minor, principal_paid, interest_paid, fee_paid, penalty_paid, met_on)
SELECT i.loan_id, i.borrower_id, i.number, i.due_on, i.currency, i.principal_due, i.interest_due, i.fee_due,
       i.penalty_due, {principal_paid}, {interest_paid}, {fee_paid}, {penalty_paid},
       CASE WHEN i.paid = i.due THEN coalesce(i.met_on_said, least(i.due_on, %(today)s)) END
FROM incoming i WHERE i.instalment_id IS NULL
