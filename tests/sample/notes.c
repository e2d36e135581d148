/* SPDX-License-Identifier: Apache-2.0 */
#include "life.h"

static struct field enrolment_of(const struct life *l)
{
    return l->enrolment.text[0] == '\0' ? NOTHING
                                        : field_text(l->enrolment.text);
}

/* --- talks ---------------------------------------------------------------- */

/* `corrects` NULL: nothing. */
static struct key write_note(struct life *l, const struct place *where, int day,
                             const char *kind, const char *note,
                             const char *corrects)
{
    struct key key = key_at(&l->d, day, 840);
    struct moment then = moment_at(day, corrects == NULL ? 840 : 850);
    PUT(l->w->sheets, where->id, SHEET_NOTE, field_text(key.text),
        field_text(l->person.key.text), enrolment_of(l), field_text(kind),
        field_text(day_text(day).text), field_text(note), field_text(corrects),
        field_text(where->id), field_text(then.text),
        field_text("Counsellor Aarzi"));
    return key;
}

/* About once a month, whoever sits down for it. */
void life_talk(struct life *l, const struct place *where, int day, int until)
{
    static const char *const notes[] = {
        "Invented: slept badly, wants to go on.",
        "Invented: work in the fields, no craving this month.",
        "Invented: quarrel at home; brother comes along next time.",
        "Invented: met old friends and stayed away afterwards.",
        "Invented: asks for a course and for help with papers.",
        "Invented: low mood; to be asked again in a week.",
    };
    enum { NOTES = sizeof notes / sizeof notes[0] };
    for (day += luck_between(&l->d, 0, 6); day <= until;
         day += luck_between(&l->d, 24, 40)) {
        const char *note = notes[dice_below(&l->d, NOTES)];
        const char *kind = luck_in_10000(&l->d, 8500) ? "counselling" : "peer";
        if (!luck_in_10000(&l->d, 7000)) {
            continue;
        }
        struct key key = write_note(l, where, day, kind, note, NULL);
        if (tally_made(&l->w->tally, &l->d, MISTAKE_NOTE)) {
            (void)write_note(l, where, day, kind,
                             "Invented: as said, not shown.", key.text);
        }
    }
}

/* --- blood tests ---------------------------------------------------------- */

/* How often, of 10,000: who has it in Punjab's jails (923 of 23,879 and 4,846 of
 * 21,299; HBV is a guess), and who is tested there (those of 29,970) and, a
 * guess, at clinics. */
static const struct {
    const char *test;
    int has;
    int in_prison;
    int at_clinic;
} blood[BLOOD_TESTS] = {[BLOOD_HIV] = {"HIV", 387, 7970, 5000},
                        [BLOOD_HCV] = {"HCV", 2275, 7110, 5000},
                        [BLOOD_HBV] = {"HBV", 300, 1000, 1500}};

void life_draw_blood(struct life *l)
{
    for (int i = 0; i < BLOOD_TESTS; i++) {
        l->infected[i] = luck_in_10000(&l->d, blood[i].has);
    }
}

/* `result` NULL: it is not back yet. */
static struct key write_result(struct life *l, const struct place *where,
                               int day, const char *test, const char *result,
                               const char *corrects)
{
    struct key key = key_at(&l->d, day, 660);
    struct moment then = moment_at(day, corrects == NULL ? 660 : 700);
    PUT(l->w->sheets, where->id, SHEET_BLOOD, field_text(key.text),
        field_text(l->person.key.text), enrolment_of(l),
        field_text(day_text(day).text), field_text(test), field_text(result),
        field_text(corrects), field_text(where->id), field_text(then.text),
        field_text("Technician Nakli"));
    return key;
}

static void test_once(struct life *l, const struct place *where, int day,
                      enum blood_test which)
{
    enum { LABORATORY_DAYS = 4 };
    const char *test = blood[which].test;
    const char *right = l->infected[which] ? "positive" : "negative";
    if (day + LABORATORY_DAYS > l->w->last) {
        (void)write_result(l, where, day, test, NULL, NULL);
    } else if (tally_made(&l->w->tally, &l->d, MISTAKE_RESULT)) {
        struct key wrong =
            write_result(l, where, day, test, "indeterminate", NULL);
        (void)write_result(l, where, day, test, right, wrong.text);
    } else {
        (void)write_result(l, where, day, test, right, NULL);
    }
}

/* In the first days, and again each year while nothing was found. */
void life_test_blood(struct life *l, const struct place *where, int day,
                     int until)
{
    enum { YEAR = 365 };
    bool prison = where->kind == PLACE_PRISON;
    for (int i = 0; i < BLOOD_TESTS; i++) {
        int on = day + luck_between(&l->d, 0, 10);
        bool agrees = luck_in_10000(&l->d, prison ? blood[i].in_prison
                                                  : blood[i].at_clinic);
        for (; agrees && on <= until; on += YEAR) {
            test_once(l, where, on, (enum blood_test)i);
            agrees = !l->infected[i];
        }
    }
}

/* --- disclosures ---------------------------------------------------------- */

void life_disclose(struct life *l, const struct place *where, int day,
                   const struct disclosure *what)
{
    struct key key = key_at(&l->d, day, 1025);
    bool baseless = what->emergency == NULL &&
                    tally_made(&l->w->tally, &l->d, MISTAKE_DISCLOSURE);
    PUT(l->w->sheets, where->id, SHEET_DISCLOSURE, field_text(key.text),
        field_text(l->person.key.text), field_text(what->data_class),
        field_text(what->purpose), field_text(what->recipient),
        field_text(baseless ? NULL : what->consent),
        field_text(baseless ? NULL : what->basis),
        field_number(what->emergency != NULL), field_text(what->emergency),
        field_text(where->id), field_text(moment_at(day, 1025).text),
        field_text("Counsellor Aarzi"));
}
