/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Bench: prints ratios against floors measured in the same run, as lines with
 * tabs between. tests/bench/run is how people call it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cost.h"
#include "figure.h"
#include "machine.h"

static const char usage[] =
    "usage: bench [full|quick|smoke] [PART...]\n"
    "  full    100,000 rows, three repetitions (the default)\n"
    "  quick   10,000 rows, one repetition\n"
    "  smoke   a few rows: does it run?\n"
    "  PART    write, import, drain, apply, merge, wire, file, fold; all if none is named\n";

static const struct {
    const char *name;
    struct sizes sizes;
} scales[] = {
    {"full", {3, 100000, 20000, 100000, 2000, 20}},
    {"quick", {1, 10000, 4000, 10000, 500, 20}},
    {"smoke", {1, 300, 100, 400, 10, 1}},
};

static const struct {
    const char *name;
    void (*measure)(const struct sizes *sizes);
    bool exact; /* gives the same each time: once is enough */
} parts[] = {
    {"write", write_cost_measure, false},
    {"drain", drain_cost_measure, false},
    {"apply", apply_cost_measure, false},
    {"merge", merge_cost_measure, false},
    {"wire", wire_cost_measure, true},
    {"file", file_cost_measure, true},
    {"fold", fold_cost_measure, true},
    {"import", import_cost_measure, false},
};

enum { PARTS = sizeof parts / sizeof parts[0] };

struct wish {
    const struct sizes *sizes;
    bool parts[PARTS];
    bool all;
};

static bool take_scale(const char *word, struct wish *w)
{
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        if (strcmp(word, scales[i].name) == 0) {
            w->sizes = &scales[i].sizes;
            return true;
        }
    }
    return false;
}

static bool take_part(const char *word, struct wish *w)
{
    for (size_t i = 0; i < PARTS; i++) {
        if (strcmp(word, parts[i].name) == 0) {
            w->parts[i] = true;
            w->all = false;
            return true;
        }
    }
    return false;
}

static void measure(const struct wish *w)
{
    for (int k = 0; k < w->sizes->repetitions; k++) {
        for (size_t i = 0; i < PARTS; i++) {
            if ((w->all || w->parts[i]) && (k == 0 || !parts[i].exact)) {
                (void)fprintf(stderr, "bench: %s, %d of %d\n", parts[i].name,
                              k + 1, w->sizes->repetitions);
                parts[i].measure(w->sizes);
            }
        }
    }
}

int main(int argc, char **argv)
{
    struct wish w = {.sizes = &scales[0].sizes, .all = true};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            (void)fputs(usage, stdout);
            return EXIT_SUCCESS;
        }
        if (!take_scale(argv[i], &w) && !take_part(argv[i], &w)) {
            (void)fprintf(stderr, "bench: '%s' is no scale and no part\n",
                          argv[i]);
            return 2;
        }
    }
    machine_print();
    measure(&w);
    figure_print();
    return !w.all || figure_complete() ? EXIT_SUCCESS : EXIT_FAILURE;
}
