-- The slice of the application's schema that this project relies on. It exists in a real deployment; only embedded
-- databases get it from here.

CREATE TABLE IF NOT EXISTS "User" (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    first_name    text,
    last_name     text,
    primary_phone text,
    role          text,
    active        boolean DEFAULT true
);

CREATE TABLE IF NOT EXISTS "Patient" (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    first_name    text,
    last_name     text,
    primary_phone text,
    language_code text,
    timezone      text
);

CREATE TABLE IF NOT EXISTS "Episode" (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id     uuid,
    condition_code text,
    risk_level     text,
    discharge_at   timestamptz,
    created_at     timestamptz DEFAULT now()
);

CREATE TABLE IF NOT EXISTS "EscalationTask" (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    episode_id          uuid,
    severity            text,
    priority            text,
    reason_codes        text[],
    status              text DEFAULT 'OPEN',
    sla_due_at          timestamptz,
    assigned_to_user_id uuid,
    picked_up_at        timestamptz,
    resolved_at         timestamptz,
    created_at          timestamptz DEFAULT now(),
    updated_at          timestamptz DEFAULT now()
);

CREATE TABLE IF NOT EXISTS "NotificationLog" (
    id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    task_id  uuid,
    nurse_id uuid,
    method   text,
    status   text,
    sent_at  timestamptz
);
