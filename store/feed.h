/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Feed: which rows were written, for local tools that derive something from
 * them (a search index, a count). The node's own writes fire no trigger of
 * theirs, so a tool names a table in local_feed, and every row of it that is
 * written from then on is named in sync_change, in the same transaction.
 *
 * No SQL of a tool's runs here, and nothing a tool does or leaves undone
 * stops the node: the newest FEED_CHANGES_MAX are kept, and who comes later
 * starts over (docs/decisions/0008-a-feed-of-changed-rows.md).
 */
#ifndef SANGAM_FEED_H
#define SANGAM_FEED_H

#include "store/manifest.h"

struct feed;

struct feed *feed_new(struct database *db);
void feed_destroy(struct feed **f);

/* Reads which tables somebody wants to be told of; at the start of each write
 * transaction. Before the first it is none. */
int feed_start(struct feed *f, struct err *e);

/* A row was written or deleted. */
int feed_note(struct feed *f, const struct table *t, const struct value *key,
              struct err *e);

/* Any row may have changed: everybody starts over. */
int feed_break(struct database *db, struct err *e);

#endif
