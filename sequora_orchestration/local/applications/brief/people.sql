-- Invented people for an embedded database. Their numbers are reserved for fiction (555-01xx).

INSERT INTO "User" (id, first_name, last_name, primary_phone, role, active) VALUES
    ('a0000000-0000-4000-8000-000000000001', 'Nora',  'Reyes',   '+12025550111', 'NURSE',      true),
    ('a0000000-0000-4000-8000-000000000002', 'Noah',  'Abbott',  '+12025550112', 'NURSE',      true),
    ('a0000000-0000-4000-8000-000000000003', 'Nia',   'Okafor',  '(202) 555-0113', 'NURSE',    true),
    ('a0000000-0000-4000-8000-000000000004', 'Sofia', 'Lindqvist', '+12025550121', 'SUPERVISOR', true),
    ('a0000000-0000-4000-8000-000000000005', 'Adam',  'Novak',   '+12025550131', 'ADMIN',      true)
ON CONFLICT DO NOTHING;

INSERT INTO "Patient" (id, first_name, last_name, primary_phone, language_code, timezone) VALUES
    ('b0000000-0000-4000-8000-000000000001', 'Ellen', 'Marsh',  '+12025550151', 'EN', 'America/New_York'),
    ('b0000000-0000-4000-8000-000000000002', 'Mateo', 'Ibarra', '+12025550152', 'ES', 'America/Los_Angeles')
ON CONFLICT DO NOTHING;

INSERT INTO "Episode" (id, patient_id, condition_code, risk_level, discharge_at, created_at) VALUES
    ('c0000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001', 'CHF', 'HIGH',
     now() - interval '1 day', now() - interval '1 day'),
    ('d0000000-0000-4000-8000-000000000002', 'b0000000-0000-4000-8000-000000000002', 'COPD', 'MODERATE',
     now() - interval '2 days', now() - interval '2 days')
ON CONFLICT DO NOTHING;
