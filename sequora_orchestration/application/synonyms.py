"""Usual names of tables, columns and words in applications, the best of each first.

All are in lower case (`assignedtouser`), and without the parts that `naming.py` takes off: a column's
`is`, `at`, `date` or `id`, and the name of its table.
"""

from collections.abc import Mapping, Sequence

from sequora_orchestration.application.contract import VIEWS

Names = Sequence[str]


def _names(names: str) -> Names:
    return names.split()


TABLES: Mapping[str, Names] = {
    "task": _names(
        "escalationtask escalation nursetask caretask clinicaltask taskescalation task alert clinicalalert carealert "
        "ticket workitem todo incident triage"
    ),
    "person": _names(
        "user staff nurse staffmember employee clinician careteammember person appuser practitioner caregiver worker "
        "teammember member profile userprofile account operator"
    ),
    "episode": _names(
        "episode episodeofcare careepisode stay hospitalstay inpatientstay admission discharge hospitalization "
        "encounter visit enrollment case careplan program"
    ),
    "patient": _names("patient carerecipient patientprofile resident client subject member person"),
    "shift": _names("nurseshift staffshift shift workshift oncallshift dutyshift roster rota duty schedule oncall"),
    "log": _names(
        "notificationlog smslog messagelog textlog smsmessage textmessage outboundmessage notification sms message "
        "notificationhistory communication communicationlog delivery outbox textsent"
    ),
}

_CREATED = _names("created creation create inserted insert added raised opened issued timestamp")
_UPDATED = _names("updated lastupdated update modified lastmodified changed lastchanged")
_PHONES = _names(
    "primaryphone mobilephone mobile cellphone cell smsphone sms phone telephone tel contactphone contact msisdn "
    "workphone phonee164 primarycontact homephone"
)
_ZONES = _names("timezone ianatimezone iana tz tzname timezonename zone")
_PERSONS = _names(
    "user nurse staff staffmember person employee clinician practitioner worker caregiver member assignee"
)
_PATIENTS = _names("patient carerecipient resident client subject member person")
_EPISODES = _names(
    "episode careepisode episodeofcare stay hospitalstay admission discharge encounter visit hospitalization "
    "enrollment case"
)

COLUMNS: Mapping[str, Mapping[str, Names]] = {
    "task": {
        "id": _names("id key guid"),
        "episode_id": _EPISODES,
        "severity": _names(
            "severity severitylevel sev urgency urgencylevel acuity acuitylevel triagelevel criticality alertlevel "
            "risk risklevel priority prioritylevel importance level"
        ),
        "priority": _names("priority prioritylevel prio"),
        "reason_codes": _names(
            "reasoncodes reasons reasoncode reason triggers triggercodes trigger codes symptoms symptom concerns "
            "concern redflags flags alerttype tasktype category categories code type"
        ),
        "status": _names("status statuscode state currentstatus currentstate workflowstatus workflowstate stage phase"),
        "sla_due_at": _names(
            "sladue sla sladeadline due deadline dueby respondby mustrespondby responsedue actby slaexpires target "
            "slatarget"
        ),
        "assigned_to_user_id": _names(
            "assignedtouser assignedto assigneduser assignee assigneeuser assignednurse assignedtonurse assignedstaff "
            "assignedtostaff assignedclinician assigned nurse owner responsible responsibleuser handler staff user "
            "clinician"
        ),
        "picked_up_at": _names(
            "pickedup acknowledged ack acked accepted claimed taken started inprogress firstresponse"
        ),
        "resolved_at": _names("resolved closed completed done finished completion resolution ended"),
        "created_at": _CREATED,
        "updated_at": _UPDATED,
    },
    "person": {
        "id": _names("id key guid"),
        "primary_phone": _PHONES,
        "role": _names(
            "role userrole staffrole roles rolename jobrole persontype usertype stafftype type kind profession "
            "discipline position"
        ),
        "active": _names("active enabled employed"),
        "is_on_call": _names("oncall currentlyoncall oncallnow"),
    },
    "episode": {
        "id": _names("id key guid"),
        "patient_id": _PATIENTS,
        "discharge_at": _names("discharged discharge actualdischarge dischargedon dischargedat"),
        "created_at": _CREATED,
        "timezone": _ZONES,
    },
    "patient": {
        "id": _names("id key guid"),
        "first_name": _names("preferredname preferredfirstname firstname givenname forename first given"),
        "primary_phone": _PHONES,
        "language_code": _names(
            "languagecode language preferredlanguage preferredlang primarylanguage spokenlanguage lang locale"
        ),
        "timezone": _ZONES,
        "may_be_texted": _names(
            "maybetexted smsconsent textconsent consenttosms consentsms smsconsented smsconsentgiven consenttotext "
            "canbetexted cantext smsoptin smsoptedin optinsms optin optedin smsallowed allowsms allowssms acceptssms "
            "smsenabled consentgiven consented consent"
        ),
    },
    "shift": {
        "person_id": _PERSONS,
        "starts_at": _names("shiftstart shiftstarts starts start begins begin shiftbegin from validfrom"),
        "ends_at": _names("shiftend shiftends ends end finish finishes shiftfinish until to validto validuntil"),
        "is_active": _names("active enabled"),
        "most_tasks": _names("maxconcurrenttasks maxtasks mosttasks maxopentasks tasklimit capacity maxload"),
    },
}
"""Names by view and column, as in the contract."""

if {name: set(view.columns) for name, view in VIEWS.items()} != {name: set(one) for name, one in COLUMNS.items()}:
    raise AssertionError("there are names for each column of the contract, and for no other")

OPPOSITES: Mapping[str, Names] = {
    "active": _names("disabled inactive deactivated suspended blocked archived deleted left terminated"),
    "may_be_texted": _names(
        "smsoptout smsoptedout optout optedout optedoutofsms donottext donotcontact nosms unsubscribed"
    ),
    "is_active": _names("cancelled canceled deleted archived"),
}
"""By flag: the names of its opposite, which may also be a time."""

STATES_OF_A_FLAG: Mapping[str, tuple[Names, Names]] = {
    "active": (_names("status state accountstatus employmentstatus userstatus"), _names("active enabled employed")),
}
"""By flag: the columns of words that may have its meaning, and the words for yes."""

LOG: Mapping[str, Names] = {
    "id": _names("id key guid"),
    "task_id": _names("task escalationtask escalation alert ticket relatedtask"),
    "episode_id": _EPISODES,
    "user_id": _names(
        "recipientuser nurse user staff recipientstaff recipientnurse staffmember person employee clinician touser "
        "assignee"
    ),
    "patient_id": _names("recipientpatient patient topatient resident client"),
    "recipient_id": _names("recipient to sentto receiver addressee"),
    "recipient_type": _names("recipienttype recipientrole recipientkind audience receivertype"),
    "phone": _names(
        "phone phonenumber tophone tonumber recipientphone recipientnumber to destination msisdn mobile mobilenumber "
        "recipient sentto"
    ),
    "channel": _names("channel method medium deliverymethod via channeltype messagechannel type"),
    "kind": _names(
        "notificationtype messagetype notificationkind kind type event eventtype category template templatename "
        "purpose reason subject title"
    ),
    "status": _names("status deliverystatus state sendstatus smsstatus messagestatus"),
    "direction": _names("direction"),
    "provider": _names("provider vendor gateway carrier service"),
    "content": _names("messagecontent content body message text messagebody messagetext smsbody payload"),
    "provider_id": _names(
        "providermessage provider providermessageid providersid twiliosid twiliomessagesid messagesid sid "
        "externalmessage external vendormessage smssid"
    ),
    "provider_code": _names("providererrorcode errorcode providercode twilioerrorcode failurecode errcode"),
    "reason": _names(
        "failurereason errormessage error failuremessage errordescription errortext lasterror errordetail failedreason "
        "failure"
    ),
    "attempts": _names("attempts attemptcount numattempts attempt tries sendattempts"),
    "sent_at": _names("sent send dispatched senttime"),
    "delivered_at": _names("delivered delivery received"),
    "failed_at": _names("failed failure undelivered errored"),
    "created_at": _CREATED,
    "updated_at": _UPDATED,
}
"""Names of a log's columns, by their purpose."""

ASSIGNED_AT = _names("assigned assignment")

NAMES_OF_A_WORD = _names("code name key slug label title value")
"""Names of the column that holds the word, in a table of words."""

OTHERS_SCHEMAS = frozenset(
    _names("auth storage realtime vault extensions graphql graphql_public net cron supabase_functions")
)
"""Tables in Supabase's own schemas come last."""

# --- words ------------------------------------------------------------------------------------------------------------

STATUSES: Mapping[str, Names] = {
    "open": _names("open opened new created pending unassigned assigned todo queued waiting active reopened unread"),
    "taken": _names(
        "taken inprogress progress started acknowledged acked accepted claimed pickedup working inwork underway "
        "ongoing beinghandled"
    ),
    "closed": _names(
        "closed resolved done completed complete finished cancelled canceled expired archived dismissed deleted "
        "discarded autoclosed autoresolved"
    ),
}
"""Only words of one possible meaning: nobody is told of a task that is wrongly taken for closed."""

ACCEPTED = _names(
    "accepted acknowledged acked claimed pickedup taken inprogress started progress working inwork underway ongoing "
    "beinghandled"
)
"""The statuses of a task that its nurse accepts, the likeliest first."""

RESOLVED = _names("resolved done completed complete finished closed")
"""The statuses of a task that its nurse resolves, the likeliest first."""

SEVERITIES: Mapping[str, Names] = {
    "CRITICAL": _names("critical crit emergency emergent stat lifethreatening extreme veryhigh highest immediate"),
    "HIGH": _names("high severe major important serious"),
    "MODERATE": _names("moderate medium med mid normal average standard elevated"),
    "LOW": _names("low minor mild routine info informational verylow lowest nonurgent trivial"),
}

URGENT = "urgent"
"""The most severe word of some scales, and the second of others."""

LEVELS = r"(?:p|prio|priority|sev|severity|level|l|tier)?([0-5])"
"""A level on a scale whose lowest number is the most severe, as `P1`; of a bare number that is not known."""

ROLES: Mapping[str, Names] = {
    "NURSE": _names("nurse rn lpn registerednurse nursern staffnurse carenurse triagenurse nursing nurseuser"),
    "SUPERVISOR": _names(
        "supervisor nursesupervisor supervisornurse nursemanager nursingsupervisor chargenurse headnurse leadnurse "
        "nurselead shiftlead shiftsupervisor teamlead teamleader clinicalsupervisor supervisors"
    ),
    "ADMIN": _names("admin administrator superadmin sysadmin systemadmin siteadmin admins superuser"),
    "PATIENT": _names("patient patients"),
    "OTHER": [],
}

KINDS: Mapping[str, Names] = {
    "task-created": _names(
        "taskassigned newtask taskcreated assigned assignment taskassignment newassignment task alert escalation"
    ),
    "sla-warning": _names("slawarning warning taskwarning slareminder reminder taskreminder duesoon taskduesoon sla"),
    "sla-breach": _names(
        "slabreach breach slabreached slamissed missedsla overdue taskoverdue breached sla escalation"
    ),
    "sla-escalation": _names(
        "slaescalation escalation escalated taskescalated supervisoralert slabreach breach overdue"
    ),
    "nurse-unreached": _names("nurseunreached unreached unassigned taskunassigned taskcreated newtask escalation task"),
    "check-in": _names("checkinsent checkin patientcheckin outreach followup checkinreminder survey"),
}
"""The log's usual words for our kinds of messages. A kind that is not here has ANY_KIND's word, or FIRST's."""

FIRST: Mapping[str, str] = {"staff": "task-created", "patients": "check-in"}
"""By audience, the kind whose word stands for others if the log has none for any kind."""

ANY_KIND = _names("other general generic misc notification message sms alert info system")

SENT = _names("sent success successful ok accepted dispatched")
DELIVERED = _names("delivered received")
UNDELIVERED = _names("undelivered failed deliveryfailed failure error errored bounced notdelivered")
BY_SMS = _names("sms textmessage text smsmessage")
OUTBOUND = _names("outbound outgoing out sent mt outboundapi")
TWILIO = _names("twilio twiliosms")
TO_STAFF = _names("staff nurse user employee clinician")
TO_PATIENTS = _names("patient patients client resident")
