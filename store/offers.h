/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Offers: rows that their owner offers to another site, found by the hash of
 * the leaf that says so (docs/semantics.md section 4). Computed from the
 * journal; only offers that count are here, and those that were taken back.
 */
#ifndef SANGAM_OFFERS_H
#define SANGAM_OFFERS_H

#include "store/merge.h"
#include "store/rows.h"

/* Does a leaf with this verdict, in this changeset, offer what it says? One that
 * was taken back, because it was stamped ahead, does: who has it may have accepted
 * it, and signed anew it is another leaf. */
bool offers_count(struct registry *r, const struct changeset_header *in,
                  int code);

/* Notes what a leaf that counts and brings a row of a table of offers says.
 * 1 when it is new: a row may wait for it; `ret_key` then gets the canonical
 * key of the row offered. 0 when it is known, or offers nothing. */
int offers_note(struct merger *m, const struct table *offers,
                const struct leaf *leaf, const struct changeset *cs,
                uint32_t index, struct bytes *ret_key, struct err *e);

/* The offer of this leaf hash: 1 with *ret, which borrows from `memory`; 0
 * not held. */
int offers_find(struct merger *m, const uint8_t hash[HASH_BYTES],
                struct bytes *memory, struct offer *ret, struct err *e);

/* The offers that a row of a table of offers made count no more. `ret_keys`
 * gets the canonical keys of the rows that were offered, each as a slice. */
int offers_forget(struct merger *m, const struct table *offers,
                  struct slice offer_key, struct bytes *ret_keys,
                  struct err *e);

/* An offer of a row to a site by its owner under an epoch, for the site to take: 1
 * with the hash of its leaf. One that was not taken back, where there is one: others
 * may never get the other. */
int offers_to(struct merger *m, const struct table *t, struct slice key,
              const struct owner *owner, uint32_t epoch, const char *site,
              uint8_t ret_hash[HASH_BYTES], struct err *e);

#endif
