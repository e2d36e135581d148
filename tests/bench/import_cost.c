/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What an import costs: a register of doses in one transaction, against the
 * same rows bound one by one into the same tables without triggers.
 */
#include "cost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "branch.h"
#include "figure.h"
#include "node/import.h"
#include "writer.h"

static const char map_text[] =
    "[register]\ntable = dose_event\nname = doses\nkey = Sr. No.\n"
    "[person_id]\nfrom = Card\nperson = number\n"
    "[service_date]\nfrom = Date\n"
    "[occurred_at]\nfrom = Date\nfrom = Time\n"
    "[kind]\nfrom = Status\n"
    "code = observed: P\ncode = take_home: T\ncode = missed: A\n"
    "[item_code]\nfrom = Drug\n"
    "[units]\nfrom = Tablets\n"
    "[amount_mcg]\nfrom = Dose\ntimes = 1000\nunit = mg\n"
    "[days_covered]\nfrom = Days\n"
    "[batch_no]\nfrom = Batch\n"
    "[verified_by]\nvalue = photo_card\n"
    "[dispensed_by]\nfrom = Given by\n";

static void must(int rc, const struct err *e)
{
    if (rc != 0) {
        (void)fprintf(stderr, "bench: %s\n", e->text);
        exit(EXIT_FAILURE);
    }
}

static FILE *create(const char *path)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        (void)fprintf(stderr, "bench: %s cannot be written\n", path);
        exit(EXIT_FAILURE);
    }
    return file;
}

static void finish(FILE *file, const char *path)
{
    if (fclose(file) != 0) {
        (void)fprintf(stderr, "bench: %s cannot be written\n", path);
        exit(EXIT_FAILURE);
    }
}

/* With the table's own columns, and ids. */
static void write_plain(const struct workload *w, const char *path)
{
    FILE *f = create(path);
    fprintf(
        f,
        "dose_id,person_id,enrolment_id,order_id,service_date,occurred_at,kind,item_code,"
        "units,amount_mcg,days_covered,batch_no,verified_by,"
        "dispensed_by,recorded_at\n");
    for (size_t i = 0; i < w->shape.doses; i++) {
        const struct dose *d = &w->doses[i];
        fprintf(f, "%s,%s,%s,%s,%s,%s,%s,%s,%d,%d,%d,%s,%s,%s,%s\n", d->id,
                d->person->id, d->person->enrolment, d->person->order, d->day,
                d->at, d->kind, d->item, d->units, d->mcg, d->days, d->batch,
                d->verified, d->by, d->recorded);
    }
    finish(f, path);
}

/* As a clinic keeps it: cards, days as dd-mm-yyyy, milligrams, no ids. */
static void write_register(const struct workload *w, const char *path)
{
    FILE *f = create(path);
    fprintf(f, "Sr. No.,Card,Date,Time,Status,Drug,Tablets,Dose,Days,Batch,"
               "Given by\n");
    for (size_t i = 0; i < w->shape.doses; i++) {
        const struct dose *d = &w->doses[i];
        fprintf(f, "%zu,%s,%.2s-%.2s-%.4s,%.5s,%c,%s,%d,%d.%03d mg,%d,%s,%s\n",
                i + 1, d->person->number, d->day + 8, d->day + 5, d->day,
                d->at + 11, "PT"[strcmp(d->kind, "observed") != 0], d -> item,
                d -> units, d -> mcg / 1000, d -> mcg % 1000, d -> days,
                d -> batch, d -> by);
    }
    finish(f, path);
}

static void import_all(struct database *db, const struct import_order *order,
                       uint64_t wanted_new)
{
    struct import *import = NULL;
    struct err e = {0};
    bool more = true;
    must(import_open(db, order, 0, &import, &e), &e);
    while (more) {
        must(import_step(import, &more, &e), &e);
    }
    const struct import_state *s = import_state(import);
    if (s->bad > 0 || s->good != wanted_new) {
        (void)fprintf(stderr, "bench: imported %llu rows of %llu: %s\n",
                      (unsigned long long)s->good,
                      (unsigned long long)wanted_new, s->first[0]);
        exit(EXIT_FAILURE);
    }
    must(import_commit(import, &e), &e);
    import_destroy(&import);
}

static double imported_us(struct branch *b, const struct import_order *order,
                          uint64_t rows, uint64_t wanted_new)
{
    struct database *db = NULL;
    struct err e = {0};
    struct gauge took = {0};
    must(database_open(b->tree->nodes[CLINIC].path, DATABASE_TOOL,
                       DATABASE_EXISTING, &db, &e),
         &e);
    struct gauge before = gauge_now();
    import_all(db, order, wanted_new);
    gauge_add(&took, &before);
    database_close(&db);
    return (double)took.cpu_ns / 1e3 / (double)rows;
}

static double plain_us(const struct workload *w, struct branch *b)
{
    const struct stretch all = {0, w->shape.doses, w->shape.doses};
    struct gauge took = {0};
    struct gauge before = gauge_now();
    writer_write_once(w, ROWS_DOSES, b->plain, &all);
    gauge_add(&took, &before);
    return (double)took.cpu_ns / 1e3 / (double)all.count;
}

static struct branch *branch_with_people(const struct workload *w)
{
    const struct stretch people = {0, w->shape.persons, 1000};
    struct branch *b = branch_new(CLIENT_CHECKPOINTS);
    writer_write_once(w, ROWS_PERSONS, b->plain, &people);
    writer_write_once(w, ROWS_PERSONS, b->clients[CLINIC], &people);
    branch_drain(b, CLINIC);
    return b;
}

static void measure_plain(const struct workload *w)
{
    char path[512];
    struct branch *b = branch_with_people(w);
    const struct import_order order = {.table = "dose_event", .path = path};
    (void)snprintf(path, sizeof path, "%s/plain.csv", b->tree->folder);
    write_plain(w, path);
    double floor_value = plain_us(w, b);
    figure_add(FIGURE_IMPORT_PLAIN, floor_value,
               imported_us(b, &order, w->shape.doses, w->shape.doses));
    branch_destroy(&b);
}

static void measure_register(const struct workload *w)
{
    char path[512];
    char map_path[512];
    struct map *map = NULL;
    struct err e = {0};
    struct branch *b = branch_with_people(w);
    (void)snprintf(path, sizeof path, "%s/register.csv", b->tree->folder);
    (void)snprintf(map_path, sizeof map_path, "%s/r.map", b->tree->folder);
    write_register(w, path);
    FILE *f = create(map_path);
    fputs(map_text, f);
    finish(f, map_path);
    must(map_read(map_path, &map, &e), &e);
    const struct import_order order = {
        .table = "dose_event", .path = path, .map = map};
    double floor_value = plain_us(w, b);
    figure_add(FIGURE_IMPORT_MAP, floor_value,
               imported_us(b, &order, w->shape.doses, w->shape.doses));
    figure_add(FIGURE_IMPORT_AGAIN, floor_value,
               imported_us(b, &order, w->shape.doses, 0));
    map_destroy(&map);
    branch_destroy(&b);
}

void import_cost_measure(const struct sizes *sizes)
{
    const struct workload_shape shape = {
        .doses = sizes->doses, .persons = sizes->persons, .keys = UUID_V7};
    struct workload *w = workload_new(&shape);
    measure_plain(w);
    measure_register(w);
    workload_destroy(&w);
}
