"""Who asks each named statement: a person, a sensor, Prometheus. Any other is a run's."""

STATUS = frozenset(
    {
        "counts",
        "last_hour",
        "oldest_due",
        "set_aside",
        "doubts",
        "answers",
        "providers",
        "pauses",
        "replays",
        "last_reconciled",
    }
)
TIMELINE = frozenset(
    {"stories", "tries_of", "tasks_of_episode", "tasks_of_digest", "subject_of", "lives_since", "orders_about_kinds"}
)
OPERATORS = frozenset({"pause", "resume", "of_subject", "cancel", "release", "resend"})
REPLAYS = frozenset({"ended", "as_new", "named_as_new", "replay"})
SENSORS = frozenset(
    {
        "doubt_abandoned_attempts",
        "set_poison_aside",
        "claims_not_taken_up",
        "give_back_claims",
        "due_look_ups",
        "due_receipts",
        "let_critical_go",
        "note_what_is_over",
    }
)
METRICS = frozenset({"sent_today", "under_way", "amiss"})
DELETION = frozenset(
    {
        "old_subjects",
        "open_tasks",
        "recent_episodes",
        "delete_what_is_over",
        "delete_old_digests_and_canaries",
        "delete_old_pauses",
        "delete_old_assignments",
        "texts_wait",
    }
)
WHOSE = {
    **dict.fromkeys(STATUS, "status"),
    **dict.fromkeys(TIMELINE | {"task_times", "open_tasks_of_episodes", "of_tasks"}, "a timeline"),
    **dict.fromkeys(OPERATORS | REPLAYS, "an operator"),
    **dict.fromkeys(SENSORS, "a sensor"),
    **dict.fromkeys(METRICS, "the metrics"),
    **dict.fromkeys(DELETION, "the nightly deletion"),
}
