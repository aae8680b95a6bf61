-- Take out what makes no sense beside what is known, and say why.
DELETE FROM incoming i
USING (
    SELECT row, CASE
        WHEN loan_id IS NULL THEN 'loan_external_id: no such loan'
        WHEN principal_due <> trunc(principal_due) THEN 'principal: finer than the minor unit of the loan''s currency'
        WHEN interest_due <> trunc(interest_due) THEN 'interest: finer than the minor unit of the loan''s currency'
        WHEN fee_due <> trunc(fee_due) THEN 'fee: finer than the minor unit of the loan''s currency'
        WHEN penalty_due <> trunc(penalty_due) THEN 'penalty: finer than the minor unit of the loan''s currency'
        WHEN paid_said <> trunc(paid_said) THEN 'paid: finer than the minor unit of the loan''s currency'
        WHEN principal_due < principal_met THEN 'principal: less than recorded payments have met'
        WHEN interest_due < interest_met THEN 'interest: less than recorded payments have met'
        WHEN fee_due < fee_met THEN 'fee: less than recorded payments have met'
        WHEN penalty_due < penalty_met THEN 'penalty: less than recorded payments have met'
        WHEN paid > due THEN 'paid: more than is due'
        WHEN met_on_said IS NOT NULL AND paid < due THEN 'met_on: set although something is left to pay'
        END AS problem
    FROM incoming
) p
WHERE i.row = p.row AND p.problem IS NOT NULL
RETURNING i.row, p.problem
