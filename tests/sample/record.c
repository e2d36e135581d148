/* SPDX-License-Identifier: Apache-2.0 */
#include "life.h"

#include <stdio.h>

/* --- persons and their treatment ------------------------------------------ */

static void write_consent(struct life *l, struct key key, const char *purpose,
                          const char *data_class, const char *decision, int day)
{
    const char *site = l->home->id;
    struct moment then = moment_at(day, 605);
    PUT(l->w->sheets, site, SHEET_CONSENT, field_text(key.text),
        field_text(l->person.key.text), field_text(purpose),
        field_text(data_class), field_text(decision),
        field_text(day_text(day).text),
        field_text(dice_even(&l->d) ? "signature" : "thumbprint"),
        field_text("Clerk Nakli"), field_text(site), field_text(then.text),
        field_text("Counsellor Aarzi"));
}

static void ask_consents(struct life *l, int day)
{
    l->treats = key_at(&l->d, day, 604);
    write_consent(l, l->treats, "treatment", "medication", "given", day);
    bool shares = luck_in_10000(&l->d, 8000);
    struct key registry = key_at(&l->d, day, 604);
    write_consent(l, registry, "registry_dual_enrolment", "identity",
                  shares ? "given" : "refused", day);
    if (shares) {
        life_disclose(
            l, l->home, day,
            &(struct disclosure){.data_class = "identity",
                                 .purpose = "registry_dual_enrolment",
                                 .recipient = "registry of the district",
                                 .consent = registry.text});
    }
    if (luck_in_10000(&l->d, 1000)) {
        l->agreed = key_at(&l->d, day, 606);
        l->agreed_on = day;
        write_consent(l, l->agreed, "peer_attendance", "peer", "given", day);
    }
}

static void write_attendance(struct life *l, const struct meeting *m)
{
    const char *site = l->home->id;
    struct moment then = moment_at(m->day, 1110);
    struct key key = key_at(&l->d, m->day, 1110);
    PUT(l->w->sheets, site, SHEET_ATTENDANCE, field_text(key.text),
        field_text(m->key.text), field_text(l->person.key.text),
        field_text(l->agreed.text), field_text(site), field_text(then.text),
        field_text("Counsellor Aarzi"));
}

/* Some come to some meetings until their last day and agreed to be named; some
 * take that back. */
static void attend(struct life *l, int last)
{
    const struct place *p = l->home;
    int wanted = luck_between(&l->d, 2, 12);
    int taken_back = 0;
    if (l->agreed.text[0] == '\0') {
        return;
    }
    for (size_t i = 0; i < p->meeting_count && wanted > 0; i++) {
        const struct meeting *m = &p->meetings[i];
        if (m->day <= l->agreed_on || m->day > last) {
            continue;
        }
        if (taken_back == 0) {
            write_attendance(l, m);
            wanted--;
        } else if (tally_made(&l->w->tally, &l->d, MISTAKE_CONSENT)) {
            write_attendance(l, m);
            tally_breach(&l->w->tally, 16, 1);
            return;
        } else {
            return;
        }
        if (m->day < last && luck_in_10000(&l->d, 300)) {
            taken_back = m->day + 1;
            write_consent(l, key_at(&l->d, taken_back, 604), "peer_attendance",
                          "peer", "withdrawn", taken_back);
        }
    }
}

void life_register(struct life *l, struct place *where, int day)
{
    bool woman = where->kind == PLACE_CLINIC && luck_in_10000(&l->d, 1500);
    l->home = where;
    person_draw(&l->person, &l->d, ACCENT_PUNJAB, woman, day);
    person_card(&l->person, l->w->seed, where->number, where->cards++);
    ask_consents(l, day);
    life_draw_blood(l);
    life_assess(l, where, "ASSIST", day, false);
}

void life_enrol(struct life *l, struct place *where, int day)
{
    l->enrolment = key_at(&l->d, day, 615);
    l->owner = where;
    l->writer = where;
    l->enrolled_on = day;
}

static void write_enrolment(struct life *l, const char *status, int ended,
                            const char *reason)
{
    static const char *const substances[] = {"heroin", "heroin", "heroin",
                                             "poppy_husk", "pharma_opioid"};
    const char *site = l->writer->id;
    struct moment then = moment_at(l->enrolled_on, 615);
    struct day_text end = day_text(ended);
    PUT(l->w->sheets, site, SHEET_ENROLMENT, field_text(l->enrolment.text),
        field_text(l->person.key.text), field_text("OOAT"), field_text(site),
        field_text(status), field_text("maintenance"),
        field_text(substances[dice_below(&l->d, 5)]),
        field_text(dice_even(&l->d) ? "smoked" : "injected"),
        field_number((int64_t)dice_below(&l->d, 2)),
        field_text(l->writer->kind == PLACE_PRISON ? "prison" : "self"),
        field_text(day_text(l->enrolled_on).text),
        ended == 0 ? NOTHING : field_text(end.text), field_text(reason),
        field_text(site), field_text(then.text), field_text("Clerk Nakli"));
}

void life_end(struct life *l, const char *status, const char *reason, int day)
{
    char sql[400];
    attend(l, day == 0 ? l->w->last : day);
    l->agreed.text[0] = '\0';
    if (l->owner == l->writer) {
        write_enrolment(l, status, day, reason);
    } else if (day != 0) {
        (void)snprintf(sql, sizeof sql,
                       "UPDATE enrolment SET status = '%s', ended_on = '%s',"
                       " end_reason = '%s' WHERE enrolment_id = '%s';",
                       status, day_text(day).text, reason, l->enrolment.text);
        sheets_answer(l->w->sheets, l->owner->id, sql);
    }
}

/* --- orders and assessments ----------------------------------------------- */

void life_order(struct life *l, int mcg, int day)
{
    l->order = key_at(&l->d, day, 620);
    l->daily_mcg = mcg;
    l->ordered_on = day;
}

void life_stop_order(struct life *l, const char *status, int day)
{
    const char *site = l->owner->id;
    bool prison = l->owner->kind == PLACE_PRISON;
    struct moment then = moment_at(l->ordered_on, 620);
    struct day_text end = day_text(day);
    PUT(l->w->sheets, site, SHEET_ORDER, field_text(l->order.text),
        field_text(l->enrolment.text), field_text(l->person.key.text),
        field_text("BUP-NAL-2"), field_number(l->daily_mcg),
        field_text(prison ? "observed" : "mixed"),
        field_number(prison ? 0 : 14), field_text(day_text(l->ordered_on).text),
        day == 0 ? NOTHING : field_text(end.text), field_text(status),
        l->replaces.text[0] == '\0' ? NOTHING : field_text(l->replaces.text),
        field_text("Dr Misal Namoonawal"), field_text(site), field_text(site),
        field_text(then.text));
    l->replaces.text[0] = '\0';
}

void life_assess(struct life *l, const struct place *where,
                 const char *instrument, int day, bool clears)
{
    struct key key = key_at(&l->d, day, 612);
    struct moment then = moment_at(day, 612);
    int score = luck_between(&l->d, 5, 36);
    PUT(l->w->sheets, where->id, SHEET_ASSESSMENT, field_text(key.text),
        field_text(l->person.key.text),
        l->enrolment.text[0] == '\0' ? NOTHING : field_text(l->enrolment.text),
        field_text(instrument), field_text(day_text(day).text),
        field_text(where->id), field_number(score),
        field_text(score > 26 ? "high" : "moderate"),
        clears ? field_number(1) : NOTHING, field_text(where->id),
        field_text(then.text), field_text("Counsellor Aarzi"));
}

/* --- from site to site ---------------------------------------------------- */

/* A referral that offers the treatment (`until` 0), or sends a guest until then.
 */
static struct key write_referral(struct life *l, struct place *to,
                                 const char *kind, int day, int due, int until)
{
    const char *site = l->owner->id;
    bool offers = until == 0;
    struct key key = key_at(&l->d, day, 1020);
    struct moment then = moment_at(day, 1020);
    struct day_text last = day_text(until);
    PUT(l->w->sheets, site, SHEET_REFERRAL, field_text(key.text),
        field_text(l->person.key.text),
        offers ? field_text(l->enrolment.text) : NOTHING, field_text(kind),
        field_text(site), field_text(to->id), NOTHING,
        offers ? field_number(l->owner == l->writer ? 1 : 2) : NOTHING,
        field_text(day_text(day).text), field_text(day_text(due).text),
        offers ? NOTHING : field_text(last.text), field_text("pending"),
        NOTHING, field_text(day_text(day).text), field_number(l->daily_mcg),
        field_text("BUP-NAL-2"), field_text(day_text(l->covered).text),
        field_text(site), field_text(then.text),
        field_text("Counsellor Aarzi"));
    life_disclose(l, l->owner, day,
                  &(struct disclosure){.data_class = "medication",
                                       .purpose = "treatment",
                                       .recipient = to->id,
                                       .consent = l->treats.text});
    return key;
}

struct key life_offer(struct life *l, struct place *to, const char *kind,
                      int day, int due)
{
    return write_referral(l, to, kind, day, due, 0);
}

struct key life_send_guest(struct life *l, struct place *host, int day,
                           int until)
{
    return write_referral(l, host, "guest_dosing", day, day + 1, until);
}

void life_receive(struct life *l, const struct place *where,
                  struct key referral, int day)
{
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "UPDATE referral SET receiver_status = 'attended',"
                   " receiver_on = '%s' WHERE referral_id = '%s';",
                   day_text(day).text, referral.text);
    sheets_answer(l->w->sheets, where->id, sql);
}

void life_take(struct life *l, struct place *to, struct key referral, int day)
{
    char sql[400];
    attend(l, day - 1);
    l->agreed.text[0] = '\0';
    write_enrolment(l, "active", 0, NULL);
    life_receive(l, to, referral, day);
    (void)snprintf(sql, sizeof sql,
                   "UPDATE enrolment SET owner_site = '%s'"
                   " WHERE enrolment_id = '%s';",
                   to->id, l->enrolment.text);
    sheets_answer(l->w->sheets, to->id, sql);
    l->owner = to;
}

void life_custody(struct life *l, const struct place *prison, const char *kind,
                  int day, int minute)
{
    struct key key = key_at(&l->d, day, minute);
    struct moment then = moment_at(day, minute);
    PUT(l->w->sheets, prison->id, SHEET_CUSTODY, field_text(key.text),
        field_text(l->person.key.text), field_text(prison->id),
        field_text(kind), field_text(then.text), NOTHING,
        field_text(prison->id), field_text(moment_at(day, minute + 20).text),
        field_text("Clerk Aarzi"));
}
