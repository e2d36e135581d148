/* SPDX-License-Identifier: Apache-2.0 */
#include "sheets.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Columns that a row gives, in the order of PUT(); the first is the key. */
static const struct {
    const char *table;
    const char *columns;
    bool local; /* it stays at the machine of its site */
} forms[SHEETS] = {
    [SHEET_REF_SITE] = {"ref_site",
                        "site_id,name,kind,department,district_code,"
                        "parent_site_id,capacity,valid_from"},
    [SHEET_REF_CODE] = {"ref_code", "code_system,code,label_en"},
    [SHEET_REF_ITEM] = {"ref_item", "item_code,kind,name,inn,strength_mcg,unit,"
                                    "opioid_agonist,controlled"},
    [SHEET_REF_PARAMETER] = {"ref_parameter",
                             "parameter_id,key,scope_kind,scope_value,"
                             "value_num,unit,valid_from,authority"},
    [SHEET_REF_COURSE] = {"ref_course", "course_id,kind,title,hours,sessions,"
                                        "practical_required,credential_kind,"
                                        "credential_months"},
    [SHEET_PERSON] = {"person",
                      "person_id,beneficiary_no,given_name,family_name,"
                      "parent_name,sex,birth_year,birth_precision,"
                      "home_district,home_locality,phone,preferred_language,"
                      "death_date,vital_status,origin_site,recorded_at,"
                      "recorded_by"},
    [SHEET_CONSENT] = {"consent",
                       "consent_id,person_id,purpose,data_class,decision,"
                       "valid_from,evidence,witness,origin_site,recorded_at,"
                       "recorded_by"},
    [SHEET_WORKER] = {"worker",
                      "worker_id,kind,display_name,organisation,home_site,"
                      "district_code,status,max_caseload,origin_site,"
                      "recorded_at,recorded_by"},
    [SHEET_ENROLMENT] = {"enrolment",
                         "enrolment_id,person_id,programme,owner_site,status,"
                         "phase,primary_substance,route,injecting_ever,"
                         "referral_source,started_on,ended_on,end_reason,"
                         "origin_site,recorded_at,recorded_by"},
    [SHEET_ASSESSMENT] = {"assessment",
                          "assessment_id,person_id,enrolment_id,instrument,"
                          "performed_on,site_id,total_score,band,"
                          "dose_clearance,origin_site,recorded_at,recorded_by"},
    [SHEET_ORDER] = {"treatment_order",
                     "order_id,enrolment_id,person_id,item_code,"
                     "daily_dose_mcg,mode,max_take_home_days,valid_from,"
                     "valid_to,status,supersedes_id,prescriber,site_id,"
                     "origin_site,recorded_at"},
    [SHEET_DOSE] = {"dose_event",
                    "dose_id,person_id,enrolment_id,order_id,site_id,"
                    "service_date,occurred_at,kind,item_code,units,amount_mcg,"
                    "days_covered,batch_no,verified_by,dispensed_by,"
                    "witnessed_by,reverses_id,reason,origin_site,recorded_at"},
    [SHEET_STOCK] = {"stock_event",
                     "stock_id,site_id,item_code,batch_no,kind,qty,"
                     "counterparty_site,shipment_ref,occurred_on,counted_by,"
                     "witnessed_by,origin_site,recorded_at"},
    [SHEET_REFERRAL] = {"referral",
                        "referral_id,person_id,enrolment_id,kind,from_site,"
                        "to_site,to_department,offered_epoch,offered_on,due_on,"
                        "valid_to,receiver_status,receiver_on,last_dose_on,"
                        "last_dose_mcg,last_item,take_home_until,origin_site,"
                        "recorded_at,recorded_by"},
    [SHEET_CUSTODY] = {"custody_event",
                       "custody_id,person_id,site_id,kind,occurred_at,"
                       "expected_release_on,origin_site,recorded_at,"
                       "recorded_by"},
    [SHEET_GROUP] = {"peer_group",
                     "group_id,name,model,site_id,organisation,"
                     "planned_per_week,team_size,led_by,status,started_on,"
                     "origin_site,recorded_at,recorded_by"},
    [SHEET_SESSION] = {"peer_session",
                       "session_id,group_id,site_id,held_on,minutes,outcome,"
                       "denial_reason,led_by,lead_worker,facilitators,"
                       "headcount,headcount_female,headcount_new,origin_site,"
                       "recorded_at,recorded_by"},
    [SHEET_ATTENDANCE] = {"session_attendance",
                          "attendance_id,session_id,person_id,consent_id,"
                          "origin_site,recorded_at,recorded_by"},
    [SHEET_TRAINING] = {"training_record",
                        "training_id,worker_id,person_id,course_id,cohort,"
                        "sessions_held,sessions_attended,practical,"
                        "completed_on,assessor,origin_site,recorded_at,"
                        "recorded_by"},
    [SHEET_CREDENTIAL] = {"worker_credential",
                          "credential_id,worker_id,kind,scope_site,home_site,"
                          "issuer,issuer_site,issued_on,expires_on,status,"
                          "decided_on,origin_site,recorded_at,recorded_by"},
    [SHEET_MENTOR] = {"mentor_assignment",
                      "assignment_id,worker_id,person_id,site_id,"
                      "district_code,started_on,status,"
                      "contact_goal_per_month,origin_site,recorded_at,"
                      "recorded_by"},
    [SHEET_PLACEMENT] = {"placement",
                         "placement_id,person_id,enrolment_id,kind,department,"
                         "owner_site,course_id,provider,sector_code,"
                         "matches_training,training_id,status,started_on,"
                         "status_on,origin_site,recorded_at,recorded_by"},
    [SHEET_FOLLOWUP] = {"followup",
                        "followup_id,person_id,enrolment_id,due_on,done_on,"
                        "channel,result,employed,next_due_on,department,"
                        "origin_site,recorded_at,recorded_by"},
    [SHEET_DISCLOSURE] = {"disclosure_log",
                          "disclosure_id,person_id,data_class,purpose,"
                          "recipient,consent_id,legal_basis,break_glass,reason,"
                          "origin_site,recorded_at,recorded_by"},
    [SHEET_NOTE] = {"counselling_note",
                    "note_id,person_id,enrolment_id,kind,held_on,note,"
                    "supersedes_id,origin_site,recorded_at,recorded_by",
                    .local = true},
    [SHEET_BLOOD] = {"bbv_result",
                     "result_id,person_id,enrolment_id,taken_on,test,result,"
                     "supersedes_id,origin_site,recorded_at,recorded_by",
                     .local = true},
};

enum { BUFFER_BYTES = 8 * 1024, SITE_BYTES = 32, PATH_BYTES = 4096 };

/* A file that grows by pieces: a state has more files than a process may have
 * open. */
struct pile {
    char *text;
    size_t len;
    bool begun;
};

struct drawer {
    char site[SITE_BYTES];
    struct pile piles[SHEETS + 1]; /* the last: answers.sql */
};

struct sheets {
    const char *folder; /* NULL: a database */
    struct drawer *drawers;
    size_t count;
    size_t last; /* the drawer asked for last: most rows follow their like */

    sqlite3 *db;
    const char *only; /* NULL: all sites */
    bool answers;
    sqlite3_stmt *into[SHEETS];

    uint64_t rows[SHEETS];
};

static void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "sangam-sample: %s: %s\n", what, why);
    exit(1);
}

struct field field_text(const char *text)
{
    return text == NULL ? NOTHING
                        : (struct field){.kind = FIELD_TEXT, .text = text};
}

struct field field_number(int64_t number)
{
    return (struct field){.kind = FIELD_NUMBER, .number = number};
}

const char *sheet_table(enum sheet sheet)
{
    return forms[sheet].table;
}

uint64_t sheets_rows(const struct sheets *s, enum sheet sheet)
{
    return s->rows[sheet];
}

static size_t columns_of(enum sheet sheet)
{
    size_t n = 1;
    for (const char *c = forms[sheet].columns; *c != '\0'; c++) {
        n += *c == ',';
    }
    return n;
}

/* --- files ---------------------------------------------------------------- */

static void make_folder(const char *path)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        give_up(path, strerror(errno));
    }
}

struct sheets *sheets_in_folder(const char *folder)
{
    struct sheets *s = calloc(1, sizeof *s);
    if (s == NULL) {
        abort();
    }
    make_folder(folder);
    s->folder = folder;
    return s;
}

static struct drawer *drawer_of(struct sheets *s, const char *site)
{
    char path[PATH_BYTES];
    for (size_t i = 0; i < s->count; i++) {
        size_t at = (s->last + i) % s->count;
        if (strcmp(s->drawers[at].site, site) == 0) {
            s->last = at;
            return &s->drawers[at];
        }
    }
    s->drawers = realloc(s->drawers, (s->count + 1) * sizeof *s->drawers);
    if (s->drawers == NULL) {
        abort();
    }
    struct drawer *d = &s->drawers[s->count];
    memset(d, 0, sizeof *d);
    (void)snprintf(d->site, sizeof d->site, "%s", site);
    (void)snprintf(path, sizeof path, "%s/%s", s->folder, site);
    make_folder(path);
    s->last = s->count++;
    return d;
}

static void empty(struct sheets *s, struct drawer *d, int which)
{
    struct pile *p = &d->piles[which];
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s/%s%s", s->folder, d->site,
                   which == SHEETS ? "answers" : forms[which].table,
                   which == SHEETS ? ".sql" : ".csv");
    FILE *f = fopen(path, p->begun ? "ae" : "we");
    if (f == NULL || fwrite(p->text, 1, p->len, f) != p->len ||
        fclose(f) != 0) {
        give_up(path, strerror(errno));
    }
    p->begun = true;
    p->len = 0;
}

static void add(struct sheets *s, struct drawer *d, int which, const char *text)
{
    struct pile *p = &d->piles[which];
    size_t len = strlen(text);
    assert(len < BUFFER_BYTES);
    if (p->text == NULL) {
        p->text = malloc(BUFFER_BYTES);
        if (p->text == NULL) {
            abort();
        }
    }
    if (p->len + len > BUFFER_BYTES) {
        empty(s, d, which);
    }
    memcpy(p->text + p->len, text, len);
    p->len += len;
}

static void add_field(struct sheets *s, struct drawer *d, int which,
                      const struct field *f)
{
    char number[24];
    if (f->kind == FIELD_NUMBER) {
        (void)snprintf(number, sizeof number, "%" PRId64, f->number);
        add(s, d, which, number);
    } else if (f->kind == FIELD_TEXT) {
        /* no text of ours needs more quoting than this */
        assert(strpbrk(f->text, "\"\n\r") == NULL);
        bool quoted = strchr(f->text, ',') != NULL;
        add(s, d, which, quoted ? "\"" : "");
        add(s, d, which, f->text);
        add(s, d, which, quoted ? "\"" : "");
    }
}

static void put_in_folder(struct sheets *s, const char *site, enum sheet sheet,
                          const struct field *fields, size_t count)
{
    struct drawer *d = drawer_of(s, site);
    struct pile *p = &d->piles[sheet];
    if (p->len == 0 && !p->begun) {
        add(s, d, (int)sheet, forms[sheet].columns);
        add(s, d, (int)sheet, "\n");
    }
    for (size_t i = 0; i < count; i++) {
        add(s, d, (int)sheet, i > 0 ? "," : "");
        add_field(s, d, (int)sheet, &fields[i]);
    }
    add(s, d, (int)sheet, "\n");
}

/* --- a database ----------------------------------------------------------- */

enum { BUSY_MS = 30 * 1000 };

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        give_up(sql, sqlite3_errmsg(db));
    }
}

struct sheets *sheets_in_database(sqlite3 *db, const char *only_site,
                                  bool answers)
{
    struct sheets *s = calloc(1, sizeof *s);
    if (s == NULL) {
        abort();
    }
    s->db = db;
    s->only = only_site;
    s->answers = answers;
    (void)sqlite3_busy_timeout(db, BUSY_MS);
    run(db, "BEGIN IMMEDIATE");
    return s;
}

static sqlite3_stmt *statement(struct sheets *s, enum sheet sheet)
{
    char sql[1000];
    char marks[128] = "?";
    if (s->into[sheet] != NULL) {
        return s->into[sheet];
    }
    size_t count = columns_of(sheet);
    for (size_t i = 1; i < count; i++) {
        memcpy(marks + 2 * i - 1, ",?", 3);
    }
    (void)snprintf(sql, sizeof sql, "INSERT INTO %s(%s) VALUES(%s)",
                   forms[sheet].table, forms[sheet].columns, marks);
    if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                           &s->into[sheet], NULL) != SQLITE_OK) {
        give_up(forms[sheet].table, sqlite3_errmsg(s->db));
    }
    return s->into[sheet];
}

static void put_in_database(struct sheets *s, enum sheet sheet,
                            const struct field *fields, size_t count)
{
    sqlite3_stmt *stmt = statement(s, sheet);
    for (size_t i = 0; i < count; i++) {
        int at = (int)i + 1;
        int rc = SQLITE_OK;
        if (fields[i].kind == FIELD_TEXT) {
            rc = sqlite3_bind_text(stmt, at, fields[i].text, -1, SQLITE_STATIC);
        } else if (fields[i].kind == FIELD_NUMBER) {
            rc = sqlite3_bind_int64(stmt, at, fields[i].number);
        } else {
            rc = sqlite3_bind_null(stmt, at);
        }
        assert(rc == SQLITE_OK);
    }
    if (sqlite3_step(stmt) != SQLITE_DONE) {
        give_up(forms[sheet].table, sqlite3_errmsg(s->db));
    }
    (void)sqlite3_reset(stmt);
}

/* --- both ----------------------------------------------------------------- */

void sheets_put(struct sheets *s, const char *site, enum sheet sheet,
                const struct field *fields, size_t count)
{
    assert(count == columns_of(sheet));
    if (s->folder != NULL) {
        put_in_folder(s, site, sheet, fields, count);
    } else if (s->answers || (s->only == NULL ? forms[sheet].local
                                              : strcmp(s->only, site) != 0)) {
        return;
    } else {
        put_in_database(s, sheet, fields, count);
    }
    s->rows[sheet]++;
}

void sheets_answer(struct sheets *s, const char *site, const char *sql)
{
    if (s->folder != NULL) {
        struct drawer *d = drawer_of(s, site);
        add(s, d, SHEETS, sql);
        add(s, d, SHEETS, "\n");
    } else if (s->answers && (s->only == NULL || strcmp(s->only, site) == 0)) {
        run(s->db, sql);
    }
}

void sheets_close(struct sheets **s_p)
{
    struct sheets *s = *s_p;
    *s_p = NULL;
    for (size_t i = 0; i < s->count; i++) {
        for (int which = 0; which <= SHEETS; which++) {
            if (s->drawers[i].piles[which].len > 0) {
                empty(s, &s->drawers[i], which);
            }
            free(s->drawers[i].piles[which].text);
        }
    }
    for (int i = 0; i < SHEETS; i++) {
        (void)sqlite3_finalize(s->into[i]);
    }
    if (s->db != NULL) {
        run(s->db, "COMMIT");
    }
    free(s->drawers);
    free(s);
}
