/* SPDX-License-Identifier: Apache-2.0 */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/uuid.h"
#include "support/dice.h"

enum { SEED = 20260214 };

static const int64_t start_ms = INT64_C(1780000000000);

const char *const workload_columns[UPDATE_COLUMNS] = {
    "phone", "home_locality", "preferred_language", "alias_names"};

/* --- invention ----------------------------------------------------------- */

static const char *pick(struct dice *d, const char *const *from, size_t count)
{
    return from[dice_below(d, count)];
}

static const char *given_name(struct dice *d)
{
    static const char *const names[] = {
        "Aman",  "Balbir", "Charan", "Daljit", "Ekam",   "Fateh",
        "Gagan", "Harman", "Inder",  "Jaspal", "Kirpal", "Lakha",
        "Manav", "Navjot", "Onkar",  "Prem",   "Rajan",  "Surjit"};
    return pick(d, names, sizeof names / sizeof names[0]);
}

static const char *family_name(struct dice *d)
{
    static const char *const names[] = {
        "Testgill",  "Testsandhu", "Testsidhu", "Testdhillon", "Testgrewal",
        "Testkumar", "Testsharma", "Testbains", "Testrana",    "Testmann"};
    return pick(d, names, sizeof names / sizeof names[0]);
}

static const char *locality(struct dice *d)
{
    static const char *const names[] = {
        "Model Town Ward 4", "Village Kotla",  "Ward 12",
        "Old Mill Street",   "Village Rampur", "Canal Colony",
        "Station Road",      "Ward 7",         "Village Nangal"};
    return pick(d, names, sizeof names / sizeof names[0]);
}

static void phone(struct dice *d, char out[TEXT_BYTES])
{
    (void)snprintf(out, TEXT_BYTES, "00%08zu", dice_below(d, 100000000));
}

static void uuid(struct workload *w, char out[UUID_TEXT])
{
    uint8_t raw[UUID_BYTES];
    struct bytes text = {0};
    dice_fill(&w->dice, raw, sizeof raw);
    if (w->shape.keys == UUID_V7) {
        uint8_t ms[8];
        be64_put(ms, (uint64_t)w->at_ms);
        memcpy(raw, ms + 2, 6);
    }
    raw[6] = (uint8_t)((raw[6] & 15) | w->shape.keys << 4);
    raw[8] = (uint8_t)((raw[8] & 63) | 128);
    uuid_print(raw, &text);
    memcpy(out, text.data, UUID_TEXT_BYTES);
    out[UUID_TEXT_BYTES] = '\0';
    bytes_free(&text);
}

void *workload_array(size_t count, size_t item_bytes)
{
    void *items = calloc(count + 1, item_bytes);
    if (items == NULL) {
        abort();
    }
    return items;
}

static void make_persons(struct workload *w)
{
    struct dice *d = &w->dice;
    for (size_t i = 0; i < w->shape.persons; i++) {
        struct person *p = &w->persons[i];
        w->at_ms += (int64_t)dice_below(d, 60000);
        uuid(w, p->id);
        uuid(w, p->enrolment);
        uuid(w, p->order);
        (void)snprintf(p->number, TEXT_BYTES, "PB-%07zu", i);
        p->given = given_name(d);
        p->family = family_name(d);
        p->parent = given_name(d);
        p->birth_year = 1950 + (int)dice_below(d, 56);
        p->locality = locality(d);
        phone(d, p->phone);
    }
}

/* Days of 28-day months: what matters is that the text looks like time. */
static void instant(int64_t ms, char out[TEXT_BYTES])
{
    int64_t s = ms / 1000;
    (void)snprintf(out, TEXT_BYTES, "2026-%02d-%02dT%02d:%02d:%02d.%03dZ",
                   (int)(s / 86400 / 28 % 12) + 1, (int)(s / 86400 % 28) + 1,
                   (int)(s / 3600 % 24), (int)(s / 60 % 60), (int)(s % 60),
                   (int)(ms % 1000));
}

static void make_doses(struct workload *w)
{
    static const char *const kinds[] = {"observed", "observed", "take_home"};
    static const char *const items[] = {"BUP-NAL-2", "BUP-NAL-0.4", "BUP-2"};
    static const char *const proofs[] = {"biometric", "photo_card",
                                         "known_to_staff"};
    struct dice *d = &w->dice;
    for (size_t i = 0; i < w->shape.doses; i++) {
        struct dose *p = &w->doses[i];
        w->at_ms += (int64_t)dice_below(d, 90000);
        uuid(w, p->id);
        p->person = &w->persons[dice_below(d, w->shape.persons)];
        instant(w->at_ms, p->at);
        instant(w->at_ms + (int64_t)dice_below(d, 5000), p->recorded);
        (void)snprintf(p->day, TEXT_BYTES, "%.10s", p->at);
        p->kind = pick(d, kinds, 3);
        p->item = pick(d, items, 3);
        p->units = 1 + (int)dice_below(d, 8);
        p->mcg = p->units * 2000;
        p->days = p->kind[0] == 't' ? 7 : 1;
        (void)snprintf(p->batch, TEXT_BYTES, "B%05zu",
                       26000 + dice_below(d, 12));
        p->verified = pick(d, proofs, 3);
        (void)snprintf(p->by, TEXT_BYTES, "nurse-%02zu", dice_below(d, 6));
    }
}

static void make_updates(struct workload *w)
{
    static const char *const languages[] = {"pa", "hi", "en", "ur", "bho"};
    struct dice *d = &w->dice;
    for (size_t i = 0; i < w->shape.updates; i++) {
        struct update *u = &w->updates[i];
        u->person = dice_below(d, w->shape.persons);
        u->column = dice_below(d, UPDATE_COLUMNS);
        switch (u->column) {
        case 0:
            phone(d, u->value);
            break;
        case 1:
            (void)snprintf(u->value, TEXT_BYTES, "%s, %zu", locality(d),
                           dice_below(d, 400));
            break;
        case 2:
            (void)snprintf(u->value, TEXT_BYTES, "%s", pick(d, languages, 5));
            break;
        default:
            (void)snprintf(u->value, TEXT_BYTES, "[\"A%02zu\",\"B%02zu\"]",
                           dice_below(d, 60), dice_below(d, 60));
            break;
        }
    }
}

struct workload *workload_new(const struct workload_shape *shape)
{
    struct workload *w = workload_array(1, sizeof *w);
    w->shape = *shape;
    w->dice.state = SEED;
    w->at_ms = start_ms;
    w->persons = workload_array(shape->persons, sizeof *w->persons);
    w->doses = workload_array(shape->doses, sizeof *w->doses);
    w->updates = workload_array(shape->updates, sizeof *w->updates);
    make_persons(w);
    make_doses(w);
    make_updates(w);
    return w;
}

void workload_destroy(struct workload **w)
{
    free((*w)->persons);
    free((*w)->doses);
    free((*w)->updates);
    free(*w);
    *w = NULL;
}

struct edit workload_edit(enum editor editor, size_t person)
{
    struct edit edit;
    size_t mixed = (person * 2654435761u) % 100000000;
    (void)snprintf(edit.phone, TEXT_BYTES, "0%d%08zu", (int)editor, mixed);
    (void)snprintf(edit.other, TEXT_BYTES,
                   editor == EDITOR_CLINIC ? "Ward %zu" : "l%zu", mixed % 400);
    return edit;
}
