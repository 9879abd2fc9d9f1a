-- The tables of Sequora's own application, as far as they bear on this project. They exist in a real deployment; only
-- embedded databases get them from here. A column that is NOT NULL there is NOT NULL here; if that is not known, it may
-- be NULL here.

DO $$
BEGIN
    IF to_regtype('public.severity_level') IS NULL THEN
        CREATE TYPE public.severity_level AS ENUM ('LOW', 'MODERATE', 'HIGH', 'CRITICAL');
    END IF;
    IF to_regtype('public.task_status') IS NULL THEN
        CREATE TYPE public.task_status AS ENUM ('OPEN', 'IN_PROGRESS', 'RESOLVED', 'CANCELLED', 'EXPIRED');
    END IF;
    IF to_regtype('public.risk_level') IS NULL THEN
        CREATE TYPE public.risk_level AS ENUM ('LOW', 'MEDIUM', 'HIGH');
    END IF;
    IF to_regtype('public.language_code') IS NULL THEN
        CREATE TYPE public.language_code AS ENUM ('EN', 'ES', 'OTHER');
    END IF;
    IF to_regtype('public.notification_type') IS NULL THEN
        CREATE TYPE public.notification_type AS ENUM (
            'TASK_CREATED', 'TASK_ASSIGNED', 'SLA_WARNING', 'SLA_BREACH', 'TASK_RESOLVED', 'CHECK_IN_REMINDER',
            'CHECK_IN_SENT', 'PATIENT_RESPONSE'
        );
    END IF;
    IF to_regtype('public.notification_channel') IS NULL THEN
        CREATE TYPE public.notification_channel AS ENUM ('SMS', 'EMAIL', 'PUSH', 'VOICE');
    END IF;
    IF to_regtype('public.notification_status') IS NULL THEN
        CREATE TYPE public.notification_status AS ENUM ('PENDING', 'SENT', 'DELIVERED', 'READ', 'FAILED', 'CANCELLED');
    END IF;
END $$;

CREATE TABLE IF NOT EXISTS public."User" (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email      text NOT NULL,
    name       text NOT NULL,
    phone      text,
    role       text NOT NULL,
    active     boolean DEFAULT true,
    department text,
    specialty  text,
    CONSTRAINT user_role_is_known CHECK (role IN ('ADMIN', 'STAFF', 'NURSE', 'PATIENT'))
);

CREATE TABLE IF NOT EXISTS public."Patient" (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    first_name        text,
    last_name         text,
    primary_phone     text NOT NULL,
    alt_phone         text,
    language_code     public.language_code,
    preferred_channel text,
    state             text,
    zip               text,
    caregiver_name    text,
    caregiver_phone   text,
    caregiver_channel text
);

CREATE TABLE IF NOT EXISTS public."Episode" (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id     uuid REFERENCES public."Patient",
    condition_code text,
    risk_level     public.risk_level,
    discharge_at   timestamptz NOT NULL,
    created_at     timestamptz DEFAULT now()
);

-- The application's table of AI interactions is left out.
CREATE TABLE IF NOT EXISTS public."EscalationTask" (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    episode_id           uuid REFERENCES public."Episode",
    agent_interaction_id uuid,
    reason_codes         text[],
    severity             public.severity_level,
    status               public.task_status DEFAULT 'OPEN',
    sla_due_at           timestamptz NOT NULL,
    assigned_to_user_id  uuid REFERENCES public."User",
    picked_up_at         timestamptz,
    resolved_at          timestamptz,
    created_at           timestamptz DEFAULT now(),
    updated_at           timestamptz DEFAULT now()
);

CREATE TABLE IF NOT EXISTS public."NotificationLog" (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    task_id              uuid REFERENCES public."EscalationTask",
    episode_id           uuid REFERENCES public."Episode",
    recipient_user_id    uuid REFERENCES public."User",
    recipient_patient_id uuid REFERENCES public."Patient",
    outreach_plan_id     uuid,
    notification_type    public.notification_type NOT NULL,
    channel              public.notification_channel NOT NULL,
    status               public.notification_status DEFAULT 'PENDING',
    message_content      text NOT NULL,
    provider_message_id  text,
    provider_error_code  text,
    sent_at              timestamptz,
    delivered_at         timestamptz,
    failed_at            timestamptz,
    failure_reason       text,
    retry_count          integer DEFAULT 0,
    metadata             jsonb,
    created_at           timestamptz DEFAULT now(),
    CONSTRAINT notification_has_one_recipient CHECK (num_nonnulls(recipient_user_id, recipient_patient_id) = 1),
    CONSTRAINT notification_sent_after_created CHECK (sent_at >= created_at),
    CONSTRAINT notification_delivered_after_sent CHECK (delivered_at >= sent_at)
);

CREATE TABLE IF NOT EXISTS public."NurseShift" (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    nurse_id             uuid REFERENCES public."User",
    shift_start          timestamptz,
    shift_end            timestamptz,
    is_on_call           boolean DEFAULT false,
    is_active            boolean DEFAULT true,
    max_concurrent_tasks integer DEFAULT 10
);

CREATE TABLE IF NOT EXISTS public."OutreachPlan" (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    episode_id      uuid REFERENCES public."Episode",
    status          text,
    window_start_at timestamptz,
    window_end_at   timestamptz,
    timezone        text,
    max_attempts    integer
);

CREATE TABLE IF NOT EXISTS public."SMSConsent" (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    phone_number      text UNIQUE,
    consent_given     boolean,
    active            boolean,
    opt_out_timestamp timestamptz
);

-- Without a policy, only their owner sees rows.
ALTER TABLE public."User" ENABLE ROW LEVEL SECURITY;
ALTER TABLE public."Patient" ENABLE ROW LEVEL SECURITY;
ALTER TABLE public."Episode" ENABLE ROW LEVEL SECURITY;
ALTER TABLE public."EscalationTask" ENABLE ROW LEVEL SECURITY;
ALTER TABLE public."NotificationLog" ENABLE ROW LEVEL SECURITY;
ALTER TABLE public."NurseShift" ENABLE ROW LEVEL SECURITY;
ALTER TABLE public."OutreachPlan" ENABLE ROW LEVEL SECURITY;
ALTER TABLE public."SMSConsent" ENABLE ROW LEVEL SECURITY;

CREATE OR REPLACE FUNCTION public.set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = now();
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER task_is_updated BEFORE UPDATE ON public."EscalationTask"
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();
