-- Invented people for an embedded database. Their numbers are reserved for fiction (555-01xx).

INSERT INTO public."User" (id, email, name, phone, role, active, department, specialty) VALUES
    ('a0000000-0000-4000-8000-000000000001', 'nora.reyes@example.com', 'Nora Reyes', '+12025550111', 'NURSE', true,
     'Transitions of Care', 'Cardiology'),
    ('a0000000-0000-4000-8000-000000000002', 'noah.abbott@example.com', 'Noah Abbott', '+12025550112', 'NURSE', true,
     'Transitions of Care', 'Pulmonology'),
    ('a0000000-0000-4000-8000-000000000003', 'nia.okafor@example.com', 'Nia Okafor', '(202) 555-0113', 'NURSE', true,
     'Transitions of Care', NULL),
    ('a0000000-0000-4000-8000-000000000005', 'adam.novak@example.com', 'Adam Novak', '+12025550131', 'ADMIN', true,
     NULL, NULL)
ON CONFLICT DO NOTHING;

-- Run whenever a system starts: one nurse has her shift, another is on call, and the third nurse's shift is over.
INSERT INTO public."NurseShift" (id, nurse_id, shift_start, shift_end, is_on_call, is_active) VALUES
    ('f0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001',
     now() - interval '1 hour', now() + interval '11 hours', false, true),
    ('f0000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000002',
     now() - interval '1 hour', now() + interval '23 hours', true, true),
    ('f0000000-0000-4000-8000-000000000003', 'a0000000-0000-4000-8000-000000000003',
     now() - interval '13 hours', now() - interval '1 hour', false, false)
ON CONFLICT (id) DO UPDATE SET shift_start = excluded.shift_start, shift_end = excluded.shift_end;

INSERT INTO public."Patient" (
    id, first_name, last_name, primary_phone, language_code, preferred_channel, state, zip,
    caregiver_name, caregiver_phone, caregiver_channel
) VALUES
    ('b0000000-0000-4000-8000-000000000001', 'Ellen', 'Marsh', '+12025550151', 'EN', 'SMS', 'NY', '10001',
     NULL, NULL, NULL),
    ('b0000000-0000-4000-8000-000000000002', 'Mateo', 'Ibarra', '+12025550152', 'ES', 'SMS', 'CA', '90001',
     'Luz Ibarra', '+12025550153', 'SMS')
ON CONFLICT DO NOTHING;

INSERT INTO public."SMSConsent" (phone_number, consent_given, active) VALUES
    ('+12025550151', true, true),
    ('+12025550152', true, true)
ON CONFLICT DO NOTHING;

INSERT INTO public."Episode" (id, patient_id, condition_code, risk_level, discharge_at, created_at) VALUES
    ('c0000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-000000000001', 'CHF', 'HIGH',
     now() - interval '1 day', now() - interval '1 day'),
    ('d0000000-0000-4000-8000-000000000002', 'b0000000-0000-4000-8000-000000000002', 'COPD', 'MEDIUM',
     now() - interval '2 days', now() - interval '2 days')
ON CONFLICT DO NOTHING;

INSERT INTO public."OutreachPlan" (
    id, episode_id, status, window_start_at, window_end_at, timezone, max_attempts
) VALUES
    ('e0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'PENDING',
     now(), now() + interval '2 days', 'America/New_York', 3),
    ('e0000000-0000-4000-8000-000000000002', 'd0000000-0000-4000-8000-000000000002', 'PENDING',
     now(), now() + interval '2 days', 'America/Los_Angeles', 3)
ON CONFLICT DO NOTHING;
