/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Invitation: an invite on its way from `sangam invite` to the daemon. The
 * command writes a row of local_invite with the public half of a one-time key,
 * signed with the node's identity key; the daemon opens it. The secret half goes into
 * the invite's file and nowhere else.
 */
#ifndef SANGAM_INVITATION_H
#define SANGAM_INVITATION_H

#include "protocol/invite.h"
#include "store/database.h"

/* What a new invite needs to know of this replica. ERR_INPUT if there is no
 * such site. */
struct invitation_facts {
    struct hash network;
    uint8_t curve[KEY_PUBLIC_BYTES]; /* of this node */
    bool is_hub; /* the site is a hub, which enrols nodes itself */
};
int invitation_facts(struct database *db, const char *site,
                     struct invitation_facts *ret, struct err *e);

/* Asks the daemon to open the invite and writes its file, both or neither.
 * `keys` are this node's. */
int invitation_ask(struct database *db, const struct invite *invite,
                   bool may_enrol, const struct keys *keys, const char *file,
                   struct err *e);

enum invitation_state {
    INVITATION_ASKED, /* the daemon has not seen it */
    INVITATION_OPEN,
    INVITATION_REFUSED, /* `e` says why */
};
/* Negative ERR_* if it cannot be read. */
int invitation_state(struct database *db, const struct invite *invite,
                     enum invitation_state *ret, struct err *e);

#endif
