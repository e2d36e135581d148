/* SPDX-License-Identifier: Apache-2.0 */
#include "site.h"

#include "life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VOLUNTEERS = 5,
    BEFORE = 30 /* days: what was there at the beginning */
};

/* --- workers -------------------------------------------------------------- */

static struct key write_worker(struct world *w, struct dice *d,
                               const struct place *p, const char *kind,
                               const char *organisation, int64_t caseload)
{
    struct key key = key_at(d, w->first - BEFORE, 500);
    char name[NAME_BYTES];
    name_draw(d, ACCENT_PUNJAB, false, name);
    PUT(w->sheets, p->id, SHEET_WORKER, field_text(key.text), field_text(kind),
        field_text(name), field_text(organisation), field_text(p->id),
        field_text(p->district), field_text("active"),
        caseload == 0 ? NOTHING : field_number(caseload), field_text(p->id),
        field_text(moment_at(w->first - BEFORE, 500).text),
        field_text("Clerk Nakli"));
    return key;
}

/* A paper of a worker; `until` 0: it does not end. */
static void write_credential(struct world *w, struct dice *d,
                             const struct place *p, const struct key *worker,
                             const char *kind, int until)
{
    int since = w->first - BEFORE;
    struct key key = key_at(d, since, 510);
    struct day_text end = day_text(until);
    bool clearance = strcmp(kind, "facility_clearance") == 0;
    PUT(w->sheets, p->id, SHEET_CREDENTIAL, field_text(key.text),
        field_text(worker->text), field_text(kind),
        clearance ? field_text(p->id) : NOTHING, field_text(p->id),
        field_text("Namoona Office"), field_text(p->id),
        field_text(day_text(since).text),
        until == 0 ? NOTHING : field_text(end.text), field_text("active"),
        field_text(day_text(since).text), field_text(p->id),
        field_text(moment_at(since, 510).text), field_text("Clerk Nakli"));
}

static void write_mentor(struct world *w, struct dice *d, struct place *p)
{
    enum { LIMIT = 10, USUAL = 6 };
    struct key course = key_at(d, w->first - BEFORE, 505);
    int done = w->first - BEFORE;
    p->mentor = write_worker(w, d, p, "mentor", "Peers Misal", 0);
    bool many = tally_made(&w->tally, d, MISTAKE_CASELOAD);
    p->mentees = many ? LIMIT + 2 : USUAL;
    PUT(w->sheets, p->id, SHEET_TRAINING, field_text(course.text),
        field_text(p->mentor.text), NOTHING, field_text("MENTOR-40"),
        field_text("A"), field_number(10), field_number(luck_between(d, 9, 10)),
        field_text("pass"), field_text(day_text(done).text),
        field_text("Trainer Kalpit"), field_text(p->id),
        field_text(moment_at(done, 505).text), field_text("Trainer Kalpit"));
    write_credential(w, d, p, &p->mentor, "mentor_cert", 0);
}

/* --- groups --------------------------------------------------------------- */

/* The volunteers of a prison, and until when each may enter. */
struct team {
    struct key workers[VOLUNTEERS];
    int until[VOLUNTEERS]; /* day; 0: no end */
    size_t count;
};

static void write_team(struct world *w, struct dice *d, const struct place *p,
                       struct team *ret)
{
    for (ret->count = 0; ret->count < VOLUNTEERS; ret->count++) {
        struct key worker =
            write_worker(w, d, p, "peer_volunteer", "NA Namoona", 0);
        bool lapsed = tally_made(&w->tally, d, MISTAKE_CLEARANCE);
        int until = lapsed ? luck_between(d, w->first, w->last) : 0;
        write_credential(w, d, p, &worker, "facility_clearance", until);
        ret->workers[ret->count] = worker;
        ret->until[ret->count] = until;
    }
}

struct group {
    struct key key;
    const struct team *team; /* NULL: nobody needs a clearance there */
    int heads;               /* as a rule */
};

static void note_meeting(struct place *p, int day, const struct key *key)
{
    size_t count = p->meeting_count;
    if ((count & (count - 1)) == 0) {
        size_t room = count == 0 ? 1 : 2 * count;
        p->meetings = realloc(p->meetings, room * sizeof *p->meetings);
        if (p->meetings == NULL) {
            abort();
        }
    }
    p->meetings[p->meeting_count++] = (struct meeting){day, *key};
}

static const char *draw_outcome(struct dice *d)
{
    static const char *const outcomes[] = {"denied_entry", "cancelled_facility",
                                           "cancelled_team", "no_show"};
    return luck_in_10000(d, 8800) ? "held" : outcomes[dice_below(d, 4)];
}

/* Who led, where the worker agreed to be named. */
static const char *draw_lead(struct world *w, struct dice *d,
                             const struct group *g, int day, bool held)
{
    if (g->team == NULL || !held || dice_even(d)) {
        return NULL;
    }
    size_t who = dice_below(d, g->team->count);
    int until = g->team->until[who];
    tally_breach(&w->tally, 11, until != 0 && day > until);
    return g->team->workers[who].text;
}

static void write_meeting(struct world *w, struct dice *d, struct place *p,
                          const struct group *g, int day)
{
    static const char *const reasons[] = {"no_list", "alarm", "clearance"};
    const char *outcome = draw_outcome(d);
    bool held = strcmp(outcome, "held") == 0;
    bool gate = strcmp(outcome, "denied_entry") == 0 ||
                strcmp(outcome, "cancelled_facility") == 0;
    struct key key = key_at(d, day, 1080);
    const char *lead = draw_lead(w, d, g, day, held);
    bool wrong = lead == NULL && tally_made(&w->tally, d, MISTAKE_WRONG_DATE);
    int heads = g->heads + luck_between(d, -8, 8);
    tally_breach(&w->tally, 20, wrong);
    PUT(w->sheets, p->id, SHEET_SESSION, field_text(key.text),
        field_text(g->key.text), field_text(p->id),
        field_text(day_text(wrong ? day + 30 : day).text),
        held ? field_number(60) : NOTHING, field_text(outcome),
        gate ? field_text(reasons[dice_below(d, 3)]) : NOTHING,
        held ? field_text(lead != NULL             ? "outside_volunteers"
                          : luck_in_10000(d, 3000) ? "inmate_peers"
                                                   : "mixed")
             : NOTHING,
        field_text(lead), held ? field_number(luck_between(d, 1, 4)) : NOTHING,
        held ? field_number(heads) : NOTHING,
        held ? field_number(luck_between(d, 0, heads / 4)) : NOTHING,
        held ? field_number(luck_between(d, 0, heads / 3)) : NOTHING,
        field_text(p->id), field_text(moment_at(day, 1140).text),
        field_text("Clerk Aarzi"));
    if (held && !wrong) {
        note_meeting(p, day, &key);
    }
}

/* Meetings on so many fixed days of the week. */
static void write_group(struct world *w, struct dice *d, struct place *p,
                        const struct team *team, int a_week)
{
    bool prison = p->kind == PLACE_PRISON;
    struct group g = {.key = key_at(d, w->first - BEFORE, 520), .team = team};
    g.heads = prison ? luck_between(d, 20, 50) : luck_between(d, 10, 20);
    PUT(w->sheets, p->id, SHEET_GROUP, field_text(g.key.text),
        field_text(prison ? "Nayi Misal" : "Kalpit Sham"),
        field_text(prison ? "NA_HI" : "support_group"), field_text(p->id),
        field_text("NA Namoona"), field_number(a_week), field_number(4),
        field_text(prison ? "mixed" : "outside_volunteers"),
        field_text("active"), field_text(day_text(w->first).text),
        field_text(p->id), field_text(moment_at(w->first - BEFORE, 520).text),
        field_text("Clerk Aarzi"));
    for (int day = w->first; day <= w->last; day++) {
        if (day % 7 * a_week % 7 < a_week) {
            write_meeting(w, d, p, &g, day);
        }
    }
}

void site_write_groups(struct world *w, struct place *p)
{
    struct dice d = luck_of(w->seed, p->number, UINT32_MAX - 1);
    struct team team = {.count = 0};
    if (p->kind == PLACE_HUB) {
        return; /* a store and an office */
    }
    if (p->kind == PLACE_PRISON) {
        write_team(w, &d, p, &team);
        write_group(w, &d, p, &team, 2);
        write_group(w, &d, p, &team, 1);
    } else {
        (void)write_worker(w, &d, p, "prescriber", "Health", 0);
        (void)write_worker(w, &d, p, "nurse_pharmacist", "Health", 0);
        (void)write_worker(w, &d, p, "counsellor", "Health", 0);
        write_mentor(w, &d, p);
        write_group(w, &d, p, NULL, 1);
    }
}

/* --- people --------------------------------------------------------------- */

/* Whoever is there at the end has a mentor, as far as the mentor's list goes. */
static void match_mentor(struct life *l, struct place *p)
{
    struct key key = key_at(&l->d, l->enrolled_on, 760);
    if (p->mentees_now >= p->mentees || l->owner != p) {
        return;
    }
    p->mentees_now++;
    PUT(l->w->sheets, p->id, SHEET_MENTOR, field_text(key.text),
        field_text(p->mentor.text), field_text(l->person.key.text),
        field_text(p->id), field_text(p->district),
        field_text(day_text(l->enrolled_on).text), field_text("active"),
        field_number(2), field_text(p->id),
        field_text(moment_at(l->enrolled_on, 760).text),
        field_text("Clerk Nakli"));
}

/* One after the other, as a place becomes free. */
static void fill_slot(struct world *w, struct place *p, uint32_t slot)
{
    struct dice d = luck_of(w->seed, p->number, slot);
    int day = w->first + luck_between(&d, 0, 27);
    while (day <= w->last) {
        struct life l = {.w = w, .d = luck_of(dice_u64(&d), p->number, slot)};
        day = p->kind == PLACE_PRISON ? life_in_prison(&l, p, day)
                                      : life_at_clinic(&l, p, day);
        if (day > w->last && p->kind == PLACE_CLINIC) {
            match_mentor(&l, p);
        }
        day += luck_between(&d, 1, 10);
    }
}

void site_write_people(struct world *w, struct place *p)
{
    for (int slot = 0; slot < p->slots; slot++) {
        fill_slot(w, p, (uint32_t)slot);
    }
    /* the limit is ref_parameter's mentor_max_caseload */
    tally_breach(&w->tally, 10, p->mentees_now > 10);
}

/* --- shelves and stores --------------------------------------------------- */

enum { WINDOW = 28, EVENING = 1200 }; /* from a receipt to a count, in days */

/* A row of stock; `other` and `shipment` NULL where nothing travels. */
static void write_stock(struct world *w, struct dice *d, const struct place *p,
                        const char *kind, int64_t qty, int day,
                        const char *other, const char *shipment)
{
    struct key key = key_at(d, day, EVENING);
    PUT(w->sheets, p->id, SHEET_STOCK, field_text(key.text), field_text(p->id),
        field_text("BUP-NAL-2"), field_text("NKL01"), field_text(kind),
        field_number(qty), field_text(other), field_text(shipment),
        field_text(day_text(day).text), field_text("Nurse Misal"),
        field_text("Officer Nakli"), field_text(p->id),
        field_text(moment_at(day, EVENING).text));
}

/* From the district's store, a day or two on the way. Returns what arrived: some
 * boxes come short. */
static int64_t ship(struct world *w, struct dice *d, struct place *p,
                    int64_t qty, int day)
{
    enum { GIVEN_DAYS = 8 }; /* after these what did not come is missed */
    struct place *hub = world_hub(w, p);
    char papers[SITE_ID_BYTES + DAY_TEXT_BYTES];
    int sent = day - luck_between(d, 1, 2);
    int64_t arrived = qty;
    (void)snprintf(papers, sizeof papers, "%s/%s", p->id, day_text(day).text);
    if (day + GIVEN_DAYS <= w->last &&
        tally_made(&w->tally, d, MISTAKE_SHIPMENT)) {
        arrived -= luck_between(d, 1, 20);
        tally_breach(&w->tally, 14, 1);
    }
    hub->used[sent - w->first] += (int)qty;
    write_stock(w, d, hub, "transfer_out", qty, sent, p->id, papers);
    write_stock(w, d, p, "transfer_in", arrived, day, hub->id, papers);
    return arrived;
}

static int64_t used_in(const struct world *w, const struct place *p, int from)
{
    int64_t used = 0;
    for (int i = 0; i < WINDOW; i++) {
        used += p->used[from - w->first + i];
    }
    return used;
}

/* On the last day of the window; returns what is left by the books from now on.
 */
static int64_t count_shelf(struct world *w, struct dice *d,
                           const struct place *p, int64_t left, int from)
{
    if (left > 3 && tally_made(&w->tally, d, MISTAKE_STOCK)) {
        left -= luck_between(d, 1, 3);
        tally_breach(&w->tally, 13, 1);
    }
    write_stock(w, d, p, "count", left, from + WINDOW - 1, NULL, NULL);
    return left;
}

/* What is there when all begins was received before; later it is sent. */
void site_write_shelf(struct world *w, struct place *p)
{
    struct dice d = luck_of(w->seed, p->number, UINT32_MAX - 2);
    int64_t left = 0;
    if (p->kind == PLACE_HUB) {
        return;
    }
    for (int from = w->first; from + WINDOW - 1 <= w->last; from += WINDOW) {
        int64_t used = used_in(w, p, from);
        int64_t wanted = used + luck_between(&d, 50, 200);
        if (from == w->first) {
            write_stock(w, &d, p, "receipt", wanted, from, NULL, NULL);
        } else {
            wanted = ship(w, &d, p, wanted, from);
        }
        left = count_shelf(w, &d, p, left + wanted - used, from);
    }
}

void site_write_store(struct world *w, struct place *p)
{
    struct dice d = luck_of(w->seed, p->number, UINT32_MAX - 2);
    int64_t left = 0;
    if (p->kind != PLACE_HUB) {
        return;
    }
    for (int from = w->first; from + WINDOW - 1 <= w->last; from += WINDOW) {
        int64_t sent = used_in(w, p, from);
        int64_t received = sent + luck_between(&d, 500, 2000);
        write_stock(w, &d, p, "receipt", received, from, NULL, NULL);
        left = count_shelf(w, &d, p, left + received - sent, from);
    }
}

/* --- all ------------------------------------------------------------------ */

void site_write_all(struct world *w)
{
    static void (*const parts[])(struct world *, struct place *) = {
        site_write_groups, site_write_people, site_write_shelf,
        site_write_store};
    world_write_lists(w);
    for (size_t part = 0; part < sizeof parts / sizeof parts[0]; part++) {
        for (size_t i = 0; i < w->count; i++) {
            if (w->places[i].used != NULL) {
                parts[part](w, &w->places[i]);
            }
        }
    }
}
