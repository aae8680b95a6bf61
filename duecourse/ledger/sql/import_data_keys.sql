-- The new borrowers' data keys, under the ids that their values are already sealed for.
INSERT INTO data_keys (data_key_id, purpose, wrapped, master_version)
SELECT data_key_id, 'borrower', wrapped, master_version FROM staged_borrowers WHERE wrapped IS NOT NULL
