/* SPDX-License-Identifier: Apache-2.0 */
#include "life.h"

#include <stdio.h>

/* A row of the register while it is put together. */
struct dose {
    struct place *where;
    int day;
    int minute;
    const char *kind;
    int days;
    int mcg;          /* in all */
    int entered_late; /* days */
    const char *reverses;
    const char *reason;
};

static struct key write_dose(struct life *l, const struct dose *x)
{
    static const char *const ways[] = {"biometric", "photo_card",
                                       "known_to_staff"};
    const char *site = x->where->id;
    bool given = x->mcg > 0;
    bool prison = x->where->kind == PLACE_PRISON;
    char batch[16];
    struct key key = key_at(&l->d, x->day, x->minute);
    (void)snprintf(batch, sizeof batch, "NKL%02d", day_month(x->day));
    PUT(l->w->sheets, site, SHEET_DOSE, field_text(key.text),
        field_text(l->person.key.text), field_text(l->enrolment.text),
        field_text(l->order.text), field_text(site),
        field_text(day_text(x->day).text),
        field_text(moment_at(x->day, x->minute).text), field_text(x->kind),
        given ? field_text("BUP-NAL-2") : NOTHING,
        field_number(x->mcg / MCG_EACH), field_number(x->mcg),
        field_number(x->days), given ? field_text(batch) : NOTHING,
        field_text(given ? ways[dice_below(&l->d, 3)] : "none"),
        field_text(dice_even(&l->d) ? "Nurse Misal" : "Nurse Udahar"),
        prison && given ? field_text("Officer Nakli") : NOTHING,
        field_text(x->reverses), field_text(x->reason), field_text(site),
        field_text(moment_at(x->day + x->entered_late, x->minute + 3).text));
    return key;
}

/* A dose that stands, with what follows from what the books say. */
static void hand_over(struct life *l, const struct dose *x)
{
    struct tally *t = &l->w->tally;
    (void)write_dose(l, x);
    if (x->where->used != NULL) {
        x->where->used[x->day - l->w->first] += x->mcg / MCG_EACH;
    }
    if (l->held_in_books && x->where->kind != PLACE_PRISON) {
        tally_breach(t, 6, 1);
    }
    if (l->person.died != 0 && x->day > l->person.died) {
        tally_breach(t, 5, 1);
    }
    int last = x->day + x->days - 1;
    l->covered = last > l->covered ? last : l->covered;
}

void life_observed(struct life *l, struct place *where, int day)
{
    hand_over(l, &(struct dose){.where = where,
                                .day = day,
                                .minute = luck_between(&l->d, 560, 780),
                                .kind = "observed",
                                .days = 1,
                                .mcg = l->daily_mcg});
}

void life_guest_dose(struct life *l, struct place *host, int day)
{
    hand_over(l, &(struct dose){.where = host,
                                .day = day,
                                .minute = luck_between(&l->d, 560, 780),
                                .kind = "guest",
                                .days = 1,
                                .mcg = l->daily_mcg});
}

void life_not_dosed(struct life *l, struct place *where, int day,
                    const char *kind, const char *reason)
{
    (void)write_dose(l, &(struct dose){.where = where,
                                       .day = day,
                                       .minute = 800,
                                       .kind = kind,
                                       .reason = reason});
}

/* --- mistakes ------------------------------------------------------------- */

/* Booked on the wrong person, seen at once and undone: nothing is left of it. */
static void book_wrongly(struct life *l, struct dose x)
{
    struct key wrong = write_dose(l, &x);
    x.minute += 5;
    x.kind = "reversal";
    x.mcg = 0;
    x.days = 0;
    x.reverses = wrong.text;
    x.reason = "booked on the wrong person";
    (void)write_dose(l, &x);
}

/* The same person stood at another desk that morning. */
static void dose_elsewhere(struct life *l, struct place *other, int day)
{
    int covered = l->covered;
    hand_over(l, &(struct dose){.where = other,
                                .day = day,
                                .minute = 541,
                                .kind = "observed",
                                .days = 1,
                                .mcg = l->daily_mcg});
    l->covered = covered;
    l->strayed_to = other;
    tally_breach(&l->w->tally, 1, 1);
    tally_breach(&l->w->tally, 23, 1);
}

/* Was the person dosed elsewhere too? */
static bool err_before(struct life *l, const struct dose *x)
{
    struct tally *t = &l->w->tally;
    struct place *other = world_other(l->w, &l->d, x->where, PLACE_CLINIC);
    if (tally_made(t, &l->d, MISTAKE_REVERSED)) {
        book_wrongly(l, *x);
    }
    if (other == NULL || l->owner != l->writer || l->strayed_to != NULL ||
        !tally_made(t, &l->d, MISTAKE_TWO_SITES)) {
        return false;
    }
    dose_elsewhere(l, other, x->day);
    return true;
}

/* How the row itself is wrong. */
static void err_within(struct life *l, struct dose *x)
{
    enum { LATE_DAYS = 40 };
    struct tally *t = &l->w->tally;
    if (tally_made(t, &l->d, MISTAKE_TAKE_HOME)) {
        x->days = 21;
        x->mcg = l->daily_mcg * x->days;
        tally_breach(t, 3, 1);
    }
    if (tally_made(t, &l->d, MISTAKE_ABOVE_ORDER)) {
        x->mcg *= 2;
        tally_breach(t, 4, 1);
    }
    if (x->day + LATE_DAYS < l->w->last &&
        tally_made(t, &l->d, MISTAKE_LATE_ENTRY)) {
        x->entered_late = luck_between(&l->d, 16, LATE_DAYS);
        tally_breach(t, 20, 1);
    }
}

void life_take_home(struct life *l, struct place *where, int day, int days)
{
    struct dose x = {.where = where,
                     .day = day,
                     .minute = luck_between(&l->d, 560, 780),
                     .kind = "take_home",
                     .days = days,
                     .mcg = l->daily_mcg * days};
    /* of two mistakes at once the breaches could not be told apart */
    bool right = l->person.died == 0 && !l->held_in_books;
    if (right) {
        right = !err_before(l, &x);
        err_within(l, &x);
    }
    hand_over(l, &x);
    if (right && x.entered_late == 0 && x.mcg == l->daily_mcg * days &&
        tally_made(&l->w->tally, &l->d, MISTAKE_DOUBLE_ENTRY)) {
        x.minute += 2;
        hand_over(l, &x);
        tally_breach(&l->w->tally, 2, 1);
    }
}
