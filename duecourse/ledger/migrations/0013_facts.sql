-- What rules ask that the book alone can tell: of the employer, of age, and of what the borrower was told beforehand.

ALTER TABLE borrowers
    ADD COLUMN employer_forbids boolean,
    ADD COLUMN underage boolean;
COMMENT ON COLUMN borrowers.employer_forbids IS 'the employer wants no such contacts at work; null: nobody knows';
COMMENT ON COLUMN borrowers.underage IS 'no adult by the law of residence; null: nobody knows. No date of birth is kept';

ALTER TABLE loans
    ADD COLUMN notices jsonb NOT NULL DEFAULT '{}'
        CHECK (notices - '{first_collection,agency_start,credit_reporting}'::text[] = '{}');
COMMENT ON COLUMN loans.notices IS 'what the borrower was told beforehand, and when: a word of NoticeBefore to a time';
