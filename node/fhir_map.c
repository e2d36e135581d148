/* SPDX-License-Identifier: Apache-2.0 */
#include "node/fhir_map.h"

#include <stddef.h>
#include <string.h>

/* A person who is not here, and every place, is named by an identifier; what
 * else is not here is left out, so that references resolve in the export. Staff
 * are named as their rows are: by a worker's id, or by a name. Where FHIR wants
 * a code and there is none it is 'unknown' (data-absent-reason). */
#define NO_CODE                                                                \
    "json_object('coding', json_array(json_object('system',"                   \
    " 'http://terminology.hl7.org/CodeSystem/data-absent-reason',"             \
    " 'code', 'unknown')))"

/* --- who ------------------------------------------------------------------ */

/* birth_precision says how much of a day is known. Records that are linked as
 * one all stay in use: each leads to the one that stands for them, and that one
 * to each of them. */
static const char patient_sql[] =
    "SELECT json_object('resourceType', 'Patient', 'id', fhir_id(p.person_id),"
    " 'meta', json_object('source', fhir_urn(':site') || ':' || p.origin_site),"
    " 'identifier', json_array(fhir_identifier(':person', p.person_id),"
    "  fhir_identifier(':beneficiary-no', p.beneficiary_no)),"
    " 'active', json(CASE p.record_status WHEN 'active' THEN 'true'"
    "  ELSE 'false' END),"
    " 'name', (SELECT json_group_array(json(name)) FROM (SELECT json_object("
    "  'text', trim(coalesce(p.given_name, '') || ' '"
    "  || coalesce(p.family_name, '')), 'family', p.family_name,"
    "  'given', json_array(p.given_name)) AS name"
    "  UNION ALL SELECT json_object('text', trim(a.value)) FROM json_each('['"
    "  || replace(json_quote(p.alias_names), ',', '\",\"') || ']') a)),"
    " 'telecom', json_array(CASE WHEN fhir_text(p.phone) IS NOT NULL"
    "  THEN json_object('system', 'phone', 'value', p.phone) END),"
    " 'gender', p.sex,"
    " 'birthDate', CASE WHEN fhir_day(p.birth_date) IS NULL"
    "  THEN CASE WHEN p.birth_year BETWEEN 1 AND 9999"
    "  THEN printf('%04d', p.birth_year) END"
    "  ELSE substr(p.birth_date, 1, CASE p.birth_precision WHEN 'month' THEN 7"
    "  WHEN 'year' THEN 4 WHEN 'estimated' THEN 4 ELSE 10 END) END,"
    " 'deceasedDateTime', CASE p.vital_status WHEN 'dead'"
    "  THEN fhir_day(p.death_date) END,"
    " 'deceasedBoolean', CASE WHEN p.vital_status = 'dead'"
    "  AND fhir_day(p.death_date) IS NULL THEN json('true') END,"
    " 'address', json_array(json_object('line', json_array(p.home_locality),"
    "  'district', coalesce(h.label_en, p.home_district))),"
    " 'contact', json_array(CASE WHEN fhir_text(p.parent_name) IS NOT NULL"
    "  THEN json_object('relationship', json_array(json_object('text',"
    "  'father or mother')), 'name', json_object('text', p.parent_name)) END),"
    " 'communication', json_array(CASE"
    "  WHEN p.preferred_language GLOB '[a-z][a-z]'"
    "  OR p.preferred_language GLOB '[a-z][a-z][a-z]' THEN"
    "  json_object('language', json_object('coding', json_array(json_object("
    "  'system', 'urn:ietf:bcp:47', 'code', p.preferred_language))),"
    "  'preferred', json('true')) END),"
    " 'link', (SELECT json_group_array(json_object('other', fhir_ref('Patient',"
    "  ':person', l.other_id, x.person_id, NULL), 'type', l.type)) FROM"
    "  (SELECT c.canon_id AS other_id, 'refer' AS type FROM sync_person_canon c"
    "  WHERE c.person_id = p.person_id AND c.canon_id <> c.person_id UNION ALL"
    "  SELECT c.person_id, 'seealso' FROM sync_person_canon c"
    "  WHERE c.canon_id = p.person_id AND c.person_id <> c.canon_id"
    "  ORDER BY 1) l"
    "  LEFT JOIN person x ON x.person_id = l.other_id))"
    " FROM person p LEFT JOIN ref_code h ON h.code_system = 'district'"
    " AND h.code = p.home_district ORDER BY p.person_id";

/* That a worker is under care too is told to nobody else (peer_link). */
static const char practitioner_sql[] =
    "SELECT json_object('resourceType', 'Practitioner',"
    " 'id', fhir_id(w.worker_id),"
    " 'meta', json_object('source', fhir_urn(':site') || ':' || w.origin_site),"
    " 'identifier', json_array(fhir_identifier(':worker', w.worker_id)),"
    " 'active', json(CASE w.status WHEN 'left' THEN 'false' ELSE 'true' END),"
    " 'name', json_array(json_object('text', w.display_name)),"
    " 'telecom', json_array(CASE WHEN fhir_text(w.phone) IS NOT NULL"
    "  THEN json_object('system', 'phone', 'value', w.phone,"
    "  'use', 'work') END),"
    " 'qualification', (SELECT json_group_array(json_object('identifier',"
    "  json_array(fhir_identifier(':worker_credential', c.credential_id)),"
    "  'code', fhir_code('credential', c.kind, NULL),"
    "  'period', fhir_period(c.issued_on, c.expires_on),"
    "  'issuer', json_object('display', c.issuer)))"
    "  FROM (SELECT * FROM worker_credential WHERE worker_id = w.worker_id"
    "  AND kind IN ('peer_cert', 'mentor_cert') AND status = 'active'"
    "  ORDER BY credential_id) c))"
    " FROM worker w ORDER BY w.worker_id";

/* --- treatment ------------------------------------------------------------ */

/* How it ended has no element of its own. */
static const char episode_sql[] =
    "SELECT json_object('resourceType', 'EpisodeOfCare',"
    " 'id', fhir_id(e.enrolment_id),"
    " 'meta', json_object('source', fhir_urn(':site') || ':' || e.origin_site),"
    " 'extension', json_array("
    "  json_object('url', 'urn:sangam:enrolment-status',"
    "   'valueCode', e.status),"
    "  json_object('url', 'urn:sangam:phase', 'valueCode', e.phase),"
    "  json_object('url', 'urn:sangam:end-reason', 'valueCodeableConcept',"
    "   fhir_code(':end_reason', e.end_reason, x.label_en)),"
    "  json_object('url', 'urn:sangam:primary-substance',"
    "   'valueCodeableConcept', fhir_code(':substance', e.primary_substance,"
    "   u.label_en)),"
    "  json_object('url', 'urn:sangam:route', 'valueCodeableConcept',"
    "   fhir_code(':route', e.route, t.label_en)),"
    "  json_object('url', 'urn:sangam:injecting-ever', 'valueBoolean',"
    "   CASE e.injecting_ever WHEN 1 THEN json('true')"
    "   WHEN 0 THEN json('false') END)),"
    " 'identifier', json_array(fhir_identifier(':enrolment', e.enrolment_id)),"
    " 'status', CASE e.status WHEN 'screened' THEN 'planned'"
    "  WHEN 'waitlisted' THEN 'waitlist' WHEN 'active' THEN 'active'"
    "  WHEN 'on_hold' THEN 'onhold' WHEN 'entered_in_error'"
    "  THEN 'entered-in-error' ELSE 'finished' END,"
    " 'type', json_array(fhir_code('programme', e.programme, NULL)),"
    " 'patient', fhir_ref('Patient', ':person', e.person_id, p.person_id,"
    "  NULL),"
    " 'managingOrganization', fhir_ref('Organization', ':site', e.owner_site,"
    "  NULL, s.name),"
    " 'period', fhir_period(e.started_on, e.ended_on),"
    " 'referralRequest', (SELECT json_group_array(fhir_ref('ServiceRequest',"
    "  NULL, r.referral_id, r.referral_id, NULL)) FROM (SELECT referral_id"
    "  FROM referral WHERE referral.enrolment_id = e.enrolment_id"
    "  ORDER BY referral_id) r),"
    " 'careManager', coalesce(fhir_ref('Practitioner', NULL, w.worker_id,"
    "  w.worker_id, w.display_name), json_object('display', e.named_worker)))"
    " FROM enrolment e LEFT JOIN person p ON p.person_id = e.person_id"
    " LEFT JOIN ref_site s ON s.site_id = e.owner_site"
    " LEFT JOIN worker w ON w.worker_id = e.named_worker"
    " LEFT JOIN ref_code x ON x.code_system = 'end_reason'"
    "  AND x.code = e.end_reason"
    " LEFT JOIN ref_code u ON u.code_system = 'substance'"
    "  AND u.code = e.primary_substance"
    " LEFT JOIN ref_code t ON t.code_system = 'route' AND t.code = e.route"
    " ORDER BY e.enrolment_id";

/* An order past its last day is done; one whose last day is none that SQLite
 * knows is taken to be past, as v_dose_check does. */
static const char order_sql[] =
    "SELECT json_object('resourceType', 'MedicationRequest',"
    " 'id', fhir_id(o.order_id),"
    " 'meta', json_object('source', fhir_urn(':site') || ':' || o.origin_site),"
    " 'identifier', json_array(fhir_identifier(':treatment_order',"
    "  o.order_id)),"
    " 'status', CASE o.status WHEN 'active' THEN CASE WHEN o.valid_to IS NULL"
    "  OR date(o.valid_to) >= (SELECT today FROM v_today) THEN 'active'"
    "  ELSE 'completed' END WHEN 'draft' THEN 'draft' WHEN 'entered_in_error'"
    "  THEN 'entered-in-error' ELSE 'stopped' END,"
    " 'statusReason', CASE WHEN o.status IN ('superseded', 'stopped') THEN"
    "  json_object('coding', json_array(json_object('system',"
    "  fhir_urn('order-status'), 'code', o.status)), 'text', o.reason) END,"
    " 'intent', 'order',"
    " 'category', json_array(fhir_code('order-mode', o.mode, NULL)),"
    " 'medicationCodeableConcept', coalesce(fhir_code(':item', o.item_code,"
    "  i.name), " NO_CODE "),"
    " 'subject', fhir_ref('Patient', ':person', o.person_id, p.person_id,"
    "  NULL),"
    " 'supportingInformation', json_array(fhir_ref('EpisodeOfCare', NULL,"
    "  e.enrolment_id, e.enrolment_id, NULL)),"
    " 'authoredOn', fhir_at(o.recorded_at),"
    " 'requester', coalesce(fhir_ref('Practitioner', NULL, w.worker_id,"
    "  w.worker_id, w.display_name), json_object('display', o.prescriber)),"
    " 'reasonCode', json_array(CASE WHEN o.status IN ('draft', 'active')"
    "  THEN json_object('text', o.reason) END),"
    " 'dosageInstruction', json_array(json_object('timing', json_object("
    "  'repeat', json_object('boundsPeriod', fhir_period(o.valid_from,"
    "  o.valid_to), 'frequency', 1, 'period', 1, 'periodUnit', 'd')),"
    "  'doseAndRate', json_array(json_object('doseQuantity',"
    "  fhir_quantity(o.daily_dose_mcg, 'microgram', 'ug'))))),"
    " 'dispenseRequest', json_object("
    "  'validityPeriod', fhir_period(o.valid_from, o.valid_to),"
    "  'expectedSupplyDuration',"
    "  fhir_quantity(nullif(o.max_take_home_days, 0), 'day', 'd')),"
    " 'priorPrescription', fhir_ref('MedicationRequest', NULL, b.order_id,"
    "  b.order_id, NULL))"
    " FROM treatment_order o LEFT JOIN person p ON p.person_id = o.person_id"
    " LEFT JOIN ref_item i ON i.item_code = o.item_code"
    " LEFT JOIN enrolment e ON e.enrolment_id = o.enrolment_id"
    " LEFT JOIN worker w ON w.worker_id = o.prescriber"
    " LEFT JOIN treatment_order b ON b.order_id = o.supersedes_id"
    " ORDER BY o.order_id";

/* A reversal and what was brought back are no hand-overs: they are told of the
 * dose they are about. Of a dose missed or refused nothing was handed over. */
static const char dispense_sql[] =
    "SELECT json_object('resourceType', 'MedicationDispense',"
    " 'id', fhir_id(d.dose_id),"
    " 'meta', json_object('source', fhir_urn(':site') || ':' || d.origin_site),"
    " 'extension', json_array("
    "  json_object('url', 'urn:sangam:service-date', 'valueDate',"
    "   fhir_day(d.service_date)),"
    "  json_object('url', 'urn:sangam:batch', 'valueString', d.batch_no),"
    "  json_object('url', 'urn:sangam:verified-by', 'valueCode',"
    "   d.verified_by),"
    "  json_object('url', 'urn:sangam:returned-on', 'valueDate',"
    "   (SELECT fhir_day(min(b.service_date)) FROM dose_event b"
    "   WHERE b.returns_id = d.dose_id AND b.kind = 'returned'"
    "   AND NOT EXISTS(SELECT 1 FROM dose_event x"
    "   WHERE x.reverses_id = b.dose_id))),"
    "  json_object('url', 'urn:sangam:amount', 'valueQuantity',"
    "   fhir_quantity(CASE WHEN d.given THEN nullif(d.amount_mcg, 0) END,"
    "   'microgram', 'ug'))),"
    " 'identifier', json_array(fhir_identifier(':dose_event', d.dose_id)),"
    " 'status', CASE WHEN d.reversed THEN 'entered-in-error'"
    "  WHEN d.kind = 'missed' THEN 'cancelled'"
    "  WHEN d.kind = 'refused' THEN 'declined' ELSE 'completed' END,"
    " 'statusReasonCodeableConcept', json_object('text', CASE WHEN d.reversed"
    "  THEN (SELECT min(r.reason) FROM dose_event r"
    "  WHERE r.reverses_id = d.dose_id) ELSE d.reason END),"
    " 'medicationCodeableConcept', coalesce(fhir_code(':item',"
    "  coalesce(d.item_code, o.item_code), i.name), " NO_CODE "),"
    " 'subject', fhir_ref('Patient', ':person', d.person_id, p.person_id,"
    "  NULL),"
    " 'context', fhir_ref('EpisodeOfCare', NULL, e.enrolment_id,"
    "  e.enrolment_id, NULL),"
    " 'performer', json_array(json_object('actor',"
    "  coalesce(fhir_ref('Practitioner', NULL, w.worker_id, w.worker_id,"
    "  w.display_name), json_object('display', d.dispensed_by))),"
    "  CASE WHEN fhir_text(d.witnessed_by) IS NOT NULL THEN"
    "  json_object('function', json_object('text', 'witness'), 'actor',"
    "  coalesce(fhir_ref('Practitioner', NULL, v.worker_id, v.worker_id,"
    "  v.display_name), json_object('display', d.witnessed_by))) END),"
    " 'location', fhir_ref('Location', ':site', d.site_id, NULL, s.name),"
    " 'authorizingPrescription', json_array(fhir_ref('MedicationRequest',"
    "  NULL, o.order_id, o.order_id, NULL)),"
    " 'type', fhir_code('dose-kind', d.kind, NULL),"
    " 'quantity', fhir_quantity(CASE WHEN d.given THEN nullif(d.units, 0) END,"
    "  i.unit, NULL),"
    " 'daysSupply', fhir_quantity(CASE WHEN d.given"
    "  THEN nullif(d.days_covered, 0) END, 'day', 'd'),"
    " 'whenHandedOver', CASE WHEN d.given THEN fhir_at(d.occurred_at) END,"
    " 'dosageInstruction', json_array(CASE WHEN d.given THEN"
    "  json_object('timing', json_object('repeat', json_object("
    "  'boundsPeriod', fhir_period(d.first_day, date(d.first_day,"
    "  '+' || (max(d.days_covered, 1) - 1) || ' days'))))) END))"
    " FROM (SELECT *, kind NOT IN ('missed', 'refused') AS given,"
    "  coalesce(covers_from, service_date) AS first_day, EXISTS(SELECT 1 FROM"
    "  dose_event r WHERE r.reverses_id = dose_event.dose_id) AS reversed"
    "  FROM dose_event WHERE kind NOT IN ('reversal', 'returned')) d"
    " LEFT JOIN person p ON p.person_id = d.person_id"
    " LEFT JOIN enrolment e ON e.enrolment_id = d.enrolment_id"
    " LEFT JOIN treatment_order o ON o.order_id = d.order_id"
    " LEFT JOIN ref_item i ON i.item_code = coalesce(d.item_code, o.item_code)"
    " LEFT JOIN worker w ON w.worker_id = d.dispensed_by"
    " LEFT JOIN worker v ON v.worker_id = d.witnessed_by"
    " LEFT JOIN ref_site s ON s.site_id = d.site_id"
    " ORDER BY d.dose_id";

static const char referral_sql[] =
    "SELECT json_object('resourceType', 'ServiceRequest',"
    " 'id', fhir_id(r.referral_id),"
    " 'meta', json_object('source', fhir_urn(':site') || ':' || r.origin_site),"
    " 'extension', json_array("
    "  json_object('url', 'urn:sangam:receiver-status', 'valueCode',"
    "   r.receiver_status),"
    "  json_object('url', 'urn:sangam:receiver-on', 'valueDate',"
    "   fhir_day(r.receiver_on)),"
    "  json_object('url', 'urn:sangam:take-home-until', 'valueDate',"
    "   fhir_day(r.take_home_until))),"
    " 'identifier', json_array(fhir_identifier(':referral', r.referral_id)),"
    " 'status', CASE WHEN r.receiver_status IN ('attended', 'closed')"
    "  THEN 'completed' WHEN r.sender_status = 'cancelled'"
    "  OR r.receiver_status = 'declined' THEN 'revoked' ELSE 'active' END,"
    " 'intent', 'order',"
    " 'code', fhir_code('referral-kind', r.kind, NULL),"
    " 'subject', fhir_ref('Patient', ':person', r.person_id, p.person_id,"
    "  NULL),"
    " 'occurrencePeriod', CASE WHEN fhir_day(r.valid_to) IS NOT NULL"
    "  THEN fhir_period(coalesce(fhir_day(r.due_on), r.offered_on),"
    "  r.valid_to) END,"
    " 'occurrenceDateTime', CASE WHEN fhir_day(r.valid_to) IS NULL"
    "  THEN fhir_day(r.due_on) END,"
    " 'authoredOn', fhir_day(r.offered_on),"
    " 'requester', fhir_ref('Organization', ':site', r.from_site, NULL,"
    "  f.name),"
    " 'performerType', fhir_code('department', r.to_department, NULL),"
    " 'performer', json_array(fhir_ref('Organization', ':site', r.to_site,"
    "  NULL, t.name)),"
    " 'supportingInfo', json_array(fhir_ref('EpisodeOfCare', NULL,"
    "  e.enrolment_id, e.enrolment_id, NULL)))"
    " FROM referral r LEFT JOIN person p ON p.person_id = r.person_id"
    " LEFT JOIN enrolment e ON e.enrolment_id = r.enrolment_id"
    " LEFT JOIN ref_site f ON f.site_id = r.from_site"
    " LEFT JOIN ref_site t ON t.site_id = r.to_site"
    " ORDER BY r.referral_id";

/* --- findings ------------------------------------------------------------- */

/* One that was corrected is withdrawn; that which corrects it says so. Answers
 * are components where they are a JSON object, and a note where they are none.
 */
static const char observation_sql[] =
    "SELECT json_object('resourceType', 'Observation',"
    " 'id', fhir_id(a.assessment_id),"
    " 'meta', json_object('source', fhir_urn(':site') || ':' || a.origin_site),"
    " 'extension', json_array(json_object('url', 'urn:sangam:supersedes',"
    "  'valueReference', fhir_ref('Observation', NULL, b.assessment_id,"
    "  b.assessment_id, NULL))),"
    " 'identifier', json_array(fhir_identifier(':assessment',"
    "  a.assessment_id)),"
    " 'status', CASE WHEN EXISTS(SELECT 1 FROM assessment x"
    "  WHERE x.supersedes_id = a.assessment_id) THEN 'entered-in-error'"
    "  WHEN a.supersedes_id IS NOT NULL THEN 'corrected' ELSE 'final' END,"
    " 'code', coalesce(fhir_code(':instrument', a.instrument, c.label_en), "
    "  " NO_CODE "),"
    " 'method', json_object('text', a.instrument_version),"
    " 'subject', fhir_ref('Patient', ':person', a.person_id, p.person_id,"
    "  NULL),"
    " 'effectiveDateTime', fhir_day(a.performed_on),"
    " 'issued', fhir_at(a.recorded_at),"
    " 'performer', json_array(fhir_ref('Organization', ':site', a.site_id,"
    "  NULL, s.name)),"
    " 'valueQuantity', fhir_quantity(a.total_score, 'score', '{score}'),"
    " 'interpretation', json_array(fhir_code(':band', a.band, g.label_en)),"
    " 'note', json_array(CASE WHEN NOT a.answered"
    "  THEN json_object('text', a.items) END),"
    " 'component', (SELECT json_group_array(json(part)) FROM"
    "  (SELECT json_object('code', fhir_code(':answer', i.key, NULL),"
    "   'valueBoolean', CASE i.type WHEN 'true' THEN json('true')"
    "   WHEN 'false' THEN json('false') END,"
    "   'valueQuantity', CASE WHEN i.type IN ('integer', 'real')"
    "   THEN fhir_quantity(i.value, NULL, NULL) END,"
    "   'valueString', CASE WHEN i.type IN ('text', 'array', 'object')"
    "   THEN i.value || '' END) AS part"
    "   FROM json_each(CASE WHEN a.answered THEN a.items ELSE '{}' END) i"
    "   WHERE i.type <> 'null' AND fhir_text(i.key) IS NOT NULL"
    "  UNION ALL SELECT json_object('code', fhir_code('finding',"
    "   'dose-clearance', NULL), 'valueBoolean', CASE a.dose_clearance WHEN 1"
    "   THEN json('true') ELSE json('false') END)"
    "   WHERE a.dose_clearance IS NOT NULL)))"
    " FROM (SELECT *, coalesce(CASE WHEN json_valid(items)"
    "  THEN json_type(items) = 'object' END, 0) AS answered"
    "  FROM assessment) a"
    " LEFT JOIN assessment b ON b.assessment_id = a.supersedes_id"
    " LEFT JOIN person p ON p.person_id = a.person_id"
    " LEFT JOIN ref_site s ON s.site_id = a.site_id"
    " LEFT JOIN ref_code c ON c.code_system = 'instrument'"
    "  AND c.code = a.instrument"
    " LEFT JOIN ref_code g ON g.code_system = 'band' AND g.code = a.band"
    " ORDER BY a.assessment_id";

/* --- all ------------------------------------------------------------------ */

const struct fhir_type fhir_types[FHIR_TYPES] = {
    {"Patient", patient_sql},
    {"Practitioner", practitioner_sql},
    {"EpisodeOfCare", episode_sql},
    {"MedicationRequest", order_sql},
    {"MedicationDispense", dispense_sql},
    {"ServiceRequest", referral_sql},
    {"Observation", observation_sql},
};

const struct fhir_type *fhir_type_of(const char *name)
{
    for (size_t i = 0; i < FHIR_TYPES; i++) {
        if (strcmp(fhir_types[i].name, name) == 0) {
            return &fhir_types[i];
        }
    }
    return NULL;
}
