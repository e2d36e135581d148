/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Feed: which rows the node wrote, for programs that keep something derived
 * from them (a search index, a cache). The node writes with triggers off, so
 * that a program's triggers never see what comes from elsewhere; a program that
 * wants to know asks for tables in local_subscription and reads local_changed
 * at its own pace (docs/reader-contract.md).
 */
#ifndef SANGAM_FEED_H
#define SANGAM_FEED_H

#include "store/manifest.h"

struct feed;

struct feed *feed_new(struct database *db);
void feed_destroy(struct feed **f);

/* Reads who asked for what; at the start of each transaction. */
int feed_start(struct feed *f, struct err *e);

/* The node wrote or deleted a row: in the same transaction. A feed that nobody
 * reads is emptied at FEED_ROWS_MAX, and its subscribers are told to start
 * over. */
int feed_row(struct feed *f, const struct table *t, const struct value *key,
             struct err *e);

#endif
