-- Where an empty cell may stand it says nothing; all else follows the file. The chunk's keys are unique.
INSERT INTO borrowers AS b (external_id, data_key_id, name_sealed, locale, country, region, time_zone, place_country,
                            place_region, zone_evidence, employer_forbids, underage, created_at, updated_at)
SELECT external_id, data_key_id, name_sealed, locale, country, region, time_zone, place_country, place_region,
       zone_evidence, employer_forbids, underage, %(now)s, %(now)s
FROM staged_borrowers
ON CONFLICT (external_id) DO UPDATE
SET name_sealed = EXCLUDED.name_sealed, locale = EXCLUDED.locale, country = EXCLUDED.country,
    region = coalesce(EXCLUDED.region, b.region), time_zone = coalesce(EXCLUDED.time_zone, b.time_zone),
    place_country = coalesce(EXCLUDED.place_country, b.place_country),
    -- A region belongs to its country: a new country without one takes the old region away.
    place_region = CASE WHEN EXCLUDED.place_country IS NULL THEN coalesce(EXCLUDED.place_region, b.place_region)
                        ELSE EXCLUDED.place_region END,
    zone_evidence = b.zone_evidence || EXCLUDED.zone_evidence,
    employer_forbids = coalesce(EXCLUDED.employer_forbids, b.employer_forbids),
    underage = coalesce(EXCLUDED.underage, b.underage),
    updated_at = EXCLUDED.updated_at
