-- The questions of `sequora doctor` about the languages of patients, through the views of the map in force. Reading
-- changes nothing: each is safe to run twice.

-- name: recent_patients
-- The patients of the newest episodes, at most :most of them. The index by which check-ins are found serves; the upper
-- bound is always true, and tells the planner that few rows are meant, as there.
SELECT DISTINCT newest.patient_id
FROM (
    SELECT e.patient_id
    FROM orchestration.care_episode e
    WHERE e.created_at >= orchestration.clock() - make_interval(days => :days)
      AND e.created_at <= (SELECT timestamptz 'infinity')
    ORDER BY e.created_at DESC
    LIMIT :most
) AS newest
WHERE newest.patient_id IS NOT NULL;

-- name: language_codes
-- One row for each patient who may be texted. A code that is longer than any tag may be anything that somebody typed.
SELECT left(p.language_code, 100) AS language_code
FROM orchestration.care_patient p
WHERE p.key = ANY (:ids) AND p.may_be_texted;
