/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Enrolment: how a new node comes into the network. It calls its parent with
 * the one-time key of its invite, asks, and gets its certificate; nothing else
 * is possible with that key (docs/design.md section 8).
 *
 *        new node                          parent
 *   call with the invite's key ---->  auth: is it an invite's key?
 *   ENROL (three keys, signed) ---->  spend the invite, sign the certificate,
 *                                     in one transaction
 *                              <----  GRANT (certificates from the root down)
 *                              <----  or ERROR
 *
 * The same request again gets the same answer, so a lost one is asked for
 * again.
 */
#ifndef SANGAM_ENROLMENT_H
#define SANGAM_ENROLMENT_H

#include "node/transport.h"
#include "store/replica.h"

/* At the parent: what to answer a frame that came with an invite's key, a
 * grant or an error. Appends the frame to send. Fails only with what must stop
 * the node (fault.h). */
int enrolment_answer(struct replica *r, const struct inbound *in,
                     struct bytes *ret_frame, struct err *e);

/* At the new node: asks, and asks again if nothing comes; up to a minute. The
 * caller message_clear()s the grant and verifies it. ERR_TIMEOUT, or what the
 * parent says. */
int enrolment_ask(const struct invite *invite, const struct keys *keys,
                  struct message *ret_grant, struct err *e);

#endif
