-- An empty region or zone says nothing; all else follows the file. The chunk's keys are unique.
INSERT INTO borrowers AS b (external_id, data_key_id, name_sealed, locale, country, region, time_zone, created_at,
                            updated_at)
SELECT external_id, data_key_id, name_sealed, locale, country, region, time_zone, %(now)s, %(now)s
FROM staged_borrowers
ON CONFLICT (external_id) DO UPDATE
SET name_sealed = EXCLUDED.name_sealed, locale = EXCLUDED.locale, country = EXCLUDED.country,
    region = coalesce(EXCLUDED.region, b.region), time_zone = coalesce(EXCLUDED.time_zone, b.time_zone),
    updated_at = EXCLUDED.updated_at
