/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const districts[] = {
    "LDH", "ASR", "JAL", "TTN", "PTL", "BTI", "MOG", "FZK",
    "FZR", "GSP", "HSP", "KPT", "MNS", "MKT", "PTK", "RPR",
    "SAS", "SGR", "BNL", "FGS", "FDK", "NWS", "MLK"};
enum { DISTRICTS = sizeof districts / sizeof districts[0] };

/* --- places --------------------------------------------------------------- */

static struct place *add_place(struct world *w, const char *district,
                               enum place_kind kind, int which)
{
    struct place *p = &w->places[w->count];
    p->kind = kind;
    p->number = (uint32_t)w->count++;
    (void)snprintf(p->district, sizeof p->district, "%s", district);
    if (kind == PLACE_HQ) {
        (void)snprintf(p->id, sizeof p->id, "PB-HQ");
    } else if (kind == PLACE_HUB) {
        (void)snprintf(p->id, sizeof p->id, "PB-%s-H", district);
    } else {
        (void)snprintf(p->id, sizeof p->id, "PB-%s-%c%02d", district,
                       kind == PLACE_CLINIC ? 'C' : 'P', which);
    }
    return p;
}

static void furnish(struct world *w, struct place *p)
{
    struct dice d = luck_of(w->seed, p->number, UINT32_MAX);
    size_t days = (size_t)w->last - (size_t)w->first + 1;
    p->used = calloc(days, sizeof *p->used);
    if (p->used == NULL) {
        abort();
    }
    p->slots = p->kind == PLACE_HUB      ? 0
               : p->kind == PLACE_PRISON ? w->plan.inmates
                                         : w->plan.slots;
    if (w->plan.varied && p->kind == PLACE_CLINIC) {
        p->slots = luck_between(&d, p->slots * 2 / 3, p->slots * 4 / 3);
    }
}

/* What falls to a district when `all` are dealt out to so many. */
static int share(int all, int districts_in_all, int district)
{
    return all * (district + 1) / districts_in_all -
           all * district / districts_in_all;
}

void world_make(struct world *w, const struct plan *plan)
{
    assert(plan->districts >= 1 && plan->districts <= DISTRICTS);
    w->plan = *plan;
    size_t all = 1 + (size_t)plan->districts + (size_t)plan->prisons +
                 (size_t)plan->clinics;
    w->places = calloc(all, sizeof *w->places);
    if (w->places == NULL) {
        abort();
    }
    (void)add_place(w, "PB", PLACE_HQ, 0);
    for (int n = 0; n < plan->districts; n++) {
        furnish(w, add_place(w, districts[n], PLACE_HUB, 0));
        int prisons = share(plan->prisons, plan->districts, n);
        for (int i = 1; i <= prisons; i++) {
            furnish(w, add_place(w, districts[n], PLACE_PRISON, i));
        }
        int clinics = share(plan->clinics, plan->districts, n);
        for (int i = 1; i <= clinics; i++) {
            furnish(w, add_place(w, districts[n], PLACE_CLINIC, i));
        }
    }
    assert(w->count == all);
}

void world_free(struct world *w)
{
    for (size_t i = 0; i < w->count; i++) {
        free(w->places[i].used);
        free(w->places[i].meetings);
    }
    free(w->places);
}

static bool is_other(const struct place *p, const struct place *not_this,
                     enum place_kind kind)
{
    return p != not_this && p->kind == kind &&
           strcmp(p->district, not_this->district) == 0;
}

struct place *world_other(struct world *w, struct dice *d,
                          const struct place *not_this, enum place_kind kind)
{
    size_t found = 0;
    for (size_t i = 0; i < w->count; i++) {
        found += is_other(&w->places[i], not_this, kind);
    }
    if (found == 0) {
        return NULL;
    }
    size_t wanted = dice_below(d, found);
    for (size_t i = 0;; i++) {
        if (is_other(&w->places[i], not_this, kind) && wanted-- == 0) {
            return &w->places[i];
        }
    }
}

struct place *world_hub(struct world *w, const struct place *of)
{
    for (size_t i = 0;; i++) {
        assert(i < w->count);
        if (is_other(&w->places[i], of, PLACE_HUB)) {
            return &w->places[i];
        }
    }
}

/* --- lists ---------------------------------------------------------------- */

static void write_site(struct world *w, const struct place *p)
{
    static const struct {
        const char *title;
        const char *kind;
        const char *department;
    } kinds[] = {
        [PLACE_HQ] = {"Namoona State Programme Office", "hq", "health"},
        [PLACE_HUB] = {"Kalpit District Hub", "district_hub", "health"},
        [PLACE_CLINIC] = {"OOAT Clinic Misal", "ooat_clinic", "health"},
        [PLACE_PRISON] = {"Namoona Jail", "prison", "jails"},
    };
    char name[80];
    char hub[SITE_ID_BYTES];
    (void)snprintf(name, sizeof name, "%s %s", kinds[p->kind].title,
                   p->id + strlen("PB-"));
    (void)snprintf(hub, sizeof hub, "PB-%s-H", p->district);
    const char *parent = p->kind == PLACE_HQ    ? NULL
                         : p->kind == PLACE_HUB ? "PB-HQ"
                                                : hub;
    PUT(w->sheets, "PB-HQ", SHEET_REF_SITE, field_text(p->id), field_text(name),
        field_text(kinds[p->kind].kind), field_text(kinds[p->kind].department),
        field_text(p->district), field_text(parent),
        p->slots == 0 ? NOTHING : field_number(p->slots),
        field_text("2020-01-01"));
}

static void write_items_and_limits(struct sheets *s)
{
    static const struct {
        const char *id;
        int64_t limit;
        const char *unit;
    } limits[] = {
        {"take_home_max_days", 14, "days"},
        {"missed_days_reassess", 3, "days"},
        {"mentor_max_caseload", 10, "persons"},
    };
    PUT(s, "PB-HQ", SHEET_REF_ITEM, field_text("BUP-NAL-2"),
        field_text("medicine"),
        field_text("Buprenorphine 2 mg + naloxone 0.5 mg, tablet"),
        field_text("buprenorphine+naloxone"), field_number(2000),
        field_text("tablet"), field_number(1), field_number(1));
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        PUT(s, "PB-HQ", SHEET_REF_PARAMETER, field_text(limits[i].id),
            field_text(limits[i].id), field_text("all"), field_text(""),
            field_number(limits[i].limit), field_text(limits[i].unit),
            field_text("2020-01-01"), field_text("invented order 1"));
    }
}

static void write_codes_and_courses(struct sheets *s)
{
    static const char *const codes[][3] = {
        {"denial_reason", "no_list", "Visitor list not at the gate"},
        {"denial_reason", "alarm", "Alarm or lock-down"},
        {"denial_reason", "clearance", "Clearance expired"},
        {"substance", "heroin", "Heroin"},
        {"substance", "poppy_husk", "Poppy husk"},
        {"substance", "pharma_opioid", "Opioid tablets or capsules"},
        {"instrument", "ASSIST", "ASSIST"},
        {"instrument", "COWS", "COWS"},
        {"end_reason", "finished", "Programme finished"},
        {"end_reason", "left", "Left, reason not known"},
        {"end_reason", "custody", "Taken into custody"},
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        PUT(s, "PB-HQ", SHEET_REF_CODE, field_text(codes[i][0]),
            field_text(codes[i][1]), field_text(codes[i][2]));
    }
    PUT(s, "PB-HQ", SHEET_REF_COURSE, field_text("MENTOR-40"),
        field_text("mentor"), field_text("Course for mentors"),
        field_number(40), field_number(10), field_number(1),
        field_text("mentor_cert"), field_number(36));
    PUT(s, "PB-HQ", SHEET_REF_COURSE, field_text("TAILOR-200"),
        field_text("vocational"), field_text("Tailoring"), field_number(200),
        field_number(50), field_number(1), NOTHING, NOTHING);
}

void world_write_lists(struct world *w)
{
    for (size_t i = 0; i < w->count; i++) {
        write_site(w, &w->places[i]);
    }
    write_items_and_limits(w->sheets);
    write_codes_and_courses(w->sheets);
}
