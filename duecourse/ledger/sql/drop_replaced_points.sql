-- A new address on a channel replaces the old one: nobody is reached where they no longer are.
DELETE FROM contact_points p
USING staged_points s JOIN borrowers b USING (external_id)
WHERE p.borrower_id = b.borrower_id AND p.channel = s.channel AND p.address_index <> s.address_index
