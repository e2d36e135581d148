/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include <inttypes.h>

static const struct {
    const char *name;
    const char *of;
    int in_10000;
    const char *rules; /* that find it */
} mistakes[MISTAKES] = {
    [MISTAKE_DOUBLE_ENTRY] = {"double_entry", "take-home supply", 10, "02"},
    [MISTAKE_TWO_SITES] = {"dose_at_two_sites", "take-home supply", 3, "01 23"},
    [MISTAKE_TAKE_HOME] = {"take_home_over_limit", "take-home supply", 5, "03"},
    [MISTAKE_ABOVE_ORDER] = {"above_order", "take-home supply", 3, "04"},
    [MISTAKE_AFTER_DEATH] = {"dosed_after_death", "death", 1000, "05"},
    [MISTAKE_NO_DISCHARGE] = {"missing_discharge", "release", 300, "06"},
    [MISTAKE_GAP] = {"not_reassessed", "return after missed days", 500, "09"},
    [MISTAKE_NOT_PICKED_UP] = {"not_picked_up", "release", 800, "15"},
    [MISTAKE_CONSENT] = {"named_without_consent", "withdrawal", 2000, "16"},
    [MISTAKE_CLEARANCE] = {"clearance_lapsed", "volunteer", 500, "11"},
    [MISTAKE_CASELOAD] = {"mentor_over_caseload", "mentor", 300, "10"},
    [MISTAKE_STOCK] = {"count_differs", "count of a shelf", 100, "13"},
    [MISTAKE_LATE_ENTRY] = {"entered_late", "take-home supply", 10, "20"},
    [MISTAKE_WRONG_DATE] = {"wrong_date", "meeting", 20, "20"},
    [MISTAKE_FOLLOWUP] = {"followup_forgotten", "aftercare", 300, "21"},
    [MISTAKE_TWICE] = {"registered_twice", "person", 50, "17"},
    [MISTAKE_REVERSED] = {"wrong_person_reversed", "take-home supply", 10, ""},
    [MISTAKE_SHIPMENT] = {"shipment_short", "shipment", 200, "14"},
    [MISTAKE_GUEST] = {"guest_not_accepted", "stay as a guest", 300, "23"},
    [MISTAKE_NOTE] = {"note_corrected", "counselling note", 20, ""},
    [MISTAKE_RESULT] = {"result_corrected", "blood test", 30, ""},
    [MISTAKE_DISCLOSURE] = {"disclosed_on_no_basis", "disclosure", 30, ""},
};

bool tally_made(struct tally *t, struct dice *d, enum mistake mistake)
{
    bool made = luck_in_10000(d, mistakes[mistake].in_10000 * t->times);
    t->occasions[mistake]++;
    t->made[mistake] += made;
    return made;
}

void tally_breach(struct tally *t, int rule, uint64_t count)
{
    t->breaches[rule] += count;
}

void tally_print(const struct tally *t, FILE *f)
{
    (void)fprintf(f, "what,of,in_10000,occasions,made,rules\n");
    for (int i = 0; i < MISTAKES; i++) {
        (void)fprintf(f, "%s,%s,%d,%" PRIu64 ",%" PRIu64 ",%s\n",
                      mistakes[i].name, mistakes[i].of, mistakes[i].in_10000,
                      t->occasions[i], t->made[i], mistakes[i].rules);
    }
    for (int i = 1; i < RULES; i++) {
        if (t->breaches[i] > 0) {
            (void)fprintf(f, "rule_%02d,,,,%" PRIu64 ",%02d\n", i,
                          t->breaches[i], i);
        }
    }
}
