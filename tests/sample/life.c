/* SPDX-License-Identifier: Apache-2.0 */
#include "life.h"

#include <stdio.h>

enum { WEEK = 7, FIRST_FOLLOWUP = 14, FOLLOWUP_EVERY = 90 };

/* How a stretch of treatment ends. */
enum ending {
    ENDS_LATER,
    ENDS_LEFT,
    ENDS_FINISHED,
    ENDS_DEAD,
    ENDS_ARRESTED,
    ENDS_MOVED
};

/* --- weeks at a clinic ---------------------------------------------------- */

static int draw_dose(struct dice *d)
{
    static const int tablets[] = {2, 3, 4, 4, 5, 6};
    return MCG_EACH * tablets[dice_below(d, 6)];
}

/* When the person comes back after the supply; those who come late are looked
 * at first, as they should be. */
static int come_back(struct life *l, struct place *clinic, int due, int until)
{
    struct tally *t = &l->w->tally;
    int late = 0;
    if (luck_in_10000(&l->d, 600)) {
        late = luck_between(&l->d, 1, 2);
    } else if (luck_in_10000(&l->d, 200)) {
        late = luck_between(&l->d, 3, 10);
    }
    int day = due + late;
    if (late > 0 && due <= until) {
        life_not_dosed(l, clinic, due, "missed", "did not come");
    }
    if (late >= 3 && day <= until) {
        if (!l->held_in_books && tally_made(t, &l->d, MISTAKE_GAP)) {
            tally_breach(t, 9, 1);
        } else {
            life_assess(l, clinic, "COWS", day, true);
        }
    }
    return day;
}

static void change_dose(struct life *l, int day)
{
    int mcg = draw_dose(&l->d);
    if (mcg != l->daily_mcg) {
        struct key old = l->order;
        life_stop_order(l, "superseded", day - 1);
        life_order(l, mcg, day);
        l->replaces = old;
    }
}

/* Some days with relatives: the clinic there is asked to dose a guest, daily. Now
 * and then it does, and never says so. Returns the day after. */
static int travel(struct life *l, struct place *clinic, int day, int until)
{
    int days = luck_between(&l->d, 3, 7);
    struct place *host = world_other(l->w, &l->d, clinic, PLACE_CLINIC);
    if (host == NULL || host == l->strayed_to || l->owner != l->writer ||
        l->held_in_books || day + days > until) {
        return day;
    }
    struct key sent = life_send_guest(l, host, day - 1, day + days - 1);
    bool silent =
        l->strayed_to == NULL && tally_made(&l->w->tally, &l->d, MISTAKE_GUEST);
    if (silent) {
        l->strayed_to = host;
        tally_breach(&l->w->tally, 23, (uint64_t)days);
    } else {
        life_receive(l, host, sent, day);
    }
    for (; days > 0; days--) {
        life_guest_dose(l, host, day++);
    }
    return day;
}

/* From the first days under the eyes of staff to `until`; returns when the
 * person would come next. */
static int come_weekly(struct life *l, struct place *clinic, int day, int until,
                       int observed)
{
    for (; observed > 0 && day <= until; observed--) {
        life_observed(l, clinic, day++);
    }
    while (day <= until) {
        if (day - l->ordered_on > 60 && luck_in_10000(&l->d, 300)) {
            change_dose(l, day);
        }
        if (luck_in_10000(&l->d, 100)) {
            day = travel(l, clinic, day, until);
        }
        life_take_home(l, clinic, day, WEEK);
        day = come_back(l, clinic, l->covered + 1, until);
    }
    return day;
}

static enum ending draw_ending(struct life *l, bool may_move)
{
    static const struct {
        enum ending how;
        int in_100;
    } endings[] = {{ENDS_LEFT, 50},
                   {ENDS_FINISHED, 22},
                   {ENDS_ARRESTED, 18},
                   {ENDS_MOVED, 8},
                   {ENDS_DEAD, 2}};
    int draw = (int)dice_below(&l->d, 100);
    for (size_t i = 0;; i++) {
        draw -= endings[i].in_100;
        if (draw < 0) {
            bool moves =
                endings[i].how == ENDS_ARRESTED || endings[i].how == ENDS_MOVED;
            return moves && !may_move ? ENDS_LEFT : endings[i].how;
        }
    }
}

/* --- after treatment ------------------------------------------------------ */

static void write_followup(struct life *l, const char *site,
                           const struct key *enrolment, int due, int next)
{
    bool found = luck_in_10000(&l->d, 7500);
    int done = due + luck_between(&l->d, -5, 12);
    struct key key = key_at(&l->d, done, 700);
    PUT(l->w->sheets, site, SHEET_FOLLOWUP, field_text(key.text),
        field_text(l->person.key.text), field_text(enrolment->text),
        field_text(day_text(due).text), field_text(day_text(done).text),
        field_text(dice_even(&l->d) ? "phone" : "visit"),
        field_text(found ? "contacted" : "not_found"),
        found ? field_number((int64_t)dice_below(&l->d, 2)) : NOTHING,
        field_text(day_text(next).text), field_text("health"), field_text(site),
        field_text(moment_at(done, 700).text), field_text("Counsellor Aarzi"));
}

/* Contacts every three months, unless somebody forgets. */
static void follow_up(struct life *l, int day)
{
    struct tally *t = &l->w->tally;
    const char *site = l->owner->id;
    struct key key = key_at(&l->d, day, 720);
    struct moment then = moment_at(day, 720);
    PUT(l->w->sheets, site, SHEET_ENROLMENT, field_text(key.text),
        field_text(l->person.key.text), field_text("aftercare"),
        field_text(site), field_text("active"), field_text("aftercare"),
        NOTHING, NOTHING, NOTHING, NOTHING, field_text(day_text(day).text),
        NOTHING, NOTHING, field_text(site), field_text(then.text),
        field_text("Clerk Nakli"));
    bool forgotten = tally_made(t, &l->d, MISTAKE_FOLLOWUP);
    int due = day + FIRST_FOLLOWUP;
    for (; due + 15 <= l->w->last; due += FOLLOWUP_EVERY) {
        if (forgotten && due > day + FIRST_FOLLOWUP) {
            break;
        }
        write_followup(l, site, &key, due, due + FOLLOWUP_EVERY);
    }
    if (due + 31 <= l->w->last) {
        tally_breach(t, 21, 1);
    }
}

/* A course, and work in its trade or another. */
static void find_work(struct life *l, int day)
{
    const char *site = l->owner->id;
    struct key course = key_at(&l->d, day, 730);
    int done = day + 60;
    if (done + 30 > l->w->last || !luck_in_10000(&l->d, 4000)) {
        return;
    }
    PUT(l->w->sheets, site, SHEET_TRAINING, field_text(course.text), NOTHING,
        field_text(l->person.key.text), field_text("TAILOR-200"), NOTHING,
        field_number(50), field_number(luck_between(&l->d, 40, 50)),
        field_text("pass"), field_text(day_text(done).text),
        field_text("Trainer Kalpit"), field_text(site),
        field_text(moment_at(done, 900).text), field_text("Trainer Kalpit"));
    struct key work = key_at(&l->d, done + 30, 740);
    PUT(l->w->sheets, site, SHEET_PLACEMENT, field_text(work.text),
        field_text(l->person.key.text), NOTHING, field_text("job"),
        field_text("labour"), field_text(site), field_text("TAILOR-200"),
        field_text("Misal Garments"), field_text("textile"),
        field_number(luck_in_10000(&l->d, 7000)), field_text(course.text),
        field_text("placed"), field_text(day_text(done + 30).text),
        field_text(day_text(done + 30).text), field_text(site),
        field_text(moment_at(done + 30, 740).text), field_text("Clerk Nakli"));
}

/* --- registered twice ----------------------------------------------------- */

/* Under another spelling, with another card, at another clinic or the same. It
 * is treated there as well, for some weeks: once the two are linked there are
 * two treatments and many second doses. */
static void register_twice(const struct life *l, int day)
{
    struct life again = *l;
    struct place *where = world_other(l->w, &again.d, l->home, PLACE_CLINIC);
    if (where == NULL) {
        where = l->home;
    }
    again.d.state ^= UINT64_C(0x5bd1e9955bd1e995);
    person_misspell(&again.person, &again.d);
    again.person.key = key_at(&again.d, day, 640);
    again.person.since = day;
    again.home = where;
    again.agreed.text[0] = '\0';
    again.covered = 0;
    person_card(&again.person, l->w->seed, where->number, where->cards++);
    life_enrol(&again, where, day);
    life_order(&again, again.daily_mcg, day);
    int times = l->w->tally.times;
    l->w->tally.times = 0; /* one mistake is enough */
    int until = day + 5 * WEEK;
    until = until < l->w->last ? until : l->w->last;
    (void)come_weekly(&again, where, day, until, 0);
    l->w->tally.times = times;
    int end = again.covered < l->w->last ? again.covered : l->w->last;
    life_stop_order(&again, "stopped", end);
    life_end(&again, "dropped_out", "left", end);
    person_write(l->w->sheets, where->id, where->district, &again.person);
    tally_breach(&l->w->tally, 17, 1);
}

/* --- the end of a stretch ------------------------------------------------- */

/* The tablets went on, on a dead person's card. */
static void die(struct life *l, struct place *clinic, int day)
{
    bool goes_on = tally_made(&l->w->tally, &l->d, MISTAKE_AFTER_DEATH);
    l->person.died = day;
    for (int i = 0; goes_on && i < 4 && l->covered < l->w->last; i++) {
        life_take_home(l, clinic, l->covered + 1, WEEK);
    }
    if (goes_on) {
        life_stop_order(l, "active", 0);
    } else {
        life_stop_order(l, "stopped", day);
    }
    life_end(l, "died", "died", day);
}

static int stay_in_prison(struct life *l, struct place *prison, int day,
                          bool treated);

/* Another clinic takes the person over. */
static int move_on(struct life *l, struct place *clinic, int day)
{
    struct place *to = world_other(l->w, &l->d, clinic, PLACE_CLINIC);
    /* who was dosed there without a word would have been one of theirs */
    if (to == NULL || to == l->strayed_to) {
        life_stop_order(l, "stopped", day - 1);
        life_end(l, "dropped_out", "left", day - 1);
        return day;
    }
    int mcg = l->daily_mcg;
    struct key offer = life_offer(l, to, "transfer_of_care", day - 1, day + 2);
    life_stop_order(l, "stopped", day - 1);
    life_take(l, to, offer, day);
    life_order(l, mcg, day);
    return day;
}

static void stop_here(struct life *l, enum ending how, struct place *clinic,
                      int day)
{
    switch (how) {
    case ENDS_LATER: /* the world's days are over */
        life_stop_order(l, "active", 0);
        life_end(l, "active", NULL, 0);
        break;
    case ENDS_DEAD:
        die(l, clinic, l->covered);
        break;
    case ENDS_FINISHED:
        life_stop_order(l, "stopped", day - 1);
        life_end(l, "completed", "finished", day - 1);
        follow_up(l, day - 1);
        find_work(l, day - 1);
        break;
    case ENDS_LEFT:
    case ENDS_ARRESTED:
    case ENDS_MOVED:
        life_stop_order(l, "stopped", day - 1);
        life_end(l, how == ENDS_ARRESTED ? "transferred" : "dropped_out",
                 how == ENDS_ARRESTED ? "custody" : "left", day - 1);
        break;
    }
}

/* What is written of a stretch beside its doses. */
static void sit_down(struct life *l, const struct place *where, int began)
{
    int until = l->covered < l->w->last ? l->covered : l->w->last;
    if (until < began) {
        return;
    }
    life_talk(l, where, began, until);
    life_test_blood(l, where, began, until);
    if (luck_in_10000(&l->d, 30)) {
        life_disclose(
            l, where, luck_between(&l->d, began, until),
            &(struct disclosure){.data_class = "medication",
                                 .purpose = "treatment",
                                 .recipient = "emergency ward Misal",
                                 .basis = "medical emergency",
                                 .emergency = "brought in unconscious"});
    }
}

/* A stretch at a clinic, and what comes after it. A treatment changes hands once
 * at most: whoever was taken over does not move again. */
static int treat(struct life *l, struct place *clinic, int day, int observed)
{
    bool may_move = l->owner == l->writer;
    int until = day + luck_between(&l->d, 30, 700);
    enum ending how =
        until >= l->w->last ? ENDS_LATER : draw_ending(l, may_move);
    how = how == ENDS_DEAD && l->home != clinic ? ENDS_LEFT : how;
    until = how == ENDS_LATER ? l->w->last : until;
    int began = day;
    day = come_weekly(l, clinic, day, until, observed);
    sit_down(l, clinic, began);
    /* whoever comes next on a day that has not come goes on */
    how = day > l->w->last && how != ENDS_DEAD ? ENDS_LATER : how;
    day = l->covered + 1;
    struct place *prison = world_other(l->w, &l->d, clinic, PLACE_PRISON);
    if (how == ENDS_ARRESTED && prison != NULL && day < l->w->last - WEEK) {
        stop_here(l, how, clinic, day);
        return stay_in_prison(l, prison, day, true);
    }
    if (how == ENDS_MOVED && day < l->w->last - WEEK) {
        day = move_on(l, clinic, day);
        return l->owner == clinic ? day : treat(l, l->owner, day, 0);
    }
    stop_here(l, how, clinic, day);
    return how == ENDS_LATER ? l->w->last + 1 : day;
}

int life_at_clinic(struct life *l, struct place *clinic, int day)
{
    life_register(l, clinic, day);
    life_enrol(l, clinic, day);
    life_order(l, draw_dose(&l->d), day);
    if (day + 5 < l->w->last &&
        tally_made(&l->w->tally, &l->d, MISTAKE_TWICE)) {
        register_twice(l, day + 5);
    }
    int end = treat(l, clinic, day, luck_between(&l->d, 3, 5));
    person_write(l->w->sheets, l->home->id, l->home->district, &l->person);
    return end;
}

/* --- prison --------------------------------------------------------------- */

/* Every day under the eyes of staff. Nobody misses three days in a row. */
static void come_daily(struct life *l, struct place *prison, int day, int until)
{
    for (; day <= until; day++) {
        if (day - l->covered < 3 && luck_in_10000(&l->d, 200)) {
            life_not_dosed(l, prison, day, "refused", "did not want it");
        } else if (day - l->covered < 3 && luck_in_10000(&l->d, 100)) {
            life_not_dosed(l, prison, day, "missed", "at court");
        } else {
            life_observed(l, prison, day);
        }
    }
}

/* Home, with the treatment offered to a clinic. */
static int release(struct life *l, struct place *prison, int day)
{
    struct tally *t = &l->w->tally;
    struct place *clinic = l->home->kind == PLACE_CLINIC
                               ? l->home
                               : world_other(l->w, &l->d, prison, PLACE_CLINIC);
    int mcg = l->daily_mcg;
    int next = day + luck_between(&l->d, 1, 3);
    life_stop_order(l, "stopped", day);
    if (clinic == NULL || next > l->w->last) {
        life_custody(l, prison, "released", day, 1030);
        life_end(l, "ceased", "left", day);
        return day + 1;
    }
    struct key offer = life_offer(l, clinic, "prison_release", day, day + 3);
    if (day + 4 <= l->w->last && tally_made(t, &l->d, MISTAKE_NOT_PICKED_UP)) {
        life_custody(l, prison, "released", day, 1030);
        life_end(l, "active", NULL, 0);
        tally_breach(t, 15, 1);
        return day + 1;
    }
    if (tally_made(t, &l->d, MISTAKE_NO_DISCHARGE)) {
        l->held_in_books = true;
    } else {
        life_custody(l, prison, "released", day, 1030);
    }
    life_take(l, clinic, offer, next);
    life_order(l, mcg, next);
    return treat(l, clinic, next, 0);
}

/* Taken in, looked at, treated or not, and let go. */
static int stay_in_prison(struct life *l, struct place *prison, int day,
                          bool treated)
{
    int until = day + luck_between(&l->d, 20, 240);
    life_custody(l, prison, "admitted", day, 480);
    if (luck_in_10000(&l->d, 9000)) {
        life_assess(l, prison, "COWS", day + 1, true);
    }
    if (luck_in_10000(&l->d, 2000)) {
        life_disclose(l, prison, day + 1,
                      &(struct disclosure){.data_class = "enrolment",
                                           .purpose = "court_report",
                                           .recipient = "court Namoona",
                                           .basis = "order of the court"});
    }
    if (!treated) {
        if (until <= l->w->last) {
            life_custody(l, prison, "released", until, 1030);
        }
        return until + 1;
    }
    int mcg = l->daily_mcg == 0 ? draw_dose(&l->d) : l->daily_mcg;
    life_enrol(l, prison, day);
    life_order(l, mcg, day);
    life_observed(l, prison, day);
    come_daily(l, prison, day + 1, until < l->w->last ? until : l->w->last);
    sit_down(l, prison, day);
    if (until >= l->w->last) {
        life_stop_order(l, "active", 0);
        life_end(l, "active", NULL, 0);
        return l->w->last + 1;
    }
    if (l->covered < until) { /* not without a dose on the last day */
        life_observed(l, prison, until);
    }
    return release(l, prison, until);
}

int life_in_prison(struct life *l, struct place *prison, int day)
{
    life_register(l, prison, day);
    int end = stay_in_prison(l, prison, day, luck_in_10000(&l->d, 4000));
    person_write(l->w->sheets, l->home->id, l->home->district, &l->person);
    return end;
}
