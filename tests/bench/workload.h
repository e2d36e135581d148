/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Workload: invented rows of the domain, made before anything is timed, the
 * same from run to run. Persons of doses and of updates are drawn at random.
 *
 * A dose fills the columns a register fills: two UUIDs (four with `wide`: the
 * enrolment and the order too), two instants, about 210 bytes of values.
 */
#ifndef SANGAM_BENCH_WORKLOAD_H
#define SANGAM_BENCH_WORKLOAD_H

#include "protocol/uuid.h"
#include "support/dice.h"

enum {
    UUID_TEXT = UUID_TEXT_BYTES + 1,
    TEXT_BYTES = 32,
    UPDATE_COLUMNS = 4,
};

struct person {
    char id[UUID_TEXT];
    char enrolment[UUID_TEXT];
    char order[UUID_TEXT];
    char number[TEXT_BYTES];
    const char *given;
    const char *family;
    const char *parent;
    int birth_year;
    const char *locality;
    char phone[TEXT_BYTES];
};

struct dose {
    char id[UUID_TEXT];
    const struct person *person;
    char day[TEXT_BYTES];
    char at[TEXT_BYTES];       /* handed over */
    char recorded[TEXT_BYTES]; /* some seconds later */
    const char *kind;
    const char *item;
    int units;
    int mcg;
    int days;
    char batch[TEXT_BYTES];
    const char *verified;
    char by[TEXT_BYTES];
};

/* Of one column of one person. */
struct update {
    size_t person;
    size_t column; /* in workload_columns */
    char value[TEXT_BYTES];
};

extern const char *const workload_columns[UPDATE_COLUMNS];

enum uuid_version { UUID_V4 = 4, UUID_V7 = 7 };

struct workload_shape {
    size_t persons;
    size_t doses;
    size_t updates;
    enum uuid_version keys;
    bool wide;
};

struct workload {
    struct workload_shape shape;
    struct person *persons;
    struct dose *doses;
    struct update *updates;
    struct dice dice;
    int64_t at_ms; /* of the row made last */
};

struct workload *workload_new(const struct workload_shape *shape);
void workload_destroy(struct workload **w);

/* What each site changes of every person, so that both meet in one column:
 * the clinic phone and home_locality, headquarters phone and
 * preferred_language. The same each time it is asked for. */
enum editor { EDITOR_CLINIC = 1, EDITOR_OFFICE };
struct edit {
    char phone[TEXT_BYTES];
    char other[TEXT_BYTES];
};
struct edit workload_edit(enum editor editor, size_t person);

/* Zeroed, and never NULL. */
void *workload_array(size_t count, size_t item_bytes);

#endif
